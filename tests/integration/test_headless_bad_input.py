"""Bad input: one clear sentence with what to do, the right exit code, no traceback, no secret, and nothing changed."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import walking
from answers import Result
from servers import PgDatabase
from walking import ADD, DROP, Walker

pytestmark = pytest.mark.integration

SECRET = "hunter2-Zq9wX"
DEV = ("--trust", "--environment", "dev", "--json")


@dataclass(frozen=True)
class Bad:
    """A project with something wrong: `break_it` gets project and database; the rest is what must be told."""

    reason: str
    code: int
    words: str
    break_it: Callable[[Path, Path], None] = lambda _project, _database: None
    verb: tuple[str, ...] = ("plan", *DEV)
    url: str = "sqlite:///{db}"
    head: str = ""
    environ: dict[str, str] = field(default_factory=dict[str, str])


def _write(name: str, content: str | bytes) -> Callable[[Path, Path], None]:
    def write(project: Path, database: Path) -> None:
        path = project / name.replace("{db}", str(database))
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def _no_tool(project: Path, _database: Path) -> None:
    (project / "alembic.ini").unlink()


def _two_tools(project: Path, database: Path) -> None:
    walking.project(project / "second", f"sqlite:///{database}")


SERVER = f"postgresql+psycopg://u:{SECRET}@"
CASES = {
    "missing database": Bad("database_missing", 5, "There is no file", lambda _, database: database.unlink()),
    "a folder": Bad("database_is_folder", 5, "is a folder", url="sqlite:///{folder}"),
    "no database at all": Bad("not_a_database", 5, "is not a SQLite database", _write("{db}", "hello " * 1000)),
    "unreachable": Bad("connection_refused", 5, "Nothing answers at 127.0.0.1:1/x", url=f"{SERVER}127.0.0.1:1/x"),
    "unknown host": Bad("host_unknown", 5, "is not known", url=f"{SERVER}no-such-host.invalid/x"),
    "typo in the scheme": Bad("url_dialect_unknown", 5, "postgresq", url=f"postgresq://u:{SECRET}@127.0.0.1/x"),
    "typo in the flag's scheme": Bad(
        "url_scheme_unknown", 5, "did you mean postgresql?",
        verb=("plan", "--database", f"postgrsql://u:{SECRET}@127.0.0.1/x", *DEV),
    ),
    "missing driver": Bad("driver_missing", 5, "pg8000", url=f"postgresql+pg8000://u:{SECRET}@127.0.0.1/x"),
    "no tool": Bad("tool_not_found", 5, "Please configure migrations", _no_tool),
    "two tools": Bad("several_tools", 2, "choose one with --tool", _two_tools),
    "broken ini": Bad("config_broken", 5, "mend the file", _write("alembic.ini", "[alembic\nscript_location = x\n")),
    "binary ini": Bad("config_broken", 5, "alembic.ini", _write("alembic.ini", bytes(range(256)) * 4)),
    "env.py raises": Bad(
        "env_failed", 5, "migrations/env.py:1: RuntimeError: boom",
        head=f"raise RuntimeError('boom postgresql://u:{SECRET}@h/x')",
    ),
    "env.py ends the process": Bad("probe_silent", 5, "before it could answer", head="import os; os._exit(0)"),
    "env.py hangs": Bad(
        "probe_timeout", 5, "did not answer in time", head="import time; time.sleep(100)",
        verb=("plan", "--timeout", "1", *DEV),
    ),
    "nobody trusted it": Bad(
        "project_not_trusted", 2, "--trust", head="open('ran', 'w')", verb=("plan", "--environment", "dev", "--json")
    ),
    "no such migration": Bad("version_unknown", 5, "diana plan", verb=("plan", "--to", "zzz", *DEV)),
    "another database": Bad(
        "identity_mismatch", 5, "make both the same", _write("../other.db", b""),
        verb=("plan", "--database", "sqlite:///../other.db", *DEV),
    ),
    "backups in a file": Bad(
        "backup_folder_unwritable", 6, "make it writable",
        verb=("migrate", "--yes", "--backup-folder", "{db}", *DEV),
    ),
    "backups nowhere": Bad(
        "backup_folder_unwritable", 6, "name another folder",
        verb=("migrate", "--yes", "--backup-folder", "/proc/nowhere", *DEV),
    ),
    "a setting that is not a project's": Bad(
        "setting_forbidden", 2, "put it into your own file", _write("diana.toml", "skip_backup = true\n")
    ),
    "a typo in a setting": Bad(
        "setting_unknown_near", 2, "Did you mean environment?",
        _write("diana.toml", f'database = "postgresql://u:{SECRET}@h/x"\nenviroment = "dev"\n'),
    ),
    "a policy that asks for less": Bad(
        "setting_lowers", 2, "less careful", _write("diana.toml", "[policy]\nscratch_rows_in_production = true\n")
    ),
    "settings that are no text": Bad("settings_not_text", 2, "not UTF-8", _write("diana.toml", b"\xff\xfe\x00x")),
    "unknown flag": Bad(
        "flag_unknown_near", 2, "Did you mean --environment?", verb=("plan", "--trust", "--enviroment", "x", "--json")
    ),
    "a shortened flag": Bad("flag_unknown_near", 2, "Did you mean --yes?", verb=("migrate", "--ye", *DEV)),
    "unknown verb": Bad("verb_unknown", 2, "Did you mean migrate?", verb=("migrat", "--json")),
    "no number": Bad("setting_number", 2, "must be a number", verb=("plan", "--timeout", "soon", *DEV)),
    "unset variable": Bad("variable_unset", 2, "Set it", verb=("plan", "--database", "NOBODY_SETS_THIS", *DEV)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_said_in_one_sentence_and_nothing_is_changed(tmp_path: Path, walker: Walker, name: str) -> None:
    case = CASES[name]
    walker.secrets.append(SECRET)
    database = walking.sqlite_shop(tmp_path / "app.db")
    url = case.url.format(db=database, folder=tmp_path)
    project = walking.project(tmp_path / "shop", url, ADD, DROP, head=case.head)
    case.break_it(project, database)
    before = _bytes(tmp_path, walker)
    verb = tuple(word.replace("{db}", str(database)) for word in case.verb)
    result = walker.diana(project, *verb)
    _told(result, case)
    assert _bytes(tmp_path, walker) == before
    assert walker.leaks() == []


def _told(result: Result, case: Bad) -> None:
    assert result.code == case.code, result
    summary = result.summary
    assert summary["reason"] == case.reason
    sentence = summary["sentence"].text
    assert case.words in sentence
    assert sentence in result.err, "the same sentence for people"
    assert result.err.count(sentence) == 1


def _bytes(folder: Path, walker: Walker) -> dict[str, bytes]:
    """Everything but the person's own home: no database, no project and no folder beside them is touched."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_relative_to(walker.folder)
    }


