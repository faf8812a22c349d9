"""What a SQLite database holds and would lose: counts and digests that neither order nor storage moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from diana_tools.backup import differences
from diana_tools.databases.sqlite import DATABASE
from diana_tools.domain import Finding, Loss
from integration.sqlite_ground import Ground, another_program, change, ground


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as made:
        yield made


def lost(shop: Ground, kind: str, thing: str, statement: str = "", detail: str = "") -> Loss:
    finding = Finding("DL000", kind, "T", True, thing, "f.py", 1, statement, detail=detail)
    with shop.look() as session:
        return DATABASE.loss(session, finding)


def test_the_state_of_a_database(shop: Ground) -> None:
    state = shop.state()
    assert state.version == ("1a0000000001",)
    assert state.rows() == {"alembic_version": 1, "orgs": 2, "users": 3}
    assert all(table.digest for table in state.tables)
    assert [table.digest for table in shop.state(digests=False).tables] == [None, None, None]
    with shop.look() as session:
        some = DATABASE.state(session, "alembic_version", ("USERS", "nowhere"), digests=False)
        assert some.rows() == {"users": 3}
        assert DATABASE.state(session, "no_such_table", (), digests=False).version == ()


def test_several_heads_come_sorted(shop: Ground) -> None:
    change(shop.path, "INSERT INTO alembic_version VALUES ('0b'), ('zz')")
    assert shop.state().version == ("0b", "1a0000000001", "zz")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET note = 'First' WHERE id = 1",
        "UPDATE users SET note = NULL WHERE id = 3",
        "UPDATE users SET age = '30x' WHERE id = 1",
        "UPDATE users SET note = x'6669727374' WHERE id = 1",
        "UPDATE users SET age = 30.5 WHERE id = 1",
        "DELETE FROM users WHERE id = 3",
        "INSERT INTO users (id, email) VALUES (9, 'z@x')",
        "UPDATE users SET id = 10 - id",
    ],
)
def test_every_change_of_content_is_seen(shop: Ground, statement: str) -> None:
    before = shop.state()
    change(shop.path, statement)
    found = differences(before, shop.state())
    assert [word.split(":")[1] for word in found] == ["users"]


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM",
        "PRAGMA page_size = 8192; VACUUM",
        "CREATE TABLE t AS SELECT * FROM users; DELETE FROM users;"
        "INSERT INTO users SELECT * FROM t ORDER BY id DESC; DROP TABLE t",
        "PRAGMA journal_mode = WAL",
    ],
)
def test_storage_and_order_do_not_count(shop: Ground, statement: str) -> None:
    before = shop.state()
    change(shop.path, statement)
    assert shop.state() == before


def test_two_equal_rows_are_not_none(shop: Ground) -> None:
    """A digest by XOR would not see a pair of equal rows."""
    change(shop.path, "CREATE TABLE t (a)")
    before = shop.state()
    change(shop.path, "INSERT INTO t VALUES (1), (1)")
    twice = {table.table: table for table in shop.state().tables}["t"]
    assert twice.rows == 2
    assert twice.digest != {table.table: table for table in before.tables}["t"].digest


def test_values_that_no_text_can_hold_are_measured(shop: Ground) -> None:
    change(shop.path, "CREATE TABLE odd (a TEXT, b AS (a || 'x'), c)")
    with closing(sqlite3.connect(shop.path)) as connection:
        connection.execute("INSERT INTO odd (a, c) VALUES (CAST(x'ff00fe' AS TEXT), 9e999)")
        connection.execute("INSERT INTO odd (a, c) VALUES (char(0), -9223372036854775808)")
        connection.commit()
    first = shop.state()
    assert first.rows()["odd"] == 2
    change(shop.path, "UPDATE odd SET a = CAST(x'ff00fd' AS TEXT) WHERE c > 0")
    assert differences(first, shop.state()) == ("content:odd",)


def test_virtual_tables_are_measured_by_what_they_keep(shop: Ground) -> None:
    change(shop.path, "CREATE VIRTUAL TABLE texts USING fts5(body); INSERT INTO texts VALUES ('one two')")
    before = shop.state()
    assert "texts" not in before.rows()
    assert before.rows()["texts_content"] == 1
    change(shop.path, "UPDATE texts SET body = 'one three'")
    assert differences(before, shop.state())


@pytest.mark.parametrize("wal", [True, False])
def test_one_look_is_one_moment(tmp_path: Path, wal: bool) -> None:
    script = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER); CREATE TABLE log (line TEXT);"
    script += (
        "WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO accounts SELECT i, 100 FROM n;"
    )
    with ground(tmp_path, wal=wal, script=script) as bank, another_program(bank.path, "transfer"):
        with bank.look() as session:
            first = DATABASE.state(session, "", (), digests=True)
            second = DATABASE.state(session, "", (), digests=True)
        assert first == second


def test_the_facts(shop: Ground) -> None:
    with shop.look() as session:
        facts = DATABASE.facts(session)
        assert facts.version == sqlite3.sqlite_version
        assert facts.size == shop.path.stat().st_size
        assert facts.rights == ("read", "write")
        assert facts.sessions == ()


@pytest.mark.parametrize("wal", [True, False])
def test_other_programs_on_the_file_are_seen(tmp_path: Path, wal: bool) -> None:
    with ground(tmp_path, wal=wal) as shop:
        with shop.look() as session:
            assert DATABASE.blockers(session) == ()
        for what, state in (("open", "open"), ("immediate", "writing")):
            with another_program(shop.path, what) as pid, shop.look() as session:
                (blocker,) = DATABASE.blockers(session)
                assert (blocker.session, blocker.state) == (str(pid), state)
                assert blocker.query.startswith("python")
                assert DATABASE.facts(session).sessions == (f"{blocker.query} {pid} {state}",)


@pytest.mark.parametrize("kind", ["drop_table", "truncate", "delete_without_where", "update_all"])
def test_a_whole_table(shop: Ground, kind: str) -> None:
    assert lost(shop, kind, "users") == Loss(3, 3)
    assert lost(shop, kind, "main.Users") == Loss(3, 3)
    assert lost(shop, kind, "absent") == Loss(None, why="loss.not_there")


def test_a_column_counts_its_values(shop: Ground) -> None:
    assert lost(shop, "drop_column", "users.note") == Loss(2, 3)
    assert lost(shop, "drop_column", "USERS.NOTE") == Loss(2, 3)
    assert lost(shop, "not_null_without_default", "users.note") == Loss(1, 3)
    assert lost(shop, "drop_column", "users.absent") == Loss(None, 3, "loss.not_there")


@pytest.mark.parametrize(
    ("values", "new", "changed"),
    [
        ("'a', 'abcdefghij', 'abcdefghijk', NULL", "VARCHAR(50) -> VARCHAR(10)", 1),
        ("'12', ' 12', '012', '1.5', 'x', '', NULL", "TEXT -> INTEGER", 5),
        ("1, 2.0, 2.5, -3, NULL", "NUMERIC -> INTEGER", 1),
        ("'1.50', '1.5', '2', 'x'", "TEXT -> FLOAT", 3),
        ("'2026-01-02', NULL", "TEXT -> DATE", 1),
        ("'true', '1', 0", "TEXT -> BOOLEAN", 1),
        ("1, 2.5, 'x'", "NUMERIC -> TEXT", 0),
    ],
)
def test_a_type_counts_the_values_that_would_not_survive(shop: Ground, values: str, new: str, changed: int) -> None:
    rows = ", ".join(f"({value.strip()})" for value in values.split(","))
    kind = "TEXT" if "'" in values and "2.5" not in values else ""
    change(shop.path, f"CREATE TABLE t (c {kind}); INSERT INTO t VALUES {rows}")
    assert lost(shop, "type_change_lossy", "t.c", detail=new) == Loss(changed, len(values.split(",")))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("batch_op.alter_column('email', type_=sa.String(length=2))", Loss(3, 3)),
        ("op.alter_column('users', 'email', existing_type=sa.Text(), type_=sa.String(3))", Loss(0, 3)),
        ("ALTER TABLE users ALTER COLUMN email TYPE varchar(2)", Loss(3, 3)),
        ("op.alter_column('users', 'email', type_=Secret())", Loss(None, 3, "loss.type_unknown")),
        ("", Loss(None, 3, "loss.type_unknown")),
    ],
)
def test_the_new_type_is_read_from_the_statement(shop: Ground, statement: str, expected: Loss) -> None:
    assert lost(shop, "type_change_lossy", "users.email", statement) == expected


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("DELETE FROM users WHERE age > 35", 2),
        ("delete from users where (age between 30 and 40) and not note is null", 1),
        ("DELETE FROM users WHERE email LIKE 'a%' OR id IN (2, 3)", 3),
        ("DELETE FROM users WHERE note = ''", 1),
        ("DELETE FROM users WHERE note = 'a:b'", 0),
        ("DELETE FROM users WHERE age = -1", 0),
        ("DELETE FROM users WHERE id IN (SELECT id FROM orgs)", None),
        ("DELETE FROM users WHERE load_extension('x')", None),
        ("DELETE FROM users WHERE age > abs(3)", None),
        ("DELETE FROM users WHERE age > :limit", None),
        ("DELETE FROM users WHERE nowhere = 1", None),
        ('DELETE FROM users WHERE note = "first"', None),
        ("DELETE FROM users WHERE users.age = 1", None),
        ("op.execute(users.delete().where(users.c.age > 3))", None),
        ("DROP TABLE users", None),
        ("DELETE FROM users WHERE (", None),
        ("", None),
    ],
)
def test_a_delete_is_counted_only_when_its_condition_is_simple(shop: Ground, statement: str, rows: int | None) -> None:
    why = "" if rows is not None else "loss.condition_not_evaluated"
    assert lost(shop, "delete_rows", "users", statement) == Loss(rows, 3, why)
    assert shop.state().rows()["users"] == 3


def test_an_update_counts_the_values_that_it_overwrites(shop: Ground) -> None:
    statement = "UPDATE users SET note = 'x' WHERE id > 0"
    assert lost(shop, "update_rows", "users", statement, "note") == Loss(2, 3)
    nobody = lost(shop, "update_rows", "users", "UPDATE users SET note = 0 WHERE length(note) > 0", "note")
    assert nobody == Loss(None, 3, "loss.condition_not_evaluated")


def test_what_cannot_be_counted_says_so(shop: Ground) -> None:
    assert lost(shop, "other", "users") == Loss(None, 3, "loss.not_counted")
    assert lost(shop, "drop_database", "") == Loss(None, why="loss.not_there")
