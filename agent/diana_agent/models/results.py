"""What verbs answered, read as typed shapes; whatever is absent or new is borne, whatever is no JSON object is None.

The shapes are those of the verbs' results (the keys of `diana <verb> --json`); only what is spoken of is read.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Shape(BaseModel):
    """What all shapes share: immutable, and deaf to what is not named."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Outcome(Shape):
    """The part that every result has. `next` names the verbs that may come next, the best first."""

    status: str = ""
    reason: str = ""
    sentence: str = ""
    next: tuple[str, ...] = ()


class Where(Shape):
    """An environment: the person's name for it, and its level."""

    name: str = ""
    level: str = ""


class Detection(Shape):
    """The tool that was found."""

    tool: str = ""
    count: int = 0


class Connection(Shape):
    """The database that was reached; `size` in bytes."""

    engine: str = ""
    place: str = ""
    database: str = ""
    server_version: str = ""
    size: int = 0
    version: tuple[str, ...] = ()
    environment: Where | None = None
    sessions: int | tuple[object, ...] = 0

    @property
    def others(self) -> int:
        """How many other sessions there are."""
        return self.sessions if isinstance(self.sessions, int) else len(self.sessions)


class Migration(Shape):
    """One migration; `reversible` None: nobody could tell."""

    id: str = ""
    name: str = ""
    description: str = ""
    path: str = ""
    reversible: bool | None = None


class Loss(Shape):
    """A live count; `rows` None: it could not be taken."""

    rows: int | None = None
    total: int | None = None
    why: str = ""


class Finding(Shape):
    """What a rule saw."""

    rule: str = ""
    kind: str = "other"
    data_loss: bool = False
    object: str = ""
    file: str = ""
    line: int = 0
    migration: str = ""
    loss: Loss | None = None


class Unread(Shape):
    """A place that nobody could read."""

    file: str = ""
    line: int = 0
    why: str = ""


class Estimate(Shape):
    """A duration in seconds; `basis` is estimate or rehearsal."""

    seconds: float = 0.0
    confidence: str = ""
    basis: str = ""


class Recovery(Shape):
    """The way back that was computed before the run."""

    rung: str = ""
    why: str = ""


class Plan(Shape):
    """The plan."""

    direction: str = "up"
    current: tuple[str, ...] = ()
    target_version: tuple[str, ...] = ()
    pending: tuple[Migration, ...] = ()
    findings: tuple[Finding, ...] = ()
    unread: tuple[Unread, ...] = ()
    destructive: bool = False
    estimate: Estimate | None = None
    recovery: Recovery | None = None
    environment: Where | None = None

    def same_work(self, other: Plan) -> bool:
        """Whether the other plan runs the same migrations the same way round."""
        return (self.direction, [one.id for one in self.pending]) == (
            other.direction,
            [one.id for one in other.pending],
        )

    @property
    def losing(self) -> tuple[Finding, ...]:
        """The findings that lose something."""
        return tuple(finding for finding in self.findings if finding.data_loss)

    @property
    def emptied(self) -> tuple[Finding, ...]:
        """The findings that would lose something, but were counted to lose nothing as things stand."""
        return tuple(finding for finding in self.findings if not finding.data_loss and finding.loss is not None)


class Copy(Shape):
    """A copy of a backup in a store."""

    store: str = ""
    location: str = ""
    verified: bool = False


class Backup(Shape):
    """A backup; `size` in bytes."""

    path: str = ""
    size: int = 0
    sha256: str = ""
    grade: str = "none"
    made_at: str = ""
    copies: tuple[Copy, ...] = ()


class Rehearsal(Shape):
    """A rehearsal; `statements` is how many ran."""

    kind: str = ""
    passed: bool = False
    seconds: float = 0.0
    statements: int | tuple[object, ...] = 0
    error: str = ""
    failed: str = ""

    @property
    def count(self) -> int:
        """How many statements ran."""
        return self.statements if isinstance(self.statements, int) else len(self.statements)


class Recovered(Shape):
    """What was tried after a failure: whether the measurement says that it worked."""

    recovered: bool = False


class Change(Shape):
    """How a change ended, measured."""

    act: str = ""
    state: str = ""
    seconds: float = 0.0
    applied: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()
    error: str = ""
    failed: str = ""
    recovery: Recovered | None = None


class Check(Shape):
    """One check; `passed` None: it was not made."""

    name: str = ""
    passed: bool | None = None
    expected: str = ""
    found: str = ""


class Verification(Shape):
    """The checks after a run."""

    passed: int = 0
    total: int = 0
    checks: tuple[Check, ...] = ()
    not_checked: tuple[str, ...] = ()


class Preview(Shape):
    """A dry run's text, and where it comes from."""

    kind: str = ""
    sql: str = ""
    why: str = ""


class Restored(Shape):
    """A restore that was made, and what was kept aside."""

    restored: str | bool = ""
    kept: str | bool = ""


class Source(Shape):
    """A migration's own text."""

    id: str = ""
    path: str = ""
    text: str = ""


class Facts(Shape):
    """Everything that is known, None where nothing is; `migration` is the text of the one that is spoken of."""

    connection: Connection | None = None
    plan: Plan | None = None
    backup: Backup | None = None
    rehearsal: Rehearsal | None = None
    unrehearsed: str = ""
    change: Change | None = None
    verification: Verification | None = None
    migration: Source | None = None

    @property
    def ran(self) -> bool:
        """Whether the plan at hand was measured to be carried out; a restore is none of its doing."""
        if self.change is None or self.plan is None or self.change.state != "applied":
            return False
        return set(self.change.applied) == {one.id for one in self.plan.pending}


ShapeT = TypeVar("ShapeT", bound=Shape)


def read(kind: type[ShapeT], content: str) -> ShapeT | None:
    """The content of a tool result as a shape, or None when it is none."""
    try:
        return kind.model_validate_json(content)
    except ValidationError:
        return None
