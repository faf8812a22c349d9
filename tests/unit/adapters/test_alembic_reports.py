"""What children print, read strictly; and failures of Alembic read for their decisive line."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from diana_prompts.catalogue import fields_of
from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.base import REPORT, Progress, Project
from diana_tools.command import Output
from diana_tools.errors import ToolError

ADAPTER = Alembic({})
PROJECT = Project(
    Path("/srv/shop"), Path("/srv/shop"), Path("/srv/shop/alembic.ini"), "alembic", Path("/usr/bin/python3")
)


def _out(stdout: str = "", stderr: str = "", code: int = 0, *, timed_out: bool = False) -> Output:
    return Output(code, stdout, stderr, 1.0, timed_out)


def test_a_child_that_said_nothing_is_silent_with_its_last_words() -> None:
    probe = ADAPTER.parse_probe(PROJECT, _out("noise", "one\npassword=hunter2\n\n", 3))
    assert (probe.error, probe.error_text) == ("probe_silent", "password=***")
    assert ADAPTER.parse_probe(PROJECT, _out("", "", -11)).error_text == "exit -11"


def test_a_report_that_is_not_one_is_silence() -> None:
    assert ADAPTER.parse_probe(PROJECT, _out(f'{REPORT}{{"version": 3')).error == "probe_silent"
    assert ADAPTER.parse_probe(PROJECT, _out(f"{REPORT}[]")).error == "probe_silent"


def test_names_from_the_project_are_cleaned() -> None:
    one = {"id": "a1", "name": "a\x1b[31m1", "description": "new\u202ename", "path": "m/a.py", "checksum": "x",
           "reversible": None, "transactional": True}  # fmt: skip
    body = {"version": "1.20.1", "pending": ["a1"], "migrations": [one], "loaded": ["m/env.py"]}
    probe = ADAPTER.parse_probe(PROJECT, _out(f"before\n{REPORT}{json.dumps(body)}\nafter"))
    assert (probe.pending[0].name, probe.pending[0].description) == ("a1", "newname")
    assert probe.loaded == (Path("/srv/shop/m/env.py"),)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("INFO  [alembic.runtime.migration] Running upgrade  -> a1, create tables", Progress("a1", "create tables")),
        ("INFO  [alembic.runtime.migration] Running upgrade a1 -> b2, x, y", Progress("b2", "x, y")),
        ("INFO  [alembic.runtime.migration] Running upgrade b2, c3 -> d4, merge", Progress("d4", "merge")),
        ("INFO  [alembic.runtime.migration] Running downgrade b2 -> a1, x", Progress("b2", "x")),
        ("INFO  [alembic.runtime.migration] Running downgrade a1 -> , create tables", Progress("a1", "create tables")),
        ("INFO  [alembic.runtime.migration] Running downgrade d4 -> b2, c3, merge", Progress("d4", "c3, merge")),
        ('{"event": "Running upgrade a1 -> b2"', Progress('b2"')),
        ("INFO  [alembic.runtime.migration] Context impl SQLiteImpl.", None),
        ("Running out of ideas", None),
    ],
)
def test_progress(line: str, expected: Progress | None) -> None:
    assert ADAPTER.progress(line) == expected


TRACE = """\
INFO  [alembic.runtime.migration] Running upgrade a1 -> b2, x
Traceback (most recent call last):
  File "/x/cursor.py", line 117, in execute
    raise ex.with_traceback(None)
psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "ix"
DETAIL:  Key (email)=(private@example.org) already exists.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/x/b2.py", line 8, in upgrade
    op.execute("...")
    ~~~~~~~~~~^^^^^^^
sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) duplicate key value violates unique constraint "ix"
DETAIL:  Key (email)=(private@example.org) already exists.
[SQL: INSERT INTO t VALUES (%(a)s)]
[parameters: {'a': 'private@example.org'}]
(Background on this error at: https://sqlalche.me/e/21/gkpj)
"""


def test_the_decisive_line_is_the_last_exception_s_first_line() -> None:
    assert ADAPTER.explain(_out(TRACE, code=1)) == (
        "migration_failed",
        "sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) "
        'duplicate key value violates unique constraint "ix"',
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("FAILED: Can't locate revision identified by 'x'\n", "history_missing_revision"),
        ("connection to server failed: Connection refused\n", "connection_refused"),
        ('FATAL:  password authentication failed for user "u"\n', "wrong_password"),
        ('FATAL:  database "x" does not exist\n', "no_such_database"),
        ("OperationalError: database is locked\n", "database_locked"),
        ("killed\n", "migration_failed"),
        ("", "migration_failed"),
    ],
)
def test_failures_that_are_known_have_their_own_code(text: str, code: str) -> None:
    assert ADAPTER.explain(_out(text, code=1))[0] == code


def test_time_out_is_its_own_code_and_secrets_are_masked() -> None:
    assert ADAPTER.explain(_out("x", code=-1, timed_out=True)) == ("timeout", "")
    assert (
        ADAPTER.explain(_out("ValueError: postgresql://u:hidden@h/x", code=1))[1]
        == "ValueError: postgresql://u:***@h/x"
    )


def test_a_rehearsal_without_its_last_line_is_broken_off() -> None:
    step = {"migration": "a1", "passed": True, "seconds": 0.5,
            "statements": [{"sql": "SELECT 1", "parameters": 0, "times": 3, "seconds": 0.1}]}  # fmt: skip
    told = ADAPTER.parse_rehearsal(_out(f"x\n{REPORT}{json.dumps(step)}\n{REPORT}half"))
    assert (told.error, told.marker, told.applied) == ("rehearsal_broken_off", "", ("a1",))
    assert (told.statements[0].times, told.statements[0].migration) == (3, "a1")
    assert ADAPTER.parse_rehearsal(_out("", code=-1, timed_out=True)).error == "timeout"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (_out("", "python: No module named 'alembic'\n", 1), "tool_not_installed"),
        (_out("", "Segmentation fault\n", -11), "tool_unreadable"),
        (_out("alembic one\n"), "tool_unreadable"),
    ],
)
def test_a_version_that_cannot_be_had(output: Output, code: str) -> None:
    with pytest.raises(ToolError) as caught:
        ADAPTER.parse_version(output)
    assert caught.value.code == code
    assert {"tool", "tried", "error"} <= set(caught.value.fields)


def test_a_version_is_the_number() -> None:
    assert ADAPTER.parse_version(_out("alembic 1.20.1\n")) == "1.20.1"
    assert ADAPTER.parse_version(_out("warning\nalembic 1.13.0.dev1\n")) == "1.13.0.dev1"


def test_every_sentence_of_a_look_needs_only_what_a_look_gives() -> None:
    """`look` raises the probe's codes with the tool and the words, and connection codes with the place."""
    text = (files("diana_prompts") / "messages" / "en" / "tools.toml").read_text("utf-8")
    for message, sentence in tomllib.loads(text).items():
        if message.startswith("error.") and not message.startswith("error.plugin_") and message not in (
            "error.tool_not_installed", "error.marker_not_seen", "error.scratch_not_reached",
        ):  # fmt: skip
            assert fields_of(sentence) <= {"tool", "error"}, message


def test_every_code_of_the_programs_has_a_sentence() -> None:
    programs = files("diana_tools") / "probes"
    source = "".join(entry.read_text("utf-8") for entry in programs.iterdir() if entry.name.endswith(".py"))
    codes = set(re.findall(r'(?:refuse|Refused)\(\s*"(\w+)"', source))
    table = source.partition("_WORDS = (")[2].partition("\n)")[0]
    codes |= set(re.findall(r'"(\w+)"\),?\n', table))
    codes |= {"driver_missing", "dependency_missing", "variable_missing", "config_percent", "config_broken",
              "url_unreadable", "url_dialect_unknown", "env_failed", "probe_silent",
              "name_not_text"}  # fmt: skip
    assert len(codes) > 25
    folder = files("diana_prompts") / "messages" / "en"
    known = {key for entry in folder.iterdir() for key in tomllib.loads(entry.read_text("utf-8"))}
    inside_a_rehearsal = {"rehearsal_reached_out"}
    assert {code for code in codes - inside_a_rehearsal if f"error.{code}" not in known} == set()
