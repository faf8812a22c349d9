"""kill -9 at every state and a restart: nothing runs twice, nothing runs on an earlier yes, nothing is hidden."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import walking
from diana_agent.events import AnyEvent, ChangeStarted
from diana_agent.journal import Actor, Entry, whole_part
from diana_agent.run import Run
from guard.ground import Ground
from guard.test_ground import PATH, walk
from integration.conftest import walker
from walking import ADD, LIMIT_S, Walker

__all__ = ["walker"]


class Killed(BaseException):
    """The process is gone: nothing that would still run may write."""


def kill_at(run: Run, kind: str) -> None:
    """End the run as a kill would the moment an event of that kind is on disk."""
    append, dead = run.journal.append, False

    def last(event: AnyEvent, actor: Actor) -> Entry:
        nonlocal dead
        if dead:
            raise Killed
        entry = append(event, actor)
        dead = event.kind == kind
        if dead:
            raise Killed
        return entry

    run.journal.append = last  # pyright: ignore[reportAttributeAccessIssue]  # the test stands in the journal's way


STATES = (
    "tool_requested", "step_entered", "detected", "step_left", "tool_answered", "trusted", "environment_settled",
    "prerequisite", "connected", "planned", "noted", "backed_up", "copied", "permit_minted", "permit_redeemed",
    "proven", "rehearsed", "asked", "answered", "measured", "change_started", "change_finished", "verified",
)  # fmt: skip


async def test_every_kind_of_event_of_a_whole_run_is_among_the_states(ground: Ground) -> None:
    ground.person.behaviour = "confirm"
    run = ground.open()
    assert (await walk(run, *PATH)).status == "done"
    assert {event.kind for event in run.journal.events()} - {"run_started"} == set(STATES)


@pytest.mark.parametrize("kind", STATES)
async def test_killed_at_every_event_and_restarted(ground: Ground, kind: str) -> None:
    ground.person.behaviour = "confirm"
    before, run = ground.content(), ground.open()
    kill_at(run, kind)
    with pytest.raises(Killed):
        await walk(run, *PATH)
    ground.close()
    _, entries = whole_part(run.journal.path)
    assert entries[-1].event.kind == kind
    started = any(isinstance(entry.event, ChangeStarted) for entry in entries)
    assert started or ground.content() == before
    ground.person.asked.clear()
    again = ground.open()
    outcome = await walk(again, *PATH)
    if kind == "change_started":  # nobody knows what it did: it is measured first
        assert (outcome.reason, outcome.exit_code) == ("change_unfinished", 11)
        assert (await walk(again, "verify")).reason == "migration_failed"
        assert ground.content() == before
        outcome = await walk(again, "migrate")
    changed = kind in ("change_finished", "verified")
    assert changed or outcome.status == "done", outcome
    assert bool(ground.person.asked) is not changed, "the yes of a run that was killed is worth nothing"
    assert ground.content() != before


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["backed_up", "permit_redeemed", "change_finished"])
def test_a_real_diana_is_killed_and_started_again(tmp_path: Path, walker: Walker, kind: str) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", ADD)
    before = walking.dump(database)
    words = ("migrate", "--trust", "--environment", "dev", "--yes", "--json", "--skip-rehearsal")
    killed = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("kill_at.py")), kind, *words, "--project", str(project)],
        env=walker.environment, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed
    assert walker.kinds(walker.journals()[0].stem)[-1] == kind
    if kind != "change_finished":
        assert walking.dump(database) == before
    again = walker.diana(project, *words)
    assert again.code == 0, again
    assert again.summary["status"] == ("nothing" if kind == "change_finished" else "done"), again
    columns = "SELECT count(*) FROM pragma_table_info('customer') WHERE name = 'points'"
    assert walking.rows(database, columns) == [(1,)]
    assert list(walker.temporary.iterdir()) == []
