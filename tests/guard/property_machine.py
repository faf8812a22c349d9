"""The property at the end of the guard's design, with an adversarial model, a changing world, faults and restarts.

No sequence of model output, chat text, project content, faults and restarts reaches a change in production unless the
person's own typed confirmation of that very plan stands in the journal, together with a backup of the grade the policy
demands and its verified copy, or the person's typed phrase for doing without.

A step is one thing that somebody does; steps are played in games.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ClassVar, Concatenate, ParamSpec

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from diana_agent.run import Run
from guard import outsiders, world
from guard.adversary import NEXT, WORDS, Says, calls, texts, turns
from guard.game import EARLY_KINDS, FULL, KILL, LATE_KINDS, THIEF, Game
from guard.ground import ADD, DROP
from guard.toy import DOWN

QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example)
MEMORY = Path("/dev/shm")
"""Where there is one, games are played in memory and spare the disk; each has a private folder."""
ADD_AND_BACK = f"{ADD}\n{DOWN}ALTER TABLE customer DROP COLUMN points;\n"
ON = Says("", ((NEXT, "{}"),))
TIMES = st.integers(0, 2)
AMBUSHES = st.one_of(
    st.tuples(st.sampled_from(EARLY_KINDS), st.sampled_from((KILL, FULL, *sorted(world.ALL)))),
    st.tuples(st.sampled_from(("asked", "answered", "permit_minted")), st.sampled_from(sorted(world.ALL))),
    st.tuples(st.sampled_from(LATE_KINDS), st.sampled_from((KILL, KILL, FULL, THIEF, THIEF, *sorted(world.LATE)))),
)
LIES = st.sampled_from(("", "", "", "harmless", "less", "later", "nonce", "plan", "more"))
MEANWHILE = st.one_of(st.just("nothing"), st.sampled_from(sorted(world.ALL)))
FIRST = ("confirm", "confirm", "confirm", "confirm", "spaces", "clumsy", "clumsier", "slowly", "chat", "no", "wrong")
HEADLESS = st.builds(
    outsiders.Headless, st.sampled_from(FIRST), LIES, MEANWHILE, st.integers(0, 2), LIES, st.booleans()
)
WILLING = ("confirm", "confirm", "confirm", "yes", "wrong", "spaces", "clumsy", "clumsier", "slowly", "chat", "no",
           "leave")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Focus:
    """What the games of a machine begin with, in place of what would be drawn; empty: whatever is drawn."""

    sql: str = ""
    person: str = ""
    ambush: tuple[str, str] | None = None
    rows: bool | None = None
    times: int | None = None
    headless: outsiders.Headless | None = None
    race: bool = False
    again: int = 0


Words = ParamSpec("Words")


def _with_her(rule_: Callable[Concatenate[Adversary, Words], None]) -> Callable[Concatenate[Adversary, Words], None]:
    """A rule that comes to nothing while there is no Diana.

    Not a precondition: whether she is there can depend on which of two threads was faster, and Hypothesis plays a game
    again only where the same rules can be chosen.
    """

    @wraps(rule_)
    def played(machine: Adversary, *args: Words.args, **kwargs: Words.kwargs) -> None:
        if machine.run is not None:
            rule_(machine, *args, **kwargs)

    return played


class Adversary(RuleBasedStateMachine):
    """A model, a world and people who are not always careful, against the real guard."""

    tally: ClassVar[Counter[str]] = Counter()
    focus: ClassVar[Focus] = Focus()
    found: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="guard-property-", dir=MEMORY if MEMORY.is_dir() else None))
        self.game: Game | None = None
        self.failed = False

    @property
    def run(self) -> Run | None:
        return self.game.run if self.game is not None else None

    @property
    def here(self) -> tuple[Game, Run]:
        """The game, and the Diana that is there: rules that need her come to nothing without."""
        if self.game is None or self.game.run is None:
            raise RuntimeError("there is no Diana now")
        return self.game, self.game.run

    @initialize(sql=st.sampled_from((DROP, DROP, ADD, ADD_AND_BACK)), person=st.sampled_from(FIRST), ambush=AMBUSHES,
                rows=st.sampled_from((True, True, False)), skip=st.sampled_from((False, False, True)),
                thief=st.booleans(), times=st.sampled_from((6, 6, 6, 6, 5, 4, 0)))  # fmt: skip
    def lay_out(
        self, sql: str, person: str, ambush: tuple[str, str], rows: bool, skip: bool, thief: bool, times: int
    ) -> None:
        """Most games begin with the whole way, and with one thing that goes wrong on it."""
        focus = self.focus
        sql, rows = focus.sql or sql, rows if focus.rows is None else focus.rows
        self.game = Game(self.folder, sql=sql, rows=rows, skip=skip and sql == ADD, way_back=sql == ADD_AND_BACK)
        self.game.ground.person.behaviour = focus.person or person
        self.game.ambush, self.game.thief = focus.ambush or ambush, thief
        self.tally["games"] += 1
        self._goes_on(times if focus.times is None else focus.times)
        self._goes_on(focus.again)
        if focus.headless is not None and self.game.run is not None:
            outsiders.headless(self.game, self.game.run, focus.headless)
        if focus.race and self.game.run is not None and (other := self.game.other_comes()) is not None:
            self.game.race(self.game.run, other)

    def teardown(self) -> None:
        try:
            if self.game is not None:
                self._ends(self.game)
        finally:
            shutil.rmtree(self.folder)

    def _ends(self, game: Game) -> None:
        try:
            self._wait()
            if not self.failed:
                self._judge()
            self.tally["changes"] += game.oracle.changes
        finally:
            game.close()

    def _wait(self) -> None:
        patience = time.monotonic() + 20
        while self.game is not None and self.game.still_runs() and time.monotonic() < patience:
            time.sleep(0.05)

    # The model.

    @rule(replies=turns, words=texts)
    @_with_her
    def model_takes_a_turn(self, replies: tuple[Says, ...], words: str) -> None:
        game, _ = self.here
        game.does(game.turn(replies, words))

    @rule(times=st.integers(2, 6))
    @_with_her
    def model_goes_the_usual_way(self, times: int) -> None:
        self._goes_on(times)

    @rule(call=calls)
    @_with_her
    def model_calls(self, call: tuple[str, str]) -> None:
        game, run = self.here
        game.does(game.calls(run, *call))

    @rule(several=st.lists(calls, min_size=2, max_size=3))
    @_with_her
    def model_calls_several_at_the_same_time(self, several: list[tuple[str, str]]) -> None:
        game, run = self.here
        game.does(*(game.calls(run, *call) for call in several))

    @rule(times=st.integers(2, 3))
    @_with_her
    def model_calls_migrate_again_and_again(self, times: int) -> None:
        game, _ = self.here
        game.does(game.turn((Says("", (("migrate", "{}"),)),) * times))

    # People.

    @rule(behaviour=st.sampled_from(WILLING), present=st.sampled_from((True, True, True, False)), times=TIMES)
    def person_will(self, behaviour: str, present: bool, times: int) -> None:
        if self.game is not None:
            self.game.ground.person.behaviour, self.game.ground.person.present = behaviour, present
            self._goes_on(times)

    @rule(words=st.one_of(st.sampled_from(WORDS), texts))
    @_with_her
    def somebody_types_in_the_chat(self, words: str) -> None:
        game, _ = self.here
        game.types_in_chat(words)

    @rule(how=HEADLESS, times=st.sampled_from((0, 0, 0, 5)))
    @_with_her
    def somebody_runs_it_headless(self, how: outsiders.Headless, times: int) -> None:
        game, _ = self.here
        self._goes_on(times)
        if game.run is not None:
            outsiders.headless(game, game.run, how)

    @rule(which=st.integers(0, 3), lie=LIES)
    @_with_her
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

    @rule(ambush=AMBUSHES, times=TIMES)
    @_with_her
    def something_waits_for_its_moment(self, ambush: tuple[str, str], times: int) -> None:
        game, _ = self.here
        game.ambush = ambush
        self._goes_on(times)

    @rule(room=st.integers(1, 12), times=TIMES)
    @_with_her
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

    @rule(times=st.sampled_from((0, 0, 0, 1, 6)))
    def diana_is_started_again(self, times: int) -> None:
        if self.game is not None:
            self.game.starts()
            self._goes_on(times)

    @rule(
        how=st.sampled_from(("threads", "threads", "threads", "turns", "turns", "turns", "race")),
        kill=st.booleans(),
        call=calls,
    )
    @_with_her
    def another_diana_works_too(self, how: str, kill: bool, call: tuple[str, str]) -> None:
        game, run = self.here
        other = game.other_comes()
        if other is not None:
            if how == "threads":
                outsiders.in_two_threads(game, run, other)
            elif how == "race":
                game.race(run, other)
            else:
                game.does(game.calls(run, *call), game.calls(other, NEXT))
        if kill:
            game.other_goes()

    @rule(thief=st.booleans())
    @_with_her
    def a_forger_tries_the_doors(self, thief: bool) -> None:
        game, run = self.here
        game.thief = thief
        self._demand(outsiders.forge_a_permit(game, run))

    @invariant()
    def nothing_changed_without_the_right_to(self) -> None:
        self.tally["steps"] += self.game is not None
        self._judge()

    def _judge(self) -> None:
        if self.game is None:
            return
        if self.game.run is not None:
            assert not self.game.run.journal.face_errors
        self._demand(self.game.fault())

    def _demand(self, problem: str) -> None:
        """Fail with what is wrong, if anything is."""
        if problem:
            self.failed = True
            self.found.append(problem)
        assert not problem, problem


def play(machine: type[Adversary], steps: int, number: int, *, a_game: int, shrink: bool = True) -> Counter[str]:
    """Play that many steps, `a_game` each; what came of them is counted.

    Raises:
        AssertionError: the oracle found a change without the right to it.
    """
    machine.tally = Counter()
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=max(1, -(-steps // a_game)), stateful_step_count=a_game, deadline=None, database=None,
            suppress_health_check=QUIET, print_blob=True, report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            verbosity=Verbosity.normal if shrink else Verbosity.quiet,
        ),
    )  # fmt: skip
    return machine.tally
