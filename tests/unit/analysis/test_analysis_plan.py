"""What the analysis says about whole runs: directions, ways back, recovery, captured SQL, live schemas."""

from __future__ import annotations

from pathlib import Path

import pytest

from diana_tools.analyze import MigrationText, analyze
from diana_tools.measured import Schema, SchemaObject
from unit.analysis.ground import SHOP, alembic, loses, migration, read, schema

VERSIONS = Path(__file__).parents[2] / "projects/alembic/migrations/versions"

# The three migrations of the fixture, as they are.
TABLES = '''"""create tables"""
import sqlalchemy as sa
from alembic import op

revision = "1a0000000001"
down_revision = None


def upgrade():
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(200), nullable=False, unique=True),
        sa.Column("legacy_code", sa.String(20)),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("customer_id", sa.Integer, sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
    )
    op.create_index("ix_orders_total", "orders", ["total"])
    op.create_table("audit_log", sa.Column("id", sa.Integer, primary_key=True), sa.Column("message", sa.Text))


def downgrade():
    op.drop_table("audit_log")
    op.drop_index("ix_orders_total", table_name="orders")
    op.drop_table("orders")
    op.drop_table("customer")
'''
FULL_NAME = '''"""add customer.full_name and backfill it"""
import sqlalchemy as sa
from alembic import op

revision = "1a0000000002"
down_revision = "1a0000000001"


def upgrade():
    op.add_column("customer", sa.Column("full_name", sa.String(200)))
    bind = op.get_bind()
    # data migration which READS: impossible offline (--sql)
    for row in bind.execute(sa.text("SELECT id, email FROM customer")).fetchall():
        bind.execute(
            sa.text("UPDATE customer SET full_name = :n WHERE id = :i"),
            {"n": row.email.split("@")[0], "i": row.id},
        )


def downgrade():
    with op.batch_alter_table("customer") as batch:
        batch.drop_column("full_name")
'''
LEGACY = '''"""drop customer.legacy_code and audit_log (cannot be undone)"""
from alembic import op

revision = "1a0000000003"
down_revision = "1a0000000002"


def upgrade():
    with op.batch_alter_table("customer") as batch:
        batch.drop_column("legacy_code")
    op.drop_table("audit_log")


def downgrade():
    raise NotImplementedError("legacy_code and audit_log cannot be restored")
'''
Found = set[tuple[str, str, str]]


def _found(texts: list[str], dialect: str, earlier: list[str], direction: str, live: Schema | None = None) -> Found:
    now = [migration(number, text) for number, text in enumerate(texts)]
    before = [migration(100 + number, text) for number, text in enumerate(earlier)]
    analysis = analyze(now, dialect, before, live, direction)
    assert analysis.unread == ()
    return {(f.migration, f.rule, f.object) for f in analysis.findings if f.data_loss}


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_pending_of_the_fixture(dialect: str) -> None:
    assert _found([FULL_NAME, LEGACY], dialect, [TABLES], "up") == {
        ("m1", "DL005", "customer.legacy_code"),
        ("m1", "DL003", "audit_log"),
    }


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_from_nothing_the_fixture_loses_nothing(dialect: str) -> None:
    assert _found([TABLES, FULL_NAME, LEGACY], dialect, [], "up") == set()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_way_down_of_the_fixture(dialect: str) -> None:
    assert _found([FULL_NAME, TABLES], dialect, [], "down") == {
        ("m0", "DL005", "customer.full_name"),
        ("m0", "IR003", "customer"),
        ("m1", "DL003", "audit_log"),
        ("m1", "DL003", "orders"),
        ("m1", "DL003", "customer"),
        ("m1", "IR003", "audit_log"),
    }


def test_the_fixture_in_the_repository_reads_the_same() -> None:
    texts = [path.read_text() for path in sorted(VERSIONS.glob("*.py"))]
    assert len(texts) == 3
    assert _found(texts[1:], "sqlite", texts[:1], "up") == _found([FULL_NAME, LEGACY], "sqlite", [TABLES], "up")


CAPTURED = """
CREATE TABLE _alembic_tmp_customer (
    id INTEGER NOT NULL, email VARCHAR(200) NOT NULL, full_name VARCHAR(200), PRIMARY KEY (id)
);
INSERT INTO _alembic_tmp_customer (id, email, full_name) SELECT customer.id, customer.email, customer.full_name
FROM customer;
DROP TABLE customer;
ALTER TABLE _alembic_tmp_customer RENAME TO customer;
DROP TABLE audit_log;
UPDATE alembic_version SET version_num='1a0000000003' WHERE alembic_version.version_num = '1a0000000002';
"""


def test_captured_sql_of_a_batch_says_the_same_as_its_text() -> None:
    live = schema(
        ("table", "customer", ""),
        ("column", "customer.id", "integer not null pk"),
        ("column", "customer.email", "varchar(200) not null"),
        ("column", "customer.legacy_code", "varchar(20)"),
        ("column", "customer.full_name", "varchar(200)"),
        ("table", "audit_log", ""),
        ("column", "audit_log.id", "integer not null pk"),
        ("constraint", "orders: foreign key(customer_id)", "references customer(id)"),
    )
    found = {(rule, name) for _, rule, name in _found([CAPTURED], "sqlite", [], "up", live)}
    assert found == {("DL005", "customer.legacy_code"), ("DL003", "audit_log")}


def test_captured_sql_with_the_marks_of_drivers() -> None:
    text = "UPDATE users SET name = %(n)s::VARCHAR WHERE users.id = %(i)s::INTEGER;\nDELETE FROM users WHERE id = ?;"
    found = read(text)
    assert [f.rule for f in found.findings] == ["DL010", "DL010"]
    assert found.unread == ()


