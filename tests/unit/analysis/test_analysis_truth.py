"""The analysis against the truth: migrations are run by Alembic on real databases, and what is gone is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import event

from diana_tools.analyze import MigrationText, analyze
from diana_tools.measured import Schema
from integration import pg_ground, sqlite_ground
from servers import PgDatabase
from unit.analysis.ground import alembic

pytestmark = pytest.mark.integration

SCRIPT = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE TABLE orgs (id INTEGER PRIMARY KEY, name VARCHAR(40));
CREATE TABLE users (
  id INTEGER PRIMARY KEY, email VARCHAR(200) NOT NULL, age INTEGER, note VARCHAR(50),
  org_id INTEGER REFERENCES orgs (id));
CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
CREATE INDEX ix_email ON users (email);
CREATE VIEW bodies AS SELECT body FROM notes;
INSERT INTO orgs VALUES (1, 'one');
INSERT INTO users VALUES (1, 'a@x', 30, 'first', 1), (2, 'b@x', 40, 'second', NULL);
INSERT INTO notes VALUES (1, 'x'), (2, 'y');
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run really did: schemas around it, rows by table around it, the SQL that ran."""

    before: Schema
    after: Schema
    rows: tuple[dict[str, int], dict[str, int]]
    sql: str

    @property
    def gone(self) -> set[str]:
        """Tables and columns that are no longer there, the columns of a table that is gone aside."""
        lost = {(o.kind, o.name) for o in self.before.objects} - {(o.kind, o.name) for o in self.after.objects}
        tables = {name for kind, name in lost if kind == "table"}
        columns = {name for kind, name in lost if kind == "column"}
        return tables | {name for name in columns if name.rpartition(".")[0] not in tables}

    @property
    def emptied(self) -> set[str]:
        """Tables that had rows and have fewer."""
        before, after = self.rows
        return {table for table, count in before.items() if after.get(table, count) < count}


BODIES = {
    "drop table": "op.drop_table('notes')",
    "drop column": "op.drop_column('users', 'note')",
    "drop column in a batch": "with op.batch_alter_table('users') as b:\n    b.drop_column('note')",
    "two columns in a batch": "with op.batch_alter_table('users') as b:\n    b.drop_column('note')\n"
    "    b.drop_column('age')",
    "a rebuild that loses nothing": "with op.batch_alter_table('users') as b:\n"
    "    b.alter_column('email', nullable=True)",
    "wider in a batch": "with op.batch_alter_table('users') as b:\n    b.alter_column('note', type_=sa.String(80))",
    "add and backfill": "op.add_column('users', sa.Column('nick', sa.String(50)))\n"
    "op.execute(\"UPDATE users SET nick = 'x'\")",
    "made and dropped": "op.create_table('tmp', sa.Column('id', sa.Integer))\nop.drop_table('tmp')",
    "delete some": "op.execute('DELETE FROM notes WHERE id = 1')",
    "delete all": "t = sa.table('notes')\nop.execute(t.delete())",
    "delete in a loop": "b = op.get_bind()\nfor r in b.execute(sa.text('SELECT id FROM notes')).fetchall():\n"
    "    b.execute(sa.text('DELETE FROM notes WHERE id = :i'), {'i': r.id})",
    "an index": "op.drop_index('ix_email', table_name='users')",
    "a rebuild by hand": "op.execute('CREATE TABLE n (id INTEGER PRIMARY KEY, body TEXT)')\n"
    "op.execute('DROP VIEW bodies')\n"
    "op.execute('INSERT INTO n (id, body) SELECT id, body FROM notes')\nop.drop_table('notes')\n"
    "op.rename_table('n', 'notes')",
    "a rebuild by hand that loses": "op.execute('DROP VIEW bodies')\n"
    "op.execute('CREATE TABLE n (id INTEGER PRIMARY KEY)')\n"
    "op.execute('INSERT INTO n (id) SELECT id FROM notes')\nop.drop_table('notes')\nop.rename_table('n', 'notes')",
}
VIEW = ("drop table", "a rebuild by hand", "a rebuild by hand that loses")


