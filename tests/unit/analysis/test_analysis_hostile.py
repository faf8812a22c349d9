"""Migrations are anybody's text, huge, broken or hostile: nothing raises, nothing runs, nothing unread is clean."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diana_tools.analysis.sql.pieces import pieces
from diana_tools.analysis.sql.tokens import lexis, scan
from diana_tools.analysis.statement import LARGEST_FILE, plain
from diana_tools.analyze import Analysis, MigrationText, analyze
from unit.analysis.ground import alembic, loses, read

DIALECTS = ("sqlite", "postgresql", "mysql", "mssql", "")
DEEP = 10_000


def _all(text: str) -> list[Analysis]:
    """As SQL of every dialect, and as Python in both directions."""
    sql, python = (MigrationText("m", "m.py", text, language) for language in ("sql", "alembic-python"))
    found = [analyze([sql], dialect, [], None, "up") for dialect in DIALECTS]
    return found + [analyze([python], "sqlite", [], None, direction) for direction in ("up", "down")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * DEEP, id="parentheses"),
        pytest.param("SELECT " + "(" * DEEP + "1" + ")" * DEEP, id="closed parentheses"),
        pytest.param("DELETE FROM a WHERE " + "NOT " * DEEP + "x", id="not"),
        pytest.param("SELECT " + "+".join("1" * DEEP), id="sums"),
        pytest.param("x = " + "+".join("1" * DEEP), id="sums of Python"),
        pytest.param("x = " + "-" * DEEP + "1", id="signs"),
        pytest.param("x = " + "[" * DEEP, id="lists"),
        pytest.param("a" + ".b" * DEEP, id="attributes"),
        pytest.param("f" + "()" * DEEP, id="calls"),
        pytest.param("if 1:\n" + "".join(" " * i + "if 1:\n" for i in range(1, 300)), id="indentation"),
        pytest.param("/*" * DEEP, id="comments"),
        pytest.param("$$" * (DEEP + 1), id="dollars"),
        pytest.param("'" * (DEEP + 1), id="quotes"),
        pytest.param("CREATE TRIGGER " + "BEGIN " * DEEP, id="bodies"),
        pytest.param("DO $$ " + "BEGIN IF x THEN " * DEEP + "$$", id="blocks"),
        pytest.param("DO $$ " + "FOR x y LOOP " * DEEP + "$$", id="loops"),
        pytest.param("COPY a FROM stdin;\n1\n\\.\n" * 200, id="copies"),
        pytest.param("CASE " * DEEP, id="cases"),
        pytest.param("WITH a AS (" * 1000, id="with"),
        pytest.param("\0" * 100, id="null bytes"),
        pytest.param("\ud800" * 10, id="surrogates"),
        pytest.param("\u202e" * 10 + "DROP TABLE x", id="bidirectional"),
        pytest.param("CREATE TABLE a (" + "x int," * DEEP + "y int)", id="columns"),
        pytest.param("x" * LARGEST_FILE, id="one word"),
    ],
)
def test_nothing_raises(text: str) -> None:
    assert all(isinstance(found, Analysis) for found in _all(text))


def test_five_megabytes_are_unread() -> None:
    text = "SELECT 1;\n" * 600_000
    assert len(text) > 5_000_000
    for found in _all(text):
        assert [u.why for u in found.unread] == ["AC004.too_large"]


def test_many_statements_are_bounded_and_say_so() -> None:
    found = read("DROP TABLE a;\n" * 30_000)
    assert "AC004.too_many" in {u.why for u in found.unread}
    assert len(found.findings) < 5_000


@pytest.mark.parametrize(
    "body",
    [
        "for i in range(400):\n    for j in range(400):\n        for k in range(400):\n"
        "            op.drop_table(f'{i}{j}{k}')",
        "x = 'a' * 10 ** 12\nop.execute(x)",
        "x = ['a']\nfor i in range(60):\n    x = x + x\nop.execute(x[0])",
        "def f():\n    op.drop_table('a')\n    return f() or f()\nf()",
        "f = lambda n: op.drop_table(n) or f(n + 'x') + f(n)\nf('a')",
        "x = 'ab'\nfor i in range(60):\n    x = f'{x}{x}'\nop.execute(x)",
        "while True:\n    while True:\n        while True:\n            op.drop_table('a')",
    ],
)
def test_work_without_end_is_cut_off_and_unread(body: str) -> None:
    assert loses(read(alembic(body)))


@pytest.mark.parametrize("body", ["def f():\n    return f() or f()\nf()", "f = lambda n: f(n) + f(n)\nf(1)"])
def test_a_recursion_that_touches_nothing_comes_to_an_end(body: str) -> None:
    assert not loses(read(alembic(body)))


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = alembic("pass", top=f"open({str(mark)!r}, 'w').write('x')\nimport this_module_is_not_there")
    read(text)
    assert not mark.exists()
    assert "this" not in sys.modules


def test_a_small_stack_is_enough() -> None:
    """Analysis may run on a thread, where the stack of C is smaller than on the main thread."""
    found: list[Analysis] = []

    def work() -> None:
        found.extend(read("SELECT " + "+".join("1" * size), dialect) for size in (500, DEEP) for dialect in DIALECTS)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(found) == 2 * len(DIALECTS)


def test_what_is_shown_is_safe_to_show() -> None:
    found = read("DROP TABLE a -- \x1b[31m \u202e\n, b")
    assert {f.statement for f in found.findings} == {"DROP TABLE a , b"} or all(
        "\x1b" not in f.statement and "\u202e" not in f.statement for f in found.findings
    )
    assert plain("a\x1b]52;c;x\x07\u202eb\n c") == "a]52;c;xb c"
    assert len(plain("x" * 10_000)) == 500


WORDS = """
DROP TABLE users ; DELETE FROM WHERE ( ) ' " -- /* */ $$ $a$ BEGIN END CASE DO EXECUTE UPDATE SET = 1 CREATE TRIGGER
FUNCTION AS COPY STDIN \\. \\! TRUNCATE ALTER COLUMN [ ] ` :x %s ? , WITH SELECT INSERT INTO é op. exec( f'{x}'
"""
LINES = ["\n", "\r", "\0", "def upgrade():\n", " ", "    ", "import ", "for x in y:", "return ", "lambda: "]
FRAGMENTS = st.sampled_from(WORDS.split() + LINES)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.binary(max_size=300).map(lambda raw: raw.decode("utf-8", "replace")),
    st.lists(FRAGMENTS, max_size=60).map(" ".join),
    st.lists(FRAGMENTS, max_size=60).map("".join),
)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(TEXTS)
def test_random_text_never_raises(text: str) -> None:
    _all(text)


@QUIET
@given(TEXTS, st.sampled_from(DIALECTS))
def test_tokens_and_pieces_leave_nothing_out(text: str, dialect: str) -> None:
    """Every token stands in exactly one piece, semicolons aside; lines are kept."""
    found = scan(text, lexis(dialect))
    cut = list(pieces(text, lexis(dialect)))
    tokens = [token for piece in cut for token in piece.tokens]
    left = [token for token in found.tokens if token not in tokens]
    assert all(token.text == ";" for token in left)
    assert found.clean.count("\n") == text.count("\n")
    assert all(1 <= piece.line <= text.count("\n") + 1 for piece in cut)


@QUIET
@given(TEXTS, st.sampled_from(("sqlite", "postgresql")), st.booleans())
def test_an_unparsed_statement_is_never_clean(text: str, dialect: str, before: bool) -> None:
    """A statement that no dialect knows, put before or behind random text, always shows: as a finding, or as unread.

    Behind an open quote or comment it is no statement any more; then the open end is what shows, or, on SQLite,
    where a comment may stay open, there is nothing that would run.
    """
    alone = "FROBNICATE users"
    whole = f"{alone};\n{text}" if before else f"{text}\n;\n{alone}"
    found = read_sql_text(whole, dialect)
    shown = bool(found.findings or found.unread)
    hidden = not before and not any(token.text == "FROBNICATE" for token in scan(whole, lexis(dialect)).tokens)
    assert shown or (hidden and dialect == "sqlite")


@QUIET
@given(st.lists(FRAGMENTS, max_size=30).map(" ".join), st.sampled_from(("sqlite", "postgresql")))
def test_a_migration_that_runs_unparsed_sql_is_never_clean(text: str, dialect: str) -> None:
    sql = f"FROBNICATE {text}"
    found = read(alembic(f"op.execute({sql!r})"), dialect)
    assert found.unread


@QUIET
@given(st.text(max_size=200))
def test_a_python_file_without_an_upgrade_is_never_clean(text: str) -> None:
    found = analyze([MigrationText("m", "m.py", text, "alembic-python")], "sqlite", [], None, "up")
    assert found.unread


@QUIET
@given(st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=15))
def test_any_table_name_comes_back_as_it_is(name: str) -> None:
    """Quoted as SQL quotes names, and as a string of Python; 15 characters stay within PostgreSQL's 63 bytes."""
    quoted = '"' + name.replace('"', '""') + '"'
    sql = read_sql_text(f"DROP TABLE {quoted}", "postgresql")
    assert [f.object for f in sql.findings] == [name]
    python = read(alembic(f"op.drop_table({name!r})"))
    assert name in [f.object for f in python.findings]


def read_sql_text(text: str, dialect: str) -> Analysis:
    return analyze([MigrationText("m", "m.sql", text, "sql")], dialect, [], None, "up")
