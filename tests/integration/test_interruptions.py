"""A run that is interrupted, with real processes: nothing runs twice or unseen, and verify tells the truth."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import walking
from servers import PgDatabase
from walking import ADD, BASE, LIMIT_S, Walker

pytestmark = pytest.mark.integration

DEV = ("--trust", "--environment", "dev", "--yes", "--json")
GATED = """\
import time
from pathlib import Path
with Path({begun!r}).open("a") as file:
    file.write("x")
while not Path({gate!r}).exists():
    time.sleep(0.05)
op.add_column("orders", sa.Column("note", sa.String(20)))"""


def until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Gate:
    """A migration that says that it has begun, and waits."""

    folder: Path

    @property
    def begun(self) -> Path:
        return self.folder / "begun"

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    @property
    def migration(self) -> str:
        return walking.migration("2b0000000002", BASE, GATED.format(begun=str(self.begun), gate=str(self.gate)))

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        until(lambda: self.begun.exists() or process.poll() is not None, "the migration began")
        assert process.poll() is None, process.communicate()

    @property
    def times(self) -> int:
        return len(self.begun.read_text())


def supervisors(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if "supervisor" in " ".join(child.cmdline())]


def ended(walker: Walker, project: Path) -> walking.Result:
    """`diana verify`, again until the change does not run any more."""
    results: list[walking.Result] = []

    def over() -> bool:
        results.append(walker.diana(project, "verify", *DEV))
        return results[-1].code != 11

    until(over, "the change ended")
    return results[-1]


@pytest.mark.parametrize("how", ["INT", "TERM", "KILL", "all"])
def test_the_change_keeps_the_lock_and_verify_tells_its_end(tmp_path: Path, walker: Walker, how: str) -> None:
    database, gate = walking.sqlite_shop(tmp_path / "app.db"), Gate(tmp_path)
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", gate.migration)
    first = walker.start(project, "migrate", "--skip-rehearsal", *DEV)
    gate.wait(first)
    if how == "all":
        for one in supervisors(first):
            os.kill(first.pid, signal.SIGSTOP)
            one.kill()
    first.send_signal(signal.SIGKILL if how == "all" else getattr(signal, f"SIG{how}"))
    code = walker.finish(first, ("migrate",)).code
    assert code == (130 if how in ("INT", "TERM") else -9)
    for verb in ("migrate", "verify"):
        again = walker.diana(project, verb, "--skip-rehearsal", *DEV)
        assert (again.code, again.summary["reason"]) == (11, "change_still_runs"), again
    gate.gate.touch()
    told = ended(walker, project)
    assert (told.code, gate.times) == (0, 1), told
    assert "was interrupted" in told.err
    assert walking.rows(database, "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'note'") == [(1,)]
    assert "change_finished" in walker.kinds(walker.journals()[0].stem)
    assert walker.diana(project, "migrate", *DEV).summary["status"] == "nothing"


def test_what_was_cut_off_is_looked_at_before_anything_else_starts(tmp_path: Path, walker: Walker) -> None:
    """Everything of the run is killed half-way: the next run is refused until verify has measured and recorded it."""
    database, gate = walking.sqlite_shop(tmp_path / "app.db"), Gate(tmp_path)
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", ADD, gate.migration.replace(
        f"{BASE!r}", "'2b0000000002'").replace('revision = "2b0000000002"', 'revision = "3c0000000003"'))  # fmt: skip
    first = walker.start(project, "migrate", "--skip-rehearsal", *DEV)
    gate.wait(first)
    for one in reversed(psutil.Process(first.pid).children(recursive=True)):
        os.kill(first.pid, signal.SIGSTOP)
        one.kill()
    first.kill()
    walker.finish(first, ("migrate",))
    refused = walker.diana(project, "migrate", "--skip-rehearsal", *DEV)
    assert (refused.code, refused.summary["reason"]) == (11, "change_unfinished"), refused
    told = walker.diana(project, "verify", *DEV)
    assert (told.code, told.summary["reason"], told.summary["state"]) == (8, "person_needed", "partial"), told
    assert "CRITICAL" in told.err
    assert "diana restore --backup" in told.err
    gate.gate.touch()
    assert walker.diana(project, "migrate", "--skip-rehearsal", *DEV).code == 0


SLEEPING = """\
with op.get_context().autocommit_block():
    op.execute("CREATE TABLE half (id integer)")
    op.execute("SELECT pg_sleep(300)")"""


def slow_shop(walker: Walker, folder: Path, pg: PgDatabase, up: str) -> Path:
    walking.pg_shop(pg)
    walker.say(walking.person_of(pg.server, **{pg.name: "dev"}))
    return walking.project(folder, pg.url, walking.migration("2b0000000002", BASE, up))


def sleeping(pg: PgDatabase) -> int:
    found = pg.query(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(300)%' "
        "AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    return int(str(found[0][0]))


@pytest.mark.parametrize("how", ["timeout", "supervisor"])
def test_what_nobody_watches_any_more_is_ended_on_the_server_too(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase, how: str
) -> None:
    project = slow_shop(walker, tmp_path / "shop", pg_database, SLEEPING)
    words = ("--trust", "--yes", "--json", "--skip-rehearsal", *(("--timeout", "4") if how == "timeout" else ()))
    run = walker.start(project, "migrate", *words)
    until(lambda: sleeping(pg_database) == 1 or run.poll() is not None, "it sleeps")
    if how == "supervisor":
        for one in supervisors(run):
            one.kill()
    result = walker.finish(run, ("migrate", "--json"))
    assert sleeping(pg_database) == 0
    assert (result.code, result.summary["state"]) == (8, "partial"), result
    assert "extra:table:public.half" in [word.text for word in result.summary["left"]] or result.summary["left"]
    assert "Rollback successful" not in result.err
    assert "CRITICAL" in result.err


UNREACHABLE = """\
with op.get_context().autocommit_block():
    op.execute("CREATE TABLE half (id integer)")
