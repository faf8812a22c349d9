"""A run's journal read as a story: what was planned, done, measured, asked and refused, and how it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from diana_agent import events as ev
from diana_agent.journal import GENESIS, Entry
from diana_tools.domain import Address, Environment, Plan
from diana_tools.measured import Backup, ChangeResult, Check, Grade, Preview, Rehearsal, SchemaDiff, State, Verification

CHECKS = ("history", "schema", "data", "connectivity")
"""The document's four checks, in its order."""
CHANGES = ("apply", "rollback", "restore")
_BEGINS_AGAIN = ("detect", "connect", "plan", "backup", "preview", "rehearse", "migrate", "rollback", "restore")


class Status(StrEnum):
    """What is true of a run. The first six speak of a change that was started, the others of none."""

    SUCCESS = "success"
    INCOMPLETE = "incomplete"
    RECOVERED = "recovered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    HALTED = "halted"
    DRY_RUN = "dry_run"
    UP_TO_DATE = "up_to_date"
    NOTHING_RUN = "nothing_run"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class StepTime:
    """One step: when it began, and how it ended (`open` while it has not) after how many seconds."""

    step: int
    began: datetime
    outcome: str = "open"
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One question to a person; `matched` None while it is unanswered."""

    question: str
    asks: str
    at: datetime
    matched: bool | None = None
    tries: int = 0

    @property
    def wrong(self) -> int:
        """Tries that did not match; breaking off after a wrong one counts too."""
        return self.tries - (1 if self.matched else 0)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the database: when it started, and how it ended once it did."""

    act: str
    permit: str
    started: datetime
    ended: datetime | None = None
    result: ChangeResult | None = None


@dataclass(slots=True)
class Story:
    """Everything a log tells, folded from the entries; fields are empty while nothing was recorded of them."""

    head: str = GENESIS
    entries: int = 0
    run: ev.RunStarted | None = None
    began: datetime | None = None
    last: datetime | None = None
    environment: Environment | None = None
    detected: ev.Detected | None = None
    connected: ev.Connected | None = None
    planned: Plan | None = None
    backups: dict[str, Backup] = field(default_factory=dict[str, Backup])
    rehearsal: Rehearsal | None = None
    preview: Preview | None = None
    measured: dict[str, State] = field(default_factory=dict[str, State])
    changes: list[Change] = field(default_factory=list[Change])
    change: Change | None = None
    plan_of_change: Plan | None = None
    permit: ev.PermitMinted | None = None
    recovered: ev.Recovered | None = None
    verification: Verification | None = None
    approvals: list[ev.ApprovalUsed] = field(default_factory=list[ev.ApprovalUsed])
    confirmations: list[Confirmation] = field(default_factory=list[Confirmation])
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    refused_fields: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict[tuple[str, str], dict[str, str]])
    steps: list[StepTime] = field(default_factory=list[StepTime])
    warnings: list[ev.Noted] = field(default_factory=list[ev.Noted])
    unmet: list[ev.Prerequisite] = field(default_factory=list[ev.Prerequisite])
    reported: str = ""
    halted: ev.Halted | None = None
    ended: ev.RunEnded | None = None
    closed: bool = False
    permits: dict[str, ev.PermitMinted] = field(default_factory=dict[str, ev.PermitMinted])

    @property
    def plan(self) -> Plan | None:
        """The plan that was run; before any change, the last one that was made."""
        return self.plan_of_change if self.change is not None else self.planned

    @property
    def level(self) -> str:
        """The environment's level, or empty."""
        where = self.environment or (self.plan.environment if self.plan else None)
        return where.level.value if where else ""

    @property
    def address(self) -> Address | None:
        """The database, without any secret."""
        if self.connected is not None:
            return self.connected.address
        return self.plan.address if self.plan else None

    @property
    def backup(self) -> Backup | None:
        """The backup that the run's permit was bound to, else the last one made; none where it was skipped."""
        if self.permit is not None:
            return self.backups.get(self.permit.backup or "") if self.permit.grade != Grade.NONE else None
        return next(reversed(self.backups.values()), None)

    @property
    def after(self) -> State | None:
        """The last state measured after the change, or after its recovery."""
        return self.measured.get("recovered") or self.measured.get("after")

    @property
    def result(self) -> ChangeResult | None:
        """How the change ended."""
        return self.change.result if self.change else None

    @property
    def taken_back(self) -> bool:
        """Whether a recovery put the version back, as measured, whatever else it left."""
        now = self.measured.get("recovered")
        return now is not None and self.plan is not None and sorted(now.version) == sorted(self.plan.current)

    def check(self, name: str) -> Check | None:
        """One of the four checks, if it was made or looked at."""
        checks = self.verification.checks if self.verification else ()
        return next((check for check in checks if check.name == name), None)

    @property
    def passed(self) -> int:
        """How many of the four checks passed."""
        return sum(found is not None and found.passed is True for found in map(self.check, CHECKS))

    @property
    def versions(self) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
        """The schema's version before and after, as measured; None where nobody knows."""
        plan = self.plan
        before = plan.current if plan else (self.connected.version if self.connected else None)
        if self.change is None:
            return before, before
        if self.after is not None:
            return before, self.after.version
        if status_of(self) is Status.RECOVERED or (self.result is not None and self.result.state == "unchanged"):
            return before, before
        done = self.result is not None and self.result.state == "applied"
        return before, plan.target if done and plan else None

    @property
    def diff(self) -> tuple[str, SchemaDiff] | None:
        """How the schema changed, and where that was seen: `measured` on the target, or only `rehearsed`."""
        before = self.measured.get("before")
        if self.change is not None and before is not None and self.after is not None:
            return "measured", before.schema.diff(self.after.schema)
        done = self.rehearsal
        if done is not None and done.after is not None:
            return "rehearsed", done.before.schema.diff(done.after.schema)
        return None