def _run(engine: sa.Engine, text: str) -> str:
    """Run `upgrade` as Alembic does, and give the SQL that went to the driver."""
    seen: list[str] = []

    def capture(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(text, "migration.py", "exec"), namespace)
    with engine.begin() as connection:
        event.listen(connection, "before_cursor_execute", capture)
        with Operations.context(MigrationContext.configure(connection)):
            namespace["upgrade"]()
    return ";\n".join(seen) + ";"


def _judged(text: str, language: str, dialect: str, before: Schema) -> tuple[set[str], set[str]]:
    """What the analysis says is dropped, and which tables lose rows."""
    found = analyze([MigrationText("1", "m", text, language)], dialect, [], before, "up")
    assert found.unread == ()
    dropped = {f.object for f in found.findings if f.kind in ("drop_table", "drop_column") and f.data_loss}
    deleted = {f.object for f in found.findings if f.kind in ("delete_rows", "delete_without_where", "truncate")}
    return dropped, deleted


def _check(text: str, dialect: str, outcome: Outcome) -> None:
    for source, language in ((text, "alembic-python"), (outcome.sql, "sql")):
        dropped, deleted = _judged(source, language, dialect, outcome.before)
        assert dropped == outcome.gone, source
        assert deleted == outcome.emptied, source


def _counts(engine: sa.Engine, tables: set[str]) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table: connection.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one()
            for table in tables
        }


def _tables(schema: Schema) -> set[str]:
    return {item.name for item in schema.objects if item.kind == "table"}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_on_sqlite(body: str, tmp_path: Path) -> None:
    text = alembic(body)
    with sqlite_ground.ground(tmp_path, script=SCRIPT) as here:
        engine = sa.create_engine(f"sqlite:///{here.path}")
        before = here.schema()
        rows = _counts(engine, _tables(before))
        sql = _run(engine, text)
        after = here.schema()
        left = _counts(engine, _tables(before) & _tables(after))
        engine.dispose()
    _check(text, "sqlite", Outcome(before, after, (rows, left), sql))


@pytest.mark.parametrize("body", [body for name, body in BODIES.items() if name not in VIEW])
def test_on_postgresql(body: str, tmp_path: Path, pg_database: PgDatabase) -> None:
    text = alembic(body)
    with pg_ground.ground(tmp_path, pg_database, SCRIPT) as here:
        url = sa.URL.create(
            "postgresql+psycopg", here.url.username, here.url.password, here.url.host, here.url.port, here.url.database
        )
        engine = sa.create_engine(url)
        before = here.schema()
        rows = _counts(engine, _tables(before))
        sql = _run(engine, text)
        after = here.schema()
        left = _counts(engine, _tables(before) & _tables(after))
        engine.dispose()
    _check(text, "postgresql", Outcome(before, after, (rows, left), sql))


NARROWING = "with op.batch_alter_table('users') as b:\n    b.alter_column('note', type_=sa.String(5))"


def test_narrowing_is_known_from_the_live_schema(tmp_path: Path, pg_database: PgDatabase) -> None:
    for name in ("lite", "post"):
        (tmp_path / name).mkdir()
    with sqlite_ground.ground(tmp_path / "lite", script=SCRIPT) as lite, pg_ground.ground(
        tmp_path / "post", pg_database, SCRIPT
    ) as post:  # fmt: skip
        schemas = {"sqlite": lite.schema(), "postgresql": post.schema()}
    for dialect, before in schemas.items():
        migration = MigrationText("1", "m.py", alembic(NARROWING), "alembic-python")
        found = analyze([migration], dialect, [], before, "up")
        assert [(f.rule, f.object) for f in found.findings if f.data_loss] == [("DL011", "users.note")]
        assert found.findings[0].detail.startswith(("varchar(50)", "character varying(50)"))


def test_dependants_are_known_from_the_live_schema(tmp_path: Path, pg_database: PgDatabase) -> None:
    with pg_ground.ground(tmp_path, pg_database, SCRIPT) as here:
        before = here.schema()
    for table, level in (("notes", "B"), ("orgs", "B"), ("users", "T")):
        text = MigrationText("1", "m.sql", f"DROP TABLE {table} CASCADE", "sql")
        found = analyze([text], "postgresql", [], before, "up")
        assert [f.level for f in found.findings if f.rule == "DL004"] == [level], table
