"""An error of a database or a tool, told without what it quotes of rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diana_agent.models.faults import Fault, fault_of, parts, words_of
from servers import PgDatabase

ROW = "anna@example.org"
NAMES = parts("c email note short c_email customer_email_key customer.name legacy nowhere")
"""What these databases and migrations have."""

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
    found, wanted = fault_of(text, NAMES), CASES[text]
    assert (found.code, found.kind, found.objects) == (wanted.code, wanted.kind, wanted.objects)
    assert (found.file, found.line) == (wanted.file, wanted.line)
    assert found.words.lower() == wanted.words
    assert ROW not in repr(found)
    assert not any(word in repr(found) for word in ("4711", "Anna", "Smith"))


AS_OBJECTS = (
    "no such column: {}", "no such table: {}", "no such function: {}", "table {} already exists",
    "duplicate column name: {}", "UNIQUE constraint failed: customer.email, {}", 'column "{}" does not exist',
    'relation "{}" does not exist', 'constraint "{}" does not exist', 'type "customer.{}" does not exist',
)  # fmt: skip


@pytest.mark.parametrize("form", AS_OBJECTS)
@pytest.mark.parametrize("value", ["ana", "Ana", "ana.lopez", "email.ana", "ana4711", "anä", "a$4711"])
def test_a_value_that_stands_where_an_object_is_named_is_a_gap(form: str, value: str) -> None:
    """SQL that was put together with a row's value makes the engine name the value's beginning as an object."""
    text = form.format(value)
    for known in ((), NAMES):
        found = fault_of(f"migration_failed: versions/3.py:9: OperationalError: {text}@example.org", known)
        assert value not in repr(found)
        assert value not in words_of(text, known).split()


def test_an_object_is_told_where_each_part_of_its_name_is_known() -> None:
    text = "x_y: OperationalError: no such column: public.Customer"
    assert fault_of(text, parts("public.customer")).objects == ("public.Customer",)
    assert fault_of(text, parts("customer")).objects == ()
    assert words_of("no such table: Customer", parts("customer")) == "no … table … Customer"


def test_what_a_name_is_made_of() -> None:
    assert parts('shop."Customer": unique (e_mail), 4711x') == {"shop", "customer", "unique", "e_mail"}
    assert parts("") == frozenset()


@given(st.text(min_size=1, max_size=40), st.sampled_from(sorted(CASES)))
def test_what_stands_behind_the_quoting_is_never_taken(value: str, text: str) -> None:
    """Also a value with line ends, brackets and words of an error in it."""
    marked = f"QZX7{value}QZX7"
    for quoting in ("DETAIL:  Key (email)=(", "[parameters: ('", "CONTEXT:  ", "[SQL: ", "Failing row contains ("):
        assert "QZX7" not in repr(fault_of(f"{text} {quoting}{marked}) is duplicated.", NAMES))
    assert "QZX7" not in words_of(f"warning: {marked}", NAMES)


@given(st.lists(st.sampled_from(["could", "not", "null", "4711", "Anna", ROW, "'x'", "(1,", "\n", "row"]), max_size=12))
def test_words_that_may_be_of_a_row_are_gaps(words: list[str]) -> None:
    found = words_of(" ".join(words), NAMES)
    assert set(found.split()) <= {"could", "not", "null", "row", "…"}


def test_sqlite_s_own_errors_tell_no_row() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(f"CREATE TABLE c (email TEXT); INSERT INTO c VALUES ('{ROW}'), ('{ROW}');")
        with pytest.raises(sqlite3.IntegrityError) as caught:
            database.execute("CREATE UNIQUE INDEX c_email ON c (email)")
        found = fault_of(f"migration_failed: IntegrityError: {caught.value}", NAMES)
        assert found.objects == ("c.email",)
        with pytest.raises(sqlite3.OperationalError) as missing:
            database.execute("SELECT * FROM nowhere")
        assert fault_of(f"x_y: OperationalError: {missing.value}", NAMES).objects == ("nowhere",)


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
    found = fault_of(f"migration_failed: versions/3.py:9: {type(caught.value).__name__}: {caught.value}", NAMES)
    assert found.kind == kind
    assert told in " ".join(found.objects)
    assert (found.file, found.line) == ("versions/3.py", 9)
    assert ROW not in repr(found)
    assert "example" not in repr(found)