def status_of(story: Story) -> Status:
    """What is true of the run, by what was measured and never by how it was meant."""
    return _unchanged_status(story) if story.change is None else _changed_status(story, story.change)


def _changed_status(story: Story, change: Change) -> Status:
    result = change.result
    if result is None:
        return Status.INTERRUPTED
    if result.state == "applied":
        # A restore is compared with all that the backup holds before it counts as applied; the four checks ask less.
        return Status.SUCCESS if story.passed == len(CHECKS) or change.act == "restore" else Status.INCOMPLETE
    if story.recovered is not None and story.recovered.result.recovered:
        return Status.RECOVERED
    if result.state == "unchanged":
        return Status.RECOVERED
    return Status.UNKNOWN if result.state == "unknown" else Status.FAILED


def _unchanged_status(story: Story) -> Status:
    outcome = story.ended.outcome if story.ended else ""
    declined = bool(story.confirmations) and story.confirmations[-1].matched is False
    if outcome == "cancelled" or declined:
        return Status.CANCELLED
    if outcome in ("failed", "incomplete") or story.halted is not None:
        return Status.HALTED
    if story.preview is not None and outcome in ("", "dry_run"):
        return Status.DRY_RUN
    if story.planned is not None and not story.planned.pending:
        return Status.UP_TO_DATE
    return Status.NOTHING_RUN if story.ended is not None else Status.UNFINISHED


def tell(entries: Sequence[Entry]) -> Story:
    """Read the entries from first to last."""
    story = Story()
    for entry in entries:
        for taken in (_take_setting, _take_plan, _take_change, _take_guard, _take_course):
            if taken(story, entry.event, entry.at):
                break
        story.began = story.began or entry.at
        story.last, story.head, story.entries = entry.at, entry.hash, entry.seq
    return story


def _take_setting(story: Story, event: ev.AnyEvent, _at: datetime) -> bool:
    match event:
        case ev.RunStarted():
            story.run = event
        case ev.EnvironmentSettled():
            story.environment = event.environment
        case ev.Detected():
            story.detected = event
        case ev.Connected():
            story.connected = event
        case ev.Prerequisite():
            if event.met is not True:
                story.unmet.append(event)
        case _:
            return False
    return True


