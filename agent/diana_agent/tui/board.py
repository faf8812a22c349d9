"""What is true now, drawn from the journal: top bar, steps and status line. Loaded after the first frame."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import singledispatchmethod

from diana_agent import events as ev
from diana_agent.tui.widgets.status_line import StatusLine
from diana_agent.tui.widgets.steps import COUNT, Standing, Step, Stepper, StepRail
from diana_agent.tui.widgets.top_bar import TopBar
from diana_agent.tui.words import Words, clean
from diana_tools.domain import Address, Plan

FIRST = 1
"""The first step runs from the start until the environment is known, whether or not its own events say so."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """The widgets that show what is true now."""

    top: TopBar
    rail: StepRail
    stepper: Stepper
    status: StatusLine


class Board:
    """Reads events in order; `tick` moves the clock of the step that runs."""

    def __init__(self, instruments: Instruments, standing: Standing, words: Words) -> None:
        self._instruments = instruments
        self._standing = standing
        self._words = words
        self._began: dict[int, float] = {}

    def read(self, event: ev.AnyEvent) -> None:
        """Show what an event changes."""
        self._show(event)

    def refresh(self) -> None:
        """Draw the steps again, after a batch of events."""
        self._instruments.rail.changed()
        self._instruments.stepper.changed()

    def tick(self) -> None:
        """Show how long the running step takes so far."""
        for number, began in self._began.items():
            self._standing.steps[number - 1].seconds = time.monotonic() - began
        if self._began:
            self.refresh()

    def wait(self, waiting: bool) -> None:
        """Mark the running step as waiting for the person, or as running again."""
        old, new = ("running", "waiting") if waiting else ("waiting", "running")
        for step in self._standing.steps:
            if step.state == old:
                step.state = new
        self.refresh()

    @singledispatchmethod
    def _show(self, event: object) -> None:
        """Events that change nothing here."""

    @_show.register
    def _(self, event: ev.RunStarted) -> None:
        self._enter(FIRST)

    @_show.register
    def _(self, event: ev.EnvironmentSettled) -> None:
        self._instruments.top.settle(event.environment.name, event.environment.level.value)
        if FIRST in self._began:
            self._leave(FIRST, "done", time.monotonic() - self._began[FIRST])

    @_show.register
    def _(self, event: ev.RunEnded) -> None:
        if self._standing.steps[COUNT - 1].state == "open":
            self._leave(COUNT, "failed" if event.exit_code else "done", 0.0)

    @_show.register
    def _(self, event: ev.ModelSaid) -> None:
        self._instruments.status.spend(event.input_tokens + event.output_tokens, event.cost)

    @_show.register
    def _(self, event: ev.StepEntered) -> None:
        if 1 <= event.step <= COUNT:
            self._enter(event.step)

    @_show.register
    def _(self, event: ev.StepLeft) -> None:
        if 1 <= event.step <= COUNT:
            self._leave(event.step, event.outcome, event.seconds)

    @_show.register
    def _(self, event: ev.Detected) -> None:
        if event.chosen is not None:
            self._instruments.status.tell("tool", f"{event.chosen.tool} {event.version}".strip())

    @_show.register
    def _(self, event: ev.Connected) -> None:
        self._address(event.address)
        self._version(event.version)

    @_show.register
    def _(self, event: ev.Measured) -> None:
        self._version(event.state.version)

    @_show.register
    def _(self, event: ev.Planned) -> None:
        plan = event.plan
        self._address(plan.address)
        self._instruments.status.tell("tool", f"{plan.tool} {plan.tool_version}".strip())
        self._instruments.top.settle(plan.environment.name, plan.environment.level.value)
        self._fact("plan", plan.code_word, "bold")
        self._fact("pending", str(len(plan.pending)), "")
        self._losses(plan)

    @_show.register
    def _(self, event: ev.BackedUp) -> None:
        self._fact("backup", self._words(f"grade.{event.backup.grade.value}"), "$running")

    @_show.register
    def _(self, event: ev.Proven) -> None:
        good = event.proof.grade.rank > 1 and not event.proof.problems
        self._fact("backup", self._words(f"grade.{event.proof.grade.value}"), "$good" if good else "$running")

    @_show.register
    def _(self, event: ev.Copied) -> None:
        word = self._words("copy.verified" if event.copy_.verified else "copy.unverified")
        self._fact("copy", f"{clean(event.copy_.store, 20)} {word}", "$good" if event.copy_.verified else "$bad")

    @_show.register
    def _(self, event: ev.Rehearsed) -> None:
        word = "rehearsal.passed" if event.rehearsal.passed else "rehearsal.failed"
        self._fact("rehearsal", self._words(word), "$good" if event.rehearsal.passed else "$bad")

    @_show.register
    def _(self, event: ev.ChangeFinished) -> None:
        good = event.result.state == "applied"
        self._fact("result", self._words(f"state.{_known(event.result.state)}"), "$good" if good else "$bad")
        self._fact("pending", str(len(event.result.not_applied)), "")

    @_show.register
    def _(self, event: ev.Recovered) -> None:
        word = "recovery.back" if event.result.recovered else "recovery.not_back"
        self._fact("result", self._words(word), "$good" if event.result.recovered else "$bad")

    def _enter(self, step: int) -> None:
        self._standing.steps[step - 1] = Step("running")
        self._began[step] = time.monotonic()

    def _leave(self, step: int, outcome: str, seconds: float) -> None:
        self._standing.steps[step - 1] = Step(outcome, seconds)
        self._began.pop(step, None)

    def _losses(self, plan: Plan) -> None:
        if not plan.destructive:
            self._fact("loses", self._words("loses.nothing"), "$good")
            return
        lost = {"rows": 0, "values": 0}
        for finding in plan.findings:
            if finding.data_loss and finding.loss is not None:
                lost["values" if "." in finding.object else "rows"] += finding.loss.rows or 0
        told = [self._words(f"loses.{kind}", count=f"{count:,}") for kind, count in lost.items() if count]
        self._fact("loses", "\n".join(f"▲ {one}" for one in told or [self._words("loses.maybe")]), "$bad")

    def _version(self, version: tuple[str, ...]) -> None:
        self._fact("version", ", ".join(version) or "∅", "")

    def _address(self, address: Address) -> None:
        host = f"{address.host}:{address.port}" if address.port else address.host
        self._instruments.top.connect(address.name, address.engine, host)

    def _fact(self, name: str, value: str, style: str) -> None:
        self._standing.facts[self._words(f"fact.{name}")] = (clean(value, 60), style)


def _known(state: str) -> str:
    return state if state in ("applied", "unchanged", "partial", "unknown") else "unknown"
