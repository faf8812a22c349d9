"""A SQLite schema as it is compared: the same after a rebuild, different after every real change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from diana_tools.databases.sqlite import sqltext
from diana_tools.measured import Schema
from integration.sqlite_ground import SHOP, Ground, change, ground


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as made:
        yield made


def told(schema: Schema) -> dict[str, str]:
    return {f"{one.kind} {one.name}": one.definition for one in schema.objects}


def migrate(path: Path, step: str) -> None:
    """One operation by Alembic's own batch mode, which rebuilds the table."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("users", recreate="always") as batch:
            if step == "add":
                batch.add_column(sa.Column("phone", sa.String(20)))
            elif step == "drop":
                batch.drop_column("phone")


def test_every_object_is_there_in_words(shop: Ground) -> None:
    assert told(shop.schema()) == {
        "table alembic_version": "", "table orgs": "", "table users": "",
        "column alembic_version.version_num": "varchar(32) not null pk",
        "column orgs.id": "integer not null pk", "column orgs.name": "varchar(40)",
        "column users.id": "integer not null pk", "column users.email": "varchar(255) not null",
        "column users.age": "integer default 18", "column users.note": "text", "column users.org_id": "integer",
        "constraint alembic_version: primary key": "primary key(version_num)",
        "constraint orgs: primary key": "primary key(id)", "constraint users: primary key": "primary key(id)",
        "constraint users: unique(email)": "unique(email)", "constraint users: check(age > 0)": "check(age > 0)",
        "constraint users: foreign key(org_id)": "references orgs(id) on delete cascade",
        "index ix_users_age": "on users(age)",
        "view adults": "view adults as select id, email from users where age >= 18",
        "trigger no_empty": "trigger no_empty before insert on users when new.email = '' begin"
        " select raise(abort, 'empty') ; end",
    }  # fmt: skip


def test_a_rebuild_by_alembic_is_the_same_but_for_what_it_really_loses(shop: Ground) -> None:
    """Alembic's batch mode does not carry triggers over: the fingerprint must say so, and say nothing else."""
    # A view on the table makes Alembic's rebuild fail.
    change(shop.path, "DROP VIEW adults")
    before = shop.schema()
    migrate(shop.path, "add")
    migrate(shop.path, "drop")
    difference = before.diff(shop.schema())
    assert [one.name for one in difference.removed] == ["no_empty"]
    assert not difference.added
    assert not difference.changed