import psycopg
url = op.get_bind().engine.url
with psycopg.connect(host=url.host, port=url.port, user=url.username, password=url.password, dbname="postgres",
                     autocommit=True) as other:
    other.execute(f'ALTER DATABASE "{{url.database}}" ALLOW_CONNECTIONS false')
{end}"""


@pytest.mark.parametrize("end", ["raise RuntimeError('half-way')", "pass"])
def test_a_database_that_cannot_be_reached_afterwards_is_a_persons_business(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase, end: str
) -> None:
    project = slow_shop(walker, tmp_path / "shop", pg_database, UNREACHABLE.format(end=end))
    result = walker.diana(project, "migrate", "--trust", "--yes", "--json", "--skip-rehearsal")
    assert (result.code, result.summary["state"]) == (8, "unknown"), result
    assert "CRITICAL" in result.err
    assert "diana restore --backup" in result.err
    assert Path(result.events("reported")[0]["path"].text).exists() if result.events("reported") else True


@pytest.mark.parametrize("how", ["INT", "TERM", "HUP", "KILL"])
def test_a_rehearsal_that_is_interrupted_leaves_no_server_and_no_rows(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase, how: str
) -> None:
    gate = Gate(tmp_path)
    tmp_path.chmod(0o777)
    walking.pg_shop(pg_database)
    walker.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
    project = walking.project(tmp_path / "shop", pg_database.url, gate.migration)
    run = walker.start(project, "rehearse", "--trust", "--yes", "--json")
    gate.wait(run)
    assert servers_of(walker)
    run.send_signal(getattr(signal, f"SIG{how}"))
    code = walker.finish(run, ("rehearse",)).code
    assert code == (130 if how != "KILL" else -9)
    if how == "KILL":
        assert servers_of(walker)
        assert "scratch" in walker.diana(project, "connect", "--trust", "--json").err
    gate.gate.touch()
    until(lambda: not servers_of(walker), "the server ended")
    assert not list(walker.temporary.glob("diana-scratch-*"))
    assert not list(walker.state.rglob("pgpass"))


def servers_of(walker: Walker) -> list[int]:
    """PostgreSQL servers of this person's, wherever their files are."""
    found: list[int] = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            words = process.cmdline()
            if any(str(folder) in word for word in words for folder in (walker.temporary, walker.state)) and any(
                word.endswith("/postgres") for word in words
            ):
                found.append(process.pid)
    return found


def test_a_torn_record_does_not_hide_a_change_in_flight(tmp_path: Path, walker: Walker) -> None:
    database, gate = walking.sqlite_shop(tmp_path / "app.db"), Gate(tmp_path)
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", gate.migration)
    first = walker.start(project, "migrate", "--skip-rehearsal", *DEV)
    gate.wait(first)
    first.kill()
    walker.finish(first, ("migrate",))
    journal = walker.journals()[0]
    with journal.open("a") as file:
        file.write(json.dumps({"seq": 99})[:5])
    gate.gate.touch()
    told = ended(walker, project)
    assert told.code == 0, told
    assert "was interrupted" in told.err
