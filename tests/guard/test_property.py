"""The property at the end of the guard's design, with an adversarial model, a changing world, faults and restarts.

No sequence of model output, chat text, project content, faults and restarts reaches a change in production unless the
person's own typed confirmation of that very plan stands in the journal, together with a backup of the grade the policy
demands and its verified copy, or the person's typed phrase for doing without.

A step is one thing that somebody does. Steps are played in games, games in shards, and each shard has its own seed of
the day: `DIANA_TEST_DAY=<day> pytest 'tests/guard/test_property.py::test_property[<shard>]'` plays a shard again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from diana_agent.run import Run
from guard import outsiders, world
from guard.adversary import NEXT, WORDS, Says, calls, texts, turns
from guard.game import EARLY_KINDS, FULL, KILL, LATE_KINDS, Game
from guard.ground import ADD, DROP
from guard.toy import DOWN
from shown import shown

STEPS = int(os.environ.get("DIANA_STEPS", "2000"))
DAY = int(os.environ.get("DIANA_TEST_DAY", "0"))
SHARDS = 4 if STEPS < 20_000 else 40
A_GAME = 25
QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example)
MEMORY = Path("/dev/shm")
"""Where there is one, games are played in memory and spare the disk; each has a private folder."""
ADD_AND_BACK = f"{ADD}\n{DOWN}ALTER TABLE customer DROP COLUMN points;\n"
ON = Says("", ((NEXT, "{}"),))
TIMES = st.integers(0, 3)
LIES = st.sampled_from(("", "", "", "harmless", "later", "nonce", "plan", "more"))
WILLING = ("confirm", "confirm", "confirm", "yes", "wrong", "spaces", "clumsy", "clumsier", "slowly", "chat", "no",
           "leave")  # fmt: skip


def _exists(machine: Adversary) -> bool:
    return machine.run is not None


class Adversary(RuleBasedStateMachine):
    """A model, a world and people who are not always careful, against the real guard."""

    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="guard-property-", dir=MEMORY if MEMORY.is_dir() else None))
        self.game: Game | None = None

    @property
    def run(self) -> Run | None:
        return self.game.run if self.game is not None else None

    @property
    def here(self) -> tuple[Game, Run]:
        """The game, and the Diana that is there: rules that need her are not chosen without."""
        if self.game is None or self.game.run is None:
            raise RuntimeError("there is no Diana now")
        return self.game, self.game.run

    @initialize(
        times=st.integers(0, 6), sql=st.sampled_from((DROP, ADD, ADD_AND_BACK)),
        rows=st.sampled_from((True, True, False)), skip=st.sampled_from((False, False, True)),
        behaviour=st.sampled_from(WILLING),
    )  # fmt: skip
    def lay_out(self, times: int, sql: str, rows: bool, skip: bool, behaviour: str) -> None:
        self.game = Game(self.folder, sql=sql, rows=rows, skip=skip, way_back=sql == ADD_AND_BACK)
        self.game.ground.person.behaviour = behaviour
        self.tally["games"] += 1
        self._goes_on(times)

    def teardown(self) -> None:
        if self.game is not None:
            self._wait()
            self._judge()
            self.tally["changes"] += self.game.oracle.changes
            self.game.close()
        shutil.rmtree(self.folder)

    def _wait(self) -> None:
        patience = time.monotonic() + 20
        while self.game is not None and self.game.still_runs() and time.monotonic() < patience:
            time.sleep(0.05)

    # The model.

    @precondition(_exists)
    @rule(replies=turns, words=texts)
    def model_takes_a_turn(self, replies: tuple[Says, ...], words: str) -> None:
        game, _ = self.here
        game.does(game.turn(replies, words))

    @precondition(_exists)
    @rule(times=st.integers(2, 6))
    def model_goes_the_usual_way(self, times: int) -> None:
        self._goes_on(times)

    @precondition(_exists)
    @rule(call=calls)
    def model_calls(self, call: tuple[str, str]) -> None:
        game, run = self.here
        game.does(game.calls(run, *call))

    @precondition(_exists)
    @rule(several=st.lists(calls, min_size=2, max_size=3))
    def model_calls_several_at_the_same_time(self, several: list[tuple[str, str]]) -> None:
        game, run = self.here
        game.does(*(game.calls(run, *call) for call in several))

    @precondition(_exists)
    @rule(times=st.integers(2, 4))
    def model_calls_migrate_again_and_again(self, times: int) -> None:
        game, _ = self.here
        game.does(game.turn((Says("", (("migrate", "{}"),)),) * times))

    # People.

    @rule(behaviour=st.sampled_from(WILLING), present=st.sampled_from((True, True, True, False)))
    def person_will(self, behaviour: str, present: bool) -> None:
        if self.game is not None:
            self.game.ground.person.behaviour, self.game.ground.person.present = behaviour, present

    @precondition(_exists)
    @rule(words=st.one_of(st.sampled_from(WORDS), texts))
    def somebody_types_in_the_chat(self, words: str) -> None:
        game, _ = self.here
        game.types_in_chat(words)

    @precondition(_exists)
    @rule(behaviour=st.sampled_from(WILLING), lie=LIES)
    def somebody_asks_for_an_approval(self, behaviour: str, lie: str) -> None:
        game, run = self.here
        outsiders.request(game, run)
        outsiders.approve(game, behaviour, lie)

    @precondition(_exists)
    @rule(which=st.integers(0, 3), lie=LIES)
    def somebody_runs_what_was_approved(self, which: int, lie: str) -> None:
        game, run = self.here
        outsiders.run_approved(game, run, which, lie)

    # The world.

    def _happens(self, what: str, times: int) -> None:
        """Something happens, and the model goes on as if it had not."""
        if self.game is not None:
            self._wait()
            self._judge()
            self.game.happens(what)
            self._goes_on(times)

    def _goes_on(self, times: int) -> None:
        if self.game is not None and self.game.run is not None and times:
            self.game.does(self.game.turn((ON,) * times))

    @rule(what=st.sampled_from(sorted(world.PROJECT)), times=TIMES)
    def the_project_changes(self, what: str, times: int) -> None:
        self._happens(what, times)

    @rule(what=st.sampled_from(sorted(world.DATABASE)), times=TIMES)
    def the_database_changes(self, what: str, times: int) -> None:
        self._happens(what, times)

    @rule(what=st.sampled_from(sorted({**world.COPIES, **world.STATE})), times=TIMES)
    def files_of_diana_break(self, what: str, times: int) -> None:
        self._happens(what, times)

    @rule(what=st.sampled_from(sorted(world.CLOCK)), times=TIMES)
    def the_clock_moves(self, what: str, times: int) -> None:
        self._happens(what, times)

    @precondition(_exists)
    @rule(kind=st.sampled_from(EARLY_KINDS), what=st.sampled_from((KILL, FULL, *sorted(world.ALL))), times=TIMES)
    def something_waits_for_its_moment(self, kind: str, what: str, times: int) -> None:
        game, _ = self.here
        game.ambush = (kind, what)
        self._goes_on(times)

    @precondition(_exists)
    @rule(
        kind=st.sampled_from(LATE_KINDS),
        what=st.sampled_from((KILL, KILL, FULL, FULL, *sorted(world.LATE))),
        times=TIMES,
    )
    def something_waits_for_a_late_moment(self, kind: str, what: str, times: int) -> None:
        game, _ = self.here
        game.ambush = (kind, what)
        self._goes_on(times)

    @precondition(_exists)
    @rule(room=st.integers(1, 12), times=TIMES)
    def the_disk_fills_up(self, room: int, times: int) -> None:
        game, _ = self.here
        game.disk.room = room
        self._goes_on(times)

    @rule(how=st.sampled_from(("edit", "cut", "swap", "add", "remove")), old=st.sampled_from((True, True, False)))
    def somebody_edits_the_journals(self, how: str, old: bool) -> None:
        if self.game is not None:
            self._judge()
            outsiders.meddle(self.game, how, old=old)

    # Dianas.

    @rule(times=st.integers(0, 6))
    def diana_is_started_again(self, times: int) -> None:
        if self.game is not None:
            self.game.starts()
            self._goes_on(times)

    @precondition(_exists)
    @rule(kill=st.sampled_from((False, False, False, True)), threads=st.booleans(), call=calls)
    def another_diana_works_too(self, kill: bool, threads: bool, call: tuple[str, str]) -> None:
        game, run = self.here
        other = game.other_comes()
        if other is not None:
            if threads:
                outsiders.in_two_threads(game, run, other)
            else:
                game.does(game.calls(run, *call), game.calls(other, "@next"))
        if kill:
            game.other_goes()

    # A thief inside of the process.

    @precondition(_exists)
    @rule()
    def a_thief_tries_the_doors(self) -> None:
        game, run = self.here
        problem = outsiders.forge_a_permit(game, run) or outsiders.borrow_a_permit(game)
        assert not problem, problem

    @invariant()
    def nothing_changed_without_the_right_to(self) -> None:
        self.tally["steps"] += 1
        self._judge()

    def _judge(self) -> None:
        if self.game is None:
            return
        if self.game.run is not None:
            assert not self.game.run.journal.face_errors
        problem = self.game.fault()
        assert not problem, problem


def play(machine: type[Adversary], steps: int, number: int, *, shrink: bool = True) -> Counter[str]:
    """Play that many steps; what came of them is counted.

    Raises:
        AssertionError: the oracle found a change without the right to it.
    """
    machine.tally = Counter()
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=max(1, round(steps / A_GAME)), stateful_step_count=A_GAME + 1, deadline=None, database=None,
            suppress_health_check=QUIET, print_blob=True, report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            verbosity=Verbosity.normal if shrink else Verbosity.quiet,
        ),
    )  # fmt: skip
    return machine.tally


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_property(shard: int, record_property: Callable[[str, object], None]) -> None:
    tally = play(type("Adversary", (Adversary,), {}), STEPS // SHARDS, DAY * 1000 + shard)
    line = "property: {steps} steps in {games} games, {changes} changes, each with the right to happen"
    shown(record_property, line, steps=tally["steps"], games=tally["games"], changes=tally["changes"])
    assert tally["changes"]