def _take_plan(story: Story, event: ev.AnyEvent, _at: datetime) -> bool:
    match event:
        case ev.Planned():
            _new_plan(story, event.plan)
        case ev.BackedUp():
            story.backups.pop(event.backup.id, None)
            story.backups[event.backup.id] = event.backup
        case ev.Proven() if event.backup in story.backups:
            story.backups[event.backup] = replace(story.backups[event.backup], proof=event.proof)
        case ev.Copied() if event.backup in story.backups:
            made = story.backups[event.backup]
            story.backups[event.backup] = replace(made, copies=(*made.copies, event.copy_))
        case ev.Rehearsed():
            story.rehearsal = event.rehearsal
        case ev.Previewed():
            story.preview = event.preview
        case _:
            return False
    return True


def _new_plan(story: Story, plan: Plan) -> None:
    """After its log was written a run's story is told; only a plan with work begins another one."""
    if story.closed and plan.pending:
        _forget_change(story)
        story.rehearsal = story.preview = None
        story.closed = False
    story.planned = plan


def _forget_change(story: Story) -> None:
    story.change = story.plan_of_change = story.permit = story.recovered = story.verification = None
    story.measured = {}


def _take_change(story: Story, event: ev.AnyEvent, at: datetime) -> bool:
    match event:
        case ev.ChangeStarted() if event.act in CHANGES:
            before = story.measured.get("before")
            _forget_change(story)
            story.measured = {"before": before} if before is not None else {}
            story.change = Change(event.act, event.permit, at)
            story.changes.append(story.change)
            story.plan_of_change = story.planned
            story.permit = story.permits.get(event.permit)
        case ev.ChangeFinished() if story.change is not None and story.change.permit == event.permit:
            story.change = replace(story.change, ended=at, result=event.result)
            story.changes[-1] = story.change
        case ev.Measured():
            story.measured[event.moment] = event.state
        case ev.Recovered():
            story.recovered = event
        case ev.Verified():
            story.verification = event.verification
        case _:
            return False
    return True


def _take_guard(story: Story, event: ev.AnyEvent, at: datetime) -> bool:
    match event:
        case ev.Asked():
            story.confirmations.append(Confirmation(event.question, event.asks, at))
        case ev.Answered():
            last = story.confirmations.pop() if story.confirmations else Confirmation(event.question, "", at)
            story.confirmations.append(replace(last, at=at, matched=event.matched, tries=event.tries))
        case ev.Refused():
            story.refusals[event.verb, event.reason] += 1
            story.refused_fields[event.verb, event.reason] = event.fields
        case ev.ApprovalUsed():
            story.approvals.append(event)
        case ev.PermitMinted():
            story.permits[event.permit] = event
        case _:
            return False
    return True


def _take_course(story: Story, event: ev.AnyEvent, at: datetime) -> bool:
    match event:
        case ev.StepEntered():
            story.steps.append(StepTime(event.step, at))
        case ev.StepLeft():
            _leave(story.steps, event)
        case ev.Noted():
            if event.tone in ("warn", "bad"):
                story.warnings.append(event)
        case ev.ToolRequested() if event.verb in _BEGINS_AGAIN:
            story.halted = None
        case ev.Halted():
            story.halted = event
        case ev.Reported():
            story.reported, story.closed = event.path, True
        case ev.RunEnded():
            story.ended = event
        case _:
            return False
    return True


def _leave(steps: list[StepTime], event: ev.StepLeft) -> None:
    for place in range(len(steps) - 1, -1, -1):
        if steps[place].step == event.step and steps[place].seconds is None:
            steps[place] = replace(steps[place], outcome=event.outcome, seconds=event.seconds)
            return


def questions(story: Story) -> Iterable[str]:
    """The ids of the questions that a person answered with yes or the phrase, then or beforehand."""
    yield from (one.question for one in story.confirmations if one.matched)
    for approval in story.approvals:
        yield from approval.confirmed