def test_on_a_server_a_wrong_password_and_a_missing_database(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase
) -> None:
    walker.secrets += [SECRET, pg_database.password]
    place = f"{pg_database.host}:{pg_database.port}"
    project = walking.project(tmp_path / "one", f"postgresql+psycopg://{pg_database.user}:{SECRET}@{place}/postgres")
    _told(walker.diana(project, "plan", *DEV), Bad("wrong_password", 5, place))
    url = pg_database.url.replace(pg_database.name, "not_there")
    project = walking.project(tmp_path / "two", url)
    _told(walker.diana(project, "plan", *DEV), Bad("no_such_database", 5, f"{place}/not_there"))
    project = walking.project(tmp_path / "three", pg_database.url)
    unnamed = walker.diana(project, "plan", "--trust", "--json")
    _told(unnamed, Bad("environment_unnamed", 2, "[environments.NAME]"))
    assert pg_database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert walker.leaks() == []


NOISE = (
    "import os, sys\nos.write(1, bytes(range(256)))\nos.write(2, bytes(range(256)))\n"
    "sys.stdout.write('\\x1b]52;c;eA==\\x07\\x1b[2J\\u202e' + 'x' * 50_000)\n"
)


def test_binary_output_and_a_printed_password_reach_nobody(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase
) -> None:
    """env.py and a migration print bytes, sequences that drive a terminal, and the very password."""
    walking.pg_shop(pg_database)
    walker.secrets.append(pg_database.password)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    noise = NOISE + f"print({pg_database.password!r}, {pg_database.url!r})\n"
    up = f"{noise}op.add_column('customer', sa.Column('points', sa.Integer))"
    project = walking.project(
        tmp_path / "shop", pg_database.url, walking.migration("2b0000000002", walking.BASE, up), head=noise
    )
    result = walker.diana(project, "migrate", "--skip-rehearsal", "--skip-backup", "--yes", "--trust", "--json")
    assert (result.code, result.summary["state"]) == (0, "applied"), result
    assert walker.leaks() == []
    log = Path(result.summary["log"].text)
    assert b"***" in log.read_bytes()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    verified = walker.diana(project, "journal", "verify", "--json")
    assert (verified.code, verified.summary["problem"]) == (0, "")


