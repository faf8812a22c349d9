"""An error of a database or a tool, told without what it quotes of rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diana_agent.models.faults import Fault, fault_of, words_of
from servers import PgDatabase

ROW = "anna@example.org"

CASES = {
    'migration_failed: (psycopg.errors.UniqueViolation) could not create unique index "customer_email_key"\n'
    f"DETAIL:  Key (email)=({ROW}) is duplicated.": Fault(
        "migration_failed", "psycopg.errors.UniqueViolation", ("customer_email_key",), "", 0,
        "could not create unique index … customer_email_key …",
    ),
    "migration_failed: versions/0003.py:21: IntegrityError: UNIQUE constraint failed: customer.email, customer.name":
    Fault(
        "migration_failed", "IntegrityError", ("customer.email, customer.name",), "versions/0003.py", 21,
        "unique constraint failed … customer.email … customer.name",
    ),
    f'InvalidTextRepresentation: invalid input syntax for type integer: "{ROW}"': Fault(
        "", "InvalidTextRepresentation", (), "", 0, "invalid input syntax for type integer …"
    ),
    'rehearsal_failed: UndefinedColumn: column "legacy" of relation "customer" does not exist\nLINE 3: SELECT legacy':
    Fault("rehearsal_failed", "UndefinedColumn", ("legacy", "customer"), "", 3,
          "column … legacy … of relation … customer … does not exist"),
    f"ValueError: invalid literal for int() with base 10: '{ROW}'": Fault(
        "", "ValueError", (), "", 0, "invalid … for … with …"
    ),
    f"RuntimeError: customer 4711 ({ROW}, Anna Smith) has no address": Fault(
        "", "RuntimeError", (), "", 0, "… has no …"
    ),
    f"Smith: {ROW}": Fault(),
    f"anna: {ROW}": Fault(),
    "timeout": Fault("timeout"),
    "": Fault(),
}  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_what_is_taken_over(text: str) -> None:
    found, wanted = fault_of(text), CASES[text]
    assert (found.code, found.kind, found.objects) == (wanted.code, wanted.kind, wanted.objects)
    assert (found.file, found.line) == (wanted.file, wanted.line)
    assert found.words.lower() == wanted.words
    assert ROW not in repr(found)
    assert not any(word in repr(found) for word in ("4711", "Anna", "Smith"))


@given(st.text(min_size=1, max_size=40), st.sampled_from(sorted(CASES)))
def test_what_stands_behind_the_quoting_is_never_taken(value: str, text: str) -> None:
    """Also a value with line ends, brackets and words of an error in it."""
    marked = f"QZX7{value}QZX7"
    for quoting in ("DETAIL:  Key (email)=(", "[parameters: ('", "CONTEXT:  ", "[SQL: ", "Failing row contains ("):
        assert "QZX7" not in repr(fault_of(f"{text} {quoting}{marked}) is duplicated."))
    assert "QZX7" not in words_of(f"warning: {marked}")


@given(st.lists(st.sampled_from(["could", "not", "null", "4711", "Anna", ROW, "'x'", "(1,", "\n", "row"]), max_size=12))
def test_words_that_may_be_of_a_row_are_gaps(words: list[str]) -> None:
    found = words_of(" ".join(words))
    assert set(found.split()) <= {"could", "not", "null", "row", "…"}


def test_sqlite_s_own_errors_tell_no_row() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(f"CREATE TABLE c (email TEXT); INSERT INTO c VALUES ('{ROW}'), ('{ROW}');")
        with pytest.raises(sqlite3.IntegrityError) as caught:
            database.execute("CREATE UNIQUE INDEX c_email ON c (email)")
        found = fault_of(f"migration_failed: IntegrityError: {caught.value}")
        assert found.objects == ("c.email",)
        with pytest.raises(sqlite3.OperationalError) as missing:
            database.execute("SELECT * FROM nowhere")
        assert fault_of(f"x_y: OperationalError: {missing.value}").objects == ("nowhere",)


@pytest.mark.parametrize(
    ("statement", "kind", "told"),
    [
        ("CREATE UNIQUE INDEX c_email ON c (email)", "UniqueViolation", "c_email"),
        ("ALTER TABLE c ADD CONSTRAINT short CHECK (length(email) < 3)", "CheckViolation", "short"),
        ("ALTER TABLE c ALTER COLUMN email TYPE integer USING email::integer", "InvalidTextRepresentation", ""),
        ("ALTER TABLE c ALTER COLUMN note SET NOT NULL", "NotNullViolation", "note"),
        ("DROP TABLE nowhere", "UndefinedTable", "nowhere"),
        (f"DO $$BEGIN RAISE EXCEPTION 'row % is wrong', '{ROW}'; END$$", "RaiseException", ""),
    ],
)
def test_postgresql_s_own_errors_tell_no_row(pg_database: PgDatabase, statement: str, kind: str, told: str) -> None:
    import psycopg

    pg_database.execute(f"CREATE TABLE c (email text, note text); INSERT INTO c VALUES ('{ROW}'), ('{ROW}')")
    with psycopg.connect(pg_database.url.replace("+psycopg", "")) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    found = fault_of(f"migration_failed: versions/3.py:9: {type(caught.value).__name__}: {caught.value}")
    assert found.kind == kind
    assert told in " ".join(found.objects)
    assert (found.file, found.line) == ("versions/3.py", 9)
    assert ROW not in repr(found)
    assert "example" not in repr(found)
