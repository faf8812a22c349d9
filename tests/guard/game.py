"""One game against the real guard: a session with its loop, a second Diana, ambushes, a thief, approvals, an oracle."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
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
LATE_KINDS = ("measured", "change_started", "permit_redeemed", "line", "change_finished", "verified", "step_left")
KILL, FULL, THIEF = "Diana is killed", "the disk is full", "a permit is tried again"
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

HOUR = timedelta(hours=1)

Stolen = tuple[WriteCommand, Permit, Operation, Use]
Door = Callable[[Executor, WriteCommand, Permit, Operation, Use, Line], Coroutine[None, None, Changed]]


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
        self.thief = False
        self.borrowed: list[tuple[Permit, Operation]] = []
        self.problems: list[str] = []
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
        """A thief stands at the executor's door: a permit on its way is tried for other things before and after."""
        real = Executor.change

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
            if self.thief:
                await self._steals(real, executor, (command, permit, operation, use))
            done = await real(executor, command, permit, operation, use, line, private=private)
            self.borrowed.append((permit, operation))
            if self.thief:
                self._borrows()
            return done

        self.patch.setattr(Executor, "change", change)

    async def _steals(self, real: Door, executor: Executor, given: Stolen) -> None:
        """Something else with this very permit, before it was used: refused, and the permit is still good."""
        command, permit, operation, use = given
        mark = self.ground.folder / "stolen"
        other = replace(command, argv=("/usr/bin/touch", str(mark)))
        swapped = Use(use.name, other.digest)
        for its_operation, its_use in (
            (operation, use), (operation, swapped), (replace(operation, uses=(swapped,)), swapped),
        ):  # fmt: skip
            with suppress(DianaError, FileExistsError):
                await real(executor, other, permit, its_operation, its_use, lambda _text: None)
                self.problems.append(f"a permit for {use} did something else")
        for lie in (replace(permit, backup="another"), replace(permit, expires_at=permit.expires_at + HOUR)):
            with suppress(DianaError, FileExistsError):
                await real(executor, command, lie, operation, use, lambda _text: None)
                self.problems.append("an altered permit was taken")

    def _borrows(self, recovery: bool = False) -> None:
        """The last permits once more, for each of their uses; a way back only where nothing failed."""
        if self.run is None:
            return
        for permit, operation in self.borrowed[-3:]:
            for use in operation.uses:
                if recovery or not use.recovery:
                    with suppress(DianaError):
                        self.run.guard.redeemer.redeem(permit, operation, use)

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
        elif what == THIEF:
            self._borrows(recovery=kind == "verified")
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

    def race(self, run: Run, other: Run) -> None:
        """The other Diana is walked to where this one is, and then both go on at the same moment."""
        for verb in ("detect", "connect", "plan", "backup", "rehearse"):
            self.does(self.calls(other, verb))
        self.does(self.calls(run, "migrate"), self.calls(other, "migrate"))

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
        if self.problems:
            return self.problems[0]
        return "" if self.still_runs() else self.oracle.fault(self.ground.content())


async def _together(work: tuple[Coroutine[None, None, object], ...]) -> None:
    """All at once; the first failure is raised when everything has ended."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    failed = [one for one in ended if isinstance(one, BaseException)]
    for one in sorted(failed, key=lambda one: isinstance(one, Exception)):
        raise one