@pytest.mark.parametrize(
    ("down", "rules"),
    [
        ("pass", {"IR001"}),
        ("raise NotImplementedError('no')", {"IR001"}),
        ("'''Nothing to undo.'''", {"IR001"}),
        ("op.create_table('users')", {"IR002"}),
    ],
)
def test_ways_back(down: str, rules: set[str]) -> None:
    found = read(alembic("op.drop_table('users')", down=down))
    assert {f.rule for f in found.findings} & {"IR001", "IR002"} == rules


def test_a_merge_of_two_branches_is_neither_empty_nor_without_a_way_back() -> None:
    text = alembic("pass").replace("down_revision = None", "down_revision = ('a', 'b')")
    assert read(text).findings == ()


def test_no_downgrade_at_all() -> None:
    found = read("from alembic import op\ndef upgrade():\n    op.drop_table('a')\n")
    assert "IR001" in {f.rule for f in found.findings}


def test_a_downgrade_that_is_not_there_does_nothing() -> None:
    found = read("from alembic import op\ndef upgrade():\n    op.drop_table('a')\n", direction="down")
    assert not loses(found)


def test_sql_has_no_way_back_to_speak_of() -> None:
    assert {f.rule for f in read("DROP TABLE a").findings} == {"DL003"}


@pytest.mark.parametrize(
    ("body", "dialect", "rule", "recovery"),
    [
        ("op.drop_table('users')", "postgresql", "DL003", "backup"),
        ("op.rename_table('users', 'people')", "postgresql", "CO001", "down"),
        ("op.add_column('a', sa.Column('b', sa.Integer, nullable=False))", "postgresql", "DF003", "tx"),
        ("op.add_column('a', sa.Column('b', sa.Integer, nullable=False))", "sqlite", "DF003", "down"),
        ("op.execute(\"COPY a TO PROGRAM 'x'\")", "postgresql", "SE003", "none"),
    ],
)
def test_recovery_is_honest(body: str, dialect: str, rule: str, recovery: str) -> None:
    """A downgrade restores shape, not data; what a statement sent out of the database nobody calls back."""
    found = read(alembic(body, down="op.rename_table('people', 'users')"), dialect)
    assert [f.recovery for f in found.findings if f.rule == rule] == [recovery]


def test_without_a_way_back_only_the_backup_helps() -> None:
    found = read(alembic("op.rename_table('users', 'people')"))
    assert [f.recovery for f in found.findings if f.rule == "CO001"] == ["backup"]


@pytest.mark.parametrize(
    ("text", "level", "loss"),
    [
        ("DROP TABLE users CASCADE", "B", True),
        ("DROP TABLE orders CASCADE", "T", False),
        ("ALTER TABLE lonely DROP COLUMN note CASCADE", "T", False),
        ("ALTER TABLE users DROP COLUMN age CASCADE", "B", True),
    ],
)
def test_cascade_is_blocked_unless_nothing_depends(text: str, level: str, loss: bool) -> None:
    """The live schema has a view and a key on `users`, none on `orders` and `lonely`."""
    found = analyze([migration(0, text)], "postgresql", [], SHOP, "up")
    assert [(f.level, f.data_loss) for f in found.findings if f.rule == "DL004"] == [(level, loss)]
    assert any(f.data_loss for f in found.findings)


def test_cascade_is_blocked_when_nobody_could_look() -> None:
    assert [f.level for f in read("DROP TABLE users CASCADE").findings if f.rule == "DL004"] == ["B"]


def test_a_filled_schema_is_blocked_and_an_empty_one_typed() -> None:
    def level(name: str) -> list[str]:
        return [f.level for f in analyze([migration(0, f"DROP SCHEMA {name}")], "postgresql", [], SHOP, "up").findings]

    assert (level("audit"), level("empty"), level("audit CASCADE")) == (["B"], ["T"], ["B"])


def test_types_are_named_as_they_change() -> None:
    text = "ALTER TABLE users ALTER email TYPE varchar(50)"
    found = analyze([migration(0, text)], "postgresql", [], SHOP, "up").findings
    assert [f.detail for f in found if f.rule == "DL011"] == ["character varying(200) -> varchar(50)"]


def test_a_guess_is_called_one() -> None:
    found = read(alembic("op.alter_column('t', 'c', type_=sa.Integer())"))
    assert [f.confidence for f in found.findings if f.rule == "DL011"] == ["guessed"]


def test_a_live_schema_without_tables_says_nothing() -> None:
    found = analyze([migration(0, "DROP TABLE a")], "sqlite", [], Schema(()), "up")
    assert [f.rule for f in found.findings] == ["DL003"]


def test_a_live_schema_with_strange_objects_is_looked_at_all_the_same() -> None:
    odd = (
        SchemaObject("column", "no table", ""),
        SchemaObject("constraint", "", "references"),
        SchemaObject("function", "f(", "no sql"),
        SchemaObject("type", "t", "enum"),
    )
    live = Schema(odd + SHOP.objects)
    found = analyze([migration(0, "SELECT f(1); DROP TABLE users CASCADE")], "postgresql", [], live, "up")
    assert {f.rule for f in found.findings} == {"DL003", "DL004"}


@pytest.mark.parametrize("language", ["", "ruby"])
def test_another_language_is_unread(language: str) -> None:
    found = analyze([MigrationText("a", "a.rb", "drop_table :users", language)], "sqlite", [], None, "up")
    assert [u.why for u in found.unread] == ["AC001.language"]
    assert loses(found)
