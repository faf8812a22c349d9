"""What a rehearsal saw counts, whatever was read: every statement that ran, and everything that was gone after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import walking
from diana_agent.guard.phrases import EXECUTE
from servers import PgDatabase
from walking import BASE, Walker

pytestmark = pytest.mark.integration

PRODUCTION = ("--trust", "--environment", "production", "--expected-db", "app.db", "--json")
DROPS = 'from alembic import op\ndef rgb_to_hls(*a):\n    op.drop_table("audit_log")\n'
CLOSING = (
    "from alembic import op\nclass C:\n    def __enter__(self): op.drop_table('audit_log')\n"
    "    def __exit__(self, *a): pass\nctx = C()\n"
)
HERE = "import sys\nsys.path.insert(0, __file__.rsplit('/', 3)[0])\n"
APPLIED = ', on_version_apply=lambda **k: k["ctx"].connection.exec_driver_sql("DELETE FROM audit_log")'
HIDDEN = (
    "change = lambda c, cu, s, p, x, m: ('DELETE FROM audit_log', ())\n"
    "sa.event.listen(op.get_bind(), 'before_cursor_execute', change, retval=True)\nop.execute(\"SELECT 5\")\n"
    "sa.event.remove(op.get_bind(), 'before_cursor_execute', change)"
)
BESIDE = (
    "sa.event.listen(op.get_bind(), 'before_cursor_execute', lambda c, cu, s, p, x, m: cu.execute("
    "'DELETE FROM audit_log'))\nop.execute(\"SELECT 5\")"
)
CATALOGUE = "DELETE FROM audit_log WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'orders')"

ATTACKS: dict[str, tuple[str, str, str, str]] = {
    "a module named like one of Python's": ("colorsys", DROPS, "import colorsys\ncolorsys.rgb_to_hls(1, 2, 3)", ""),
    "an import that does it": ("boom", "from alembic import op\nop.drop_table('audit_log')\n", "import boom", ""),
    "entering a context": ("boom", CLOSING, "from boom import ctx\nwith ctx:\n    pass", ""),
    "a trigger that was there": ("none", "", 'op.execute("INSERT INTO orders VALUES (99, 1, 1)")', ""),
    "another statement than was given": ("none", "", HIDDEN, ""),
    "a statement beside another": ("none", "", BESIDE, ""),
    "env.py between the migrations": ("none", "", "op.execute('CREATE TABLE fine (id INTEGER)')", APPLIED),
    "SQL that speaks of the catalogue": (
        "boom", f'def go(op):\n    op.execute("{CATALOGUE}")\n', "import boom\nboom.go(op)", "",
    ),
}  # fmt: skip
TRIGGER = "CREATE TRIGGER gone AFTER INSERT ON orders BEGIN DELETE FROM audit_log; END"


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_ran_or_was_gone_makes_the_run_destructive(tmp_path: Path, walker: Walker, attack: str) -> None:
    module, code, body, options = ATTACKS[attack]
    walker.say(walking.careful_person(tmp_path / "vault", scratch_rows_in_production=True))
    database = walking.sqlite_shop(tmp_path / "app.db", *([TRIGGER] if "trigger" in attack else []))
    text = walking.migration("2b0000000002", BASE, HERE + body)
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", text, options=options)
    (project / f"{module}.py").write_text(code)
    before, request = database.read_bytes(), tmp_path / "run.json"
    asked = walker.diana(project, "migrate", "--request", str(request), *PRODUCTION)
    assert asked.code == 0, asked
    [rehearsed] = asked.events("rehearsed")
    assert rehearsed["rehearsal"]["passed"] == True  # noqa: E712  (a place in a document)
    written = json.loads(request.read_text())
    assert written["destructive"] is True
    assert EXECUTE in [one["phrase"] for one in written["asks"]]
    assert any("audit_log" in fact for fact in written["facts"]), written["facts"]
    assert database.read_bytes() == before


def test_a_routine_that_a_statement_calls_is_seen_by_what_it_did(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase
) -> None:
    walking.pg_shop(pg_database)
    pg_database.execute(
        "CREATE FUNCTION tell(n int) RETURNS text LANGUAGE plpgsql AS "
        "$$ BEGIN EXECUTE 'DELETE FROM ' || 'audit_log'; RETURN n::text; END $$"
    )
    (tmp_path / "vault").mkdir()
    levels = walking.person_of(pg_database.server, **{pg_database.name: "production"})
    walker.say(walking.careful_person(tmp_path / "vault", scratch_rows_in_production=True) + levels)
    text = walking.migration("2b0000000002", BASE, 'op.execute("WITH x AS (SELECT tell(1)) SELECT * FROM x")')
    project = walking.project(tmp_path / "shop", pg_database.url, text)
    request = tmp_path / "run.json"
    words = ("--trust", "--environment", pg_database.name, "--expected-db", pg_database.name, "--json")
    asked = walker.diana(project, "migrate", "--request", str(request), *words)
    assert asked.code == 0, asked
    written = json.loads(request.read_text())
    assert written["destructive"] is True
    assert EXECUTE in [one["phrase"] for one in written["asks"]]
    assert any("audit_log" in fact for fact in written["facts"]), written["facts"]
    assert pg_database.query("SELECT count(*) FROM audit_log") == [(5,)]


@pytest.mark.parametrize(("words", "destructive"), [("id > 0", True), ("abs(id) > 0", True), ("id = 1", False)])
def test_values_that_are_overwritten_beyond_the_row_budget_are_lost(
    tmp_path: Path, walker: Walker, words: str, destructive: bool
) -> None:
    walker.say(walking.careful_person(tmp_path / "vault"))
    more = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 199) "
    database = walking.sqlite_shop(tmp_path / "app.db", more + "INSERT INTO customer (id, email) SELECT i, i FROM n")
    body = f"op.execute(\"UPDATE customer SET email = 'gone' WHERE {words}\")"
    text = walking.migration("2b0000000002", BASE, HERE + body)
    project, request = walking.project(tmp_path / "shop", f"sqlite:///{database}", text), tmp_path / "run.json"
    assert walker.diana(project, "migrate", "--request", str(request), *PRODUCTION).code == 0
    written = json.loads(request.read_text())
    assert written["destructive"] is destructive, written
    assert (EXECUTE in [one["phrase"] for one in written["asks"]]) is destructive
