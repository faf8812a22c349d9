"""One game against the real guard: a session with its loop, a second Diana, ambushes, a thief, approvals, an oracle."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path

import pytest

from diana_agent.call import Said
from diana_agent.dispatch import dispatch, verbs
from diana_agent.events import GaveBack, UserSaid
from diana_agent.journal import Entry
from diana_agent.loop import Loop
from diana_agent.models.base import ToolCall
from diana_agent.run import Run
from diana_agent.workflow import next_verbs
from diana_prompts.system import verb_description
from diana_tools import registry
from diana_tools.command import WriteCommand
from diana_tools.errors import DianaError
from diana_tools.executor import Changed, Executor, Line
from diana_tools.permit import Operation, Permit, Use
from diana_tools.redaction import plain
from guard.adversary import Says, Scripted, meant
from guard.ground import Ground
from guard.oracle import Oracle
from guard.toy_adapter import ToyAdapter
from guard.world import ALL, LATE, Disk

EARLY_KINDS = (
    "tool_requested", "planned", "backed_up", "proven", "copied", "rehearsed", "asked", "answered", "permit_minted",
)  # fmt: skip
LATE_KINDS = ("measured", "change_started", "permit_redeemed", "line", "change_finished", "step_left")
KILL, FULL = "Diana is killed", "the disk is full"
OFFERED = verbs(verb_description)
OWN_FILE = """
[environments.prod]
level = "production"
databases = ["app.db"]
expected_db = "app.db"
[stores.vault]
kind = "local"
location = "{vault}"
remote = true
[policy]
scratch_rows_in_production = {rows}
coding_agents = true
hmac_in_production = true
"""

Stolen = tuple[Executor, WriteCommand, Permit, Operation, Use]


class Killed(BaseException):
    """What ends a process that is killed: nobody catches it, and nothing is written any more."""


class Game:
    """The world of one game. Every method is one thing that somebody does; `check` is the oracle's."""

    def __init__(self, folder: Path, *, sql: str, rows: bool, skip: bool, way_back: bool) -> None:
        own = OWN_FILE.format(vault=folder / "ground" / "vault", rows=str(rows).lower())
        flags: dict[str, str | bool] = {"skip_backup": True} if skip else {}
        adapter = ToyAdapter(way_back=way_back)
        self.ground = Ground(folder / "ground", sql=sql, own_file=own, flags=flags, adapter=adapter)
        self.oracle = Oracle.of(self.ground.folder, self.ground.person.diary)
        self.loop = asyncio.new_event_loop()
        self.ambush: tuple[str, str] | None = None
        self.stolen: list[Stolen] = []
        self.other: Run | None = None
        self.run: Run | None = None
        self.disk = Disk(os.write)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(registry, "adapters", lambda: {"toy": adapter})
        self.patch.setattr(os, "write", self.disk.write)
        self._watch_the_door()
        self.ground.person.to_chat = self._said
        self.oracle.outside(self.ground.content())
        self.starts()

    def _watch_the_door(self) -> None:
        """A thief sees every permit that is used, with all that belongs to it."""
        real, stolen = Executor.change, self.stolen

        async def change(
            executor: Executor,
            command: WriteCommand,
            permit: Permit,
            operation: Operation,
            use: Use,
            line: Line,
            *,
            private: bool = False,
        ) -> Changed:
            stolen.append((executor, command, permit, operation, use))
            return await real(executor, command, permit, operation, use, line, private=private)

        self.patch.setattr(Executor, "change", change)

    def close(self) -> None:
        """End everything that belongs to the game."""
        self.other_goes()
        self.ground.close()
        self.patch.undo()
        self.loop.close()

    # What Diana does.

    def starts(self, said: Said | None = None) -> None:
        """A new process; where the settings cannot be used there is none."""
        self.ambush, self.disk.room = None, -1
        try:
            self.run = self.ground.open(said)
        except DianaError:
            self.run = None
            return
        self.run.journal.subscribe(self._sprung)
        self.run.on_line.append(lambda _text: self._spring("line"))
        self.model = Scripted()
        self.turns = Loop(self.run, self.model, "", OFFERED, lambda: False)

    def _sprung(self, entry: Entry) -> None:
        self._spring(entry.event.kind)

    def _spring(self, kind: str) -> None:
        """What waits for this moment happens, once."""
        if self.ambush is None or self.ambush[0] != kind:
            return
        what, self.ambush = self.ambush[1], None
        if what == KILL:
            self.ground.close()
            raise Killed
        if what == FULL:
            self.disk.room = 1
        else:
            self.happens(what)

    def happens(self, what: str) -> None:
        """Something happens in the world."""
        {**ALL, **LATE}[what](self.ground)
        self.oracle.outside(self.ground.content())

    def does(self, *work: Coroutine[None, None, object]) -> None:
        """Let things be done at the same time; a kill restarts, a record that cannot be continued is survived."""
        try:
            self.loop.run_until_complete(_together(work))
        except Killed:
            self.starts()
        except DianaError as error:
            if not error.code.startswith("journal_"):
                raise

    # What the model does.

    def turn(self, replies: tuple[Says, ...], words: str = "go on") -> Coroutine[None, None, object]:
        """A message of the person, and everything that the model makes of it."""
        self.model.replies[:] = replies
        return self.turns.turn(words, lambda _text: None)

    def calls(self, run: Run, verb: str, arguments: str = "{}") -> Coroutine[None, None, object]:
        """One call as it reaches the dispatcher."""
        modes = run.settings.mode.value
        verb, arguments = meant(verb, arguments, lambda: next(iter(next_verbs(run.standing, modes))))
        return dispatch(run, ToolCall("1", verb, arguments), "model")

    # What people do.

    def types_in_chat(self, words: str) -> None:
        """A line in the chat, as the chat takes it."""

        async def typed() -> None:
            self._said(words)

        self.does(typed())

    def _said(self, words: str) -> None:
        text = plain(words, 20_000).strip()
        if self.run is not None and text:
            self.run.write(UserSaid(text=text), "person")
            if text.startswith("/again"):
                self.run.write(GaveBack(verb=text.removeprefix("/again").strip() or "migrate"), "person")

    def other_comes(self) -> Run | None:
        """A second Diana on the same machine, for the same person."""
        if self.other is None:
            try:
                self.other = self.ground.begin()
            except DianaError:
                return None
        return self.other

    def other_goes(self) -> None:
        """It is killed."""
        if self.other is not None:
            self.other.journal.close()
            self.other = None

    # What is true.

    def still_runs(self) -> bool:
        """Whether a change that was begun has not ended: what it does cannot be judged before."""
        runs = self.ground.folder / "home" / "s" / "runs"
        return any(not one.with_name("exit.json").exists() for one in runs.glob("*/pid.json"))

    def fault(self) -> str:
        """What the oracle has against what happened since it was asked last."""
        return "" if self.still_runs() else self.oracle.fault(self.ground.content())


async def _together(work: tuple[Coroutine[None, None, object], ...]) -> None:
    """All at once; the first failure is raised when everything has ended."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    failed = [one for one in ended if isinstance(one, BaseException)]
    for one in sorted(failed, key=lambda one: isinstance(one, Exception)):
        raise one