def test_a_table_rebuilt_by_hand_is_the_same(shop: Ground) -> None:
    before = shop.state()
    change(
        shop.path,
        """
        PRAGMA legacy_alter_table = ON;
        CREATE TABLE [new] (note text, "email" Varchar( 255 ) not null unique /* once */,
            `id` integer primary key not null, age INTEGER DEFAULT (18) constraint grown check ("age">0),
            org_id integer references "orgs" on delete CASCADE);
        INSERT INTO new (id, email, age, note, org_id) SELECT id, email, age, note, org_id FROM users ORDER BY id DESC;
        DROP TABLE users;
        ALTER TABLE new RENAME TO users;
        CREATE INDEX ix_users_age ON "users"("age" ASC);
        CREATE TRIGGER no_empty before insert on [users]  when NEW.email='' BEGIN SELECT RAISE(ABORT,'empty'); END;
        """,
    )
    after = shop.state()
    assert before.schema.diff(after.schema).empty
    assert before.schema.fingerprint == after.schema.fingerprint
    assert before == after


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("ALTER TABLE users ADD COLUMN phone TEXT", "users.phone"),
        ("ALTER TABLE users DROP COLUMN note", "users.note"),
        ("ALTER TABLE users RENAME COLUMN note TO remark", "users.remark"),
        ("DROP INDEX ix_users_age; CREATE UNIQUE INDEX ix_users_age ON users (age)", "ix_users_age"),
        ("DROP INDEX ix_users_age; CREATE INDEX ix_users_age ON users (age DESC)", "ix_users_age"),
        ("DROP INDEX ix_users_age; CREATE INDEX ix_users_age ON users (age) WHERE age > 3", "ix_users_age"),
        ("DROP INDEX ix_users_age; CREATE INDEX ix_users_age ON users (age + 1)", "ix_users_age"),
        ("DROP INDEX ix_users_age; CREATE INDEX ix_users_age ON users (age COLLATE NOCASE)", "ix_users_age"),
        ("DROP VIEW adults", "adults"),
        ("DROP VIEW adults; CREATE VIEW adults AS SELECT id, email FROM users WHERE age >= 21", "adults"),
        ("DROP TRIGGER no_empty", "no_empty"),
        ("CREATE TABLE more (a)", "more"),
        ("CREATE VIRTUAL TABLE texts USING fts5(body)", "texts"),
    ],
)
def test_every_change_is_seen(shop: Ground, statement: str, name: str) -> None:
    before = shop.schema()
    change(shop.path, statement)
    difference = before.diff(shop.schema())
    touched = [*difference.added, *difference.removed, *(new for _, new in difference.changed)]
    assert name in [one.name for one in touched]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a INTEGER", "a BIGINT"),
        ("a TEXT", "a TEXT NOT NULL"),
        ("a TEXT DEFAULT 'x'", "a TEXT DEFAULT 'X'"),
        ("a TEXT", "a TEXT COLLATE NOCASE"),
        ("a INTEGER, b INTEGER", "a INTEGER, b INTEGER AS (a + 1)"),
        ("a INTEGER, b INTEGER AS (a + 1)", "a INTEGER, b INTEGER AS (a + 2)"),
        ("a INTEGER, b INTEGER AS (a + 1) VIRTUAL", "a INTEGER, b INTEGER AS (a + 1) STORED"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("a INTEGER, b INTEGER, PRIMARY KEY (a, b)", "a INTEGER, b INTEGER, PRIMARY KEY (b, a)"),
        ("a INTEGER, b INTEGER, UNIQUE (a, b)", "a INTEGER, b INTEGER, UNIQUE (b)"),
        ("a INTEGER CHECK (a > 0)", "a INTEGER CHECK (a > 1)"),
        ("a INTEGER, CHECK (a IN (1, 2))", "a INTEGER, CHECK (a IN (1, 3))"),
        ("a INTEGER REFERENCES orgs", "a INTEGER REFERENCES orgs ON DELETE CASCADE"),
        ("a INTEGER REFERENCES orgs (id)", "a INTEGER REFERENCES users (id)"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY) WITHOUT ROWID --"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY) STRICT --"),
    ],
)
def test_different_columns_and_constraints_differ(shop: Ground, one: str, other: str) -> None:
    change(shop.path, f"CREATE TABLE t ({one}\n)")
    first = shop.schema()
    change(
        shop.path,
        f"DROP TABLE t; CREATE TABLE t ({other}\n)" if "--" not in other else f"DROP TABLE t; CREATE TABLE t ({other}",
    )
    assert first.fingerprint != shop.schema().fingerprint


def test_dianas_marker_and_sqlites_own_tables_do_not_count(shop: Ground) -> None:
    before = shop.schema()
    change(
        shop.path,
        "CREATE TABLE diana_scratch_marker (token TEXT NOT NULL); CREATE INDEX ix ON diana_scratch_marker (token);"
        "ANALYZE; CREATE TABLE gone (a INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE gone;",
    )
    assert shop.schema() == before


def test_odd_names_are_read(shop: Ground) -> None:
    change(shop.path, 'CREATE TABLE "a "" b.c:d" ("x:y" TEXT, "ж" INTEGER, [select] REAL, "%s" TEXT)')
    names = [one.name for one in shop.schema().objects]
    assert 'a " b.c:d.x:y' in names
    assert 'a " b.c:d.ж' in names
    change(shop.path, """INSERT INTO "a "" b.c:d" VALUES ('t:u', 1, 2.5, '%s')""")
    assert shop.state().rows()['a " b.c:d'] == 1


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT  1 -- no\n , 'A  b''c' /* x */", "select 1, 'A  b''c'"),
        ('"Users"."two words"', 'users."two words"'),
        ("a<=b AND c||d", "a <= b and c || d"),
        ("/* never closed", ""),
        ("'never closed", "' never closed"),
        ("", ""),
    ],
)
def test_one_form_for_every_spelling(sql: str, expected: str) -> None:
    assert sqltext.normal(sql) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("(1 + 2)", "1 + 2"), ("((1)+(2))", "(1) + (2)"), ("'(x)'", "'(x)'"), ("()", "")]
)
def test_a_default_is_taken_out_of_its_parentheses(text: str, expected: str) -> None:
    assert sqltext.default(text) == expected


def test_a_broken_text_of_a_table_is_no_crash() -> None:
    for end in range(len(SHOP)):
        sqltext.read_table(SHOP[:end])


def test_a_schema_can_be_taken_while_nothing_is_there(tmp_path: Path) -> None:
    with ground(tmp_path, script="") as empty, closing(empty.path.open("rb")):
        assert empty.schema().objects == ()
        assert empty.state().version == ()