def test_a_full_disk_ends_a_backup_and_a_record_with_nothing_changed(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db", "CREATE TABLE large (content BLOB)")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO large VALUES (randomblob(900000))")
        connection.commit()
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    before = database.read_bytes()
    walker.largest_file = 300_000
    _told(walker.diana(project, "migrate", "--yes", *DEV), Bad("sqlite_copy_failed", 6, "check the disk"))
    assert not [path for path in walker.backups.rglob("*") if path.is_file()], "nothing half-made is left"
    walker.largest_file = 5_000
    result = walker.diana(project, "migrate", "--yes", *DEV)
    _told(result, Bad("journal_unwritable", 5, "Nothing is changed without it"))
    assert database.read_bytes() == before
    walker.largest_file = 0
    assert walker.diana(project, "plan", *DEV).code == 0


def test_a_bug_is_a_sentence_and_a_private_file(tmp_path: Path, walker: Walker) -> None:
    """A setting of the interpreter makes a call fail in a way that nobody foresaw: its standard library is broken."""
    walker.secrets.append(SECRET)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sqlalchemy.py").write_text(f"raise RuntimeError('https://me:{SECRET}@h/ and {SECRET}')\n")
    walker.environ |= {"PYTHONPATH": str(broken), "SHOP_PASSWORD": SECRET}
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    walker.say(f'interpreter = "{_other_python(tmp_path)}"\n')
    result = walker.diana(project, "connect", *DEV)
    assert (result.code, result.summary["reason"]) == (1, "bug"), result
    [crash] = (walker.state / "crashes").iterdir()
    assert str(crash) in result.err
    assert "RuntimeError" in result.err
    assert "Traceback (most recent call last)" in crash.read_text()
    assert (stat.S_IMODE(crash.stat().st_mode), stat.S_IMODE(crash.parent.stat().st_mode)) == (0o600, 0o700)
    assert walker.leaks() == []


def _other_python(folder: Path) -> Path:
    """An interpreter for the project that does not see what is broken for Diana."""
    import sys

    script = folder / "python"
    script.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


def test_a_reader_that_went_away_changes_nothing(tmp_path: Path, walker: Walker) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    process = walker.start(project, "migrate", "--skip-rehearsal", "--yes", *DEV)
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    assert process.wait(walking.LIMIT_S) == 0
    assert walking.rows(database, "SELECT version_num FROM alembic_version") == [(walking.HEAD,)]


def test_words_that_no_terminal_can_show_stop_nothing(tmp_path: Path, walker: Walker) -> None:
    walker.environ |= {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shöp", f"sqlite:///{database}")
    result = walker.diana(project, "plan", "--trust", "--environment", "dev")
    assert result.code == 0, result
    assert "Pending Migrations: 2" in result.err
