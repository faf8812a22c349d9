"""The ten steps as a pure state machine over events: what is known so far, and what may come next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from diana_agent import events as ev
from diana_tools.domain import Detection, Environment, Plan
from diana_tools.measured import Backup, Preview, Rehearsal, State, Verification

Aim = Literal["plan_only", "execute", "rollback"]

STEPS = {
    "detect": 2, "connect": 3, "plan": 4, "backup": 5, "preview": 6, "rehearse": 6,
    "migrate": 7, "rollback": 7, "restore": 7, "verify": 8, "report": 9,
}  # fmt: skip
"""The step that a verb belongs to; verbs that are not here may be called at any time and move nothing."""

LOOKING = ("facts", "analyze", "read_migration")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands, folded from its events; None and empty mean: not yet."""

    environment: Environment | None = None
    detection: Detection | None = None
    connected: ev.Connected | None = None
    plan: Plan | None = None
    backup: Backup | None = None
    rehearsal: Rehearsal | None = None
    unrehearsed: str = ""
    preview: Preview | None = None
    before: State | None = None
    after: State | None = None
    in_flight: ev.ChangeStarted | None = None
    change: ev.ChangeFinished | None = None
    recovered: ev.Recovered | None = None
    verification: Verification | None = None
    report: str = ""
    halted: ev.Halted | None = None
    ended: ev.RunEnded | None = None

    @property
    def applied(self) -> bool:
        """A change of the present plan was measured to be applied."""
        return self.change is not None and self.change.result.state == "applied"


def fold(events: Iterable[ev.AnyEvent], standing: Standing | None = None) -> Standing:
    """Read a run's events from first to last, or those that followed on a `standing`."""
    standing = standing or Standing()
    for event in events:
        standing = _step(standing, event)
    return standing


def _step(now: Standing, event: ev.AnyEvent) -> Standing:
    match event:
        case ev.EnvironmentSettled():
            return replace(now, environment=event.environment)
        case ev.Detected():
            return Standing(environment=now.environment, detection=event.chosen)
        case ev.Connected():
            return Standing(environment=now.environment, detection=now.detection, connected=event)
        case ev.Planned():
            return _planned(now, event.plan)
        case ev.BackedUp() | ev.Proven() | ev.Copied():
            return replace(now, backup=_backup(now.backup, event))
        case ev.Rehearsed():
            return replace(now, rehearsal=event.rehearsal, unrehearsed="")
        case ev.Refused() if event.verb == "rehearse":
            return replace(now, unrehearsed=event.reason)
        case ev.Previewed():
            return replace(now, preview=event.preview)
        case ev.RecoveryStarted() | ev.Recovered():
            return _recovery(now, event)
        case _:
            return _change(now, event)


def _recovery(now: Standing, event: ev.RecoveryStarted | ev.Recovered) -> Standing:
    """Taking a run back is a change in flight like the run itself."""
    if isinstance(event, ev.Recovered):
        return replace(now, in_flight=None, recovered=event)
    again = ev.ChangeStarted(permit=event.permit, act=event.act, argv=event.argv, log=event.log)
    return replace(now, in_flight=again)


def _change(now: Standing, event: ev.AnyEvent) -> Standing:
    match event:
        case ev.Measured():
            return replace(now, before=event.state) if event.moment == "before" else replace(now, after=event.state)
        case ev.ChangeStarted():
            return replace(now, in_flight=event, change=None, recovered=None, verification=None, report="")
        case ev.ChangeFinished():
            return replace(now, in_flight=None, change=event)
        case ev.Verified():
            return replace(now, verification=event.verification)
        case ev.Reported():
            return replace(now, report=event.path)
        case ev.Halted():
            return replace(now, halted=event)
        case ev.ToolRequested():
            return _asked(replace(now, halted=None), event.verb)
        case ev.RunEnded():
            return replace(now, ended=event)
        case _:
            return now


def _asked(now: Standing, verb: str) -> Standing:
    """Looking for the tool or the database anew forgets what was known of it: a halt on the way opens nothing."""
    if now.in_flight is not None or verb not in ("detect", "connect"):
        return now
    kept = now.detection if verb == "connect" else None
    return Standing(environment=now.environment, detection=kept)


def same_work(one: Plan, other: Plan) -> bool:
    """Whether two plans run the same migrations, from and to the same place, with the same code."""
    return (one.direction, one.current, one.target, one.pending, one.code, one.identity) == (
        other.direction, other.current, other.target, other.pending, other.code, other.identity,
    )  # fmt: skip


def _planned(now: Standing, plan: Plan) -> Standing:
    """A plan of the same work keeps what was done for it; another one starts after the connection."""
    if now.plan is not None and same_work(now.plan, plan):
        stale = bool(now.plan.opened) and not plan.opened
        return replace(now, plan=plan, rehearsal=None if stale else now.rehearsal)
    kept = now.backup if now.backup is not None and sorted(now.backup.version) == sorted(plan.current) else None
    return Standing(
        environment=now.environment, detection=now.detection, connected=now.connected, plan=plan, backup=kept
    )


def _backup(now: Backup | None, event: ev.BackedUp | ev.Proven | ev.Copied) -> Backup | None:
    if isinstance(event, ev.BackedUp):
        return event.backup
    if now is None or now.id != event.backup:
        return now
    if isinstance(event, ev.Proven):
        return replace(now, proof=event.proof)
    return replace(now, copies=(*now.copies, event.copy_))


def next_verbs(now: Standing, aim: Aim, *, skip_backup: bool = False) -> tuple[str, ...]:
    """The verbs that may come now, the one that leads on first; what is not among them is refused."""
    possible = _possible(now, aim)
    best = _best(now, aim, skip_backup=skip_backup)
    return tuple(dict.fromkeys(verb for verb in (best, *possible) if verb in possible))


def _possible(now: Standing, aim: Aim) -> tuple[str, ...]:
    if now.in_flight is not None:
        return ("verify", "report", *LOOKING)
    verbs = ["detect", *LOOKING]
    if now.detection is not None:
        verbs += ["connect"]
    if now.connected is not None:
        verbs += ["plan", "verify", *(() if aim == "plan_only" else ("rollback", "restore"))]
    if now.plan is not None:
        verbs += ["backup", "report"]
        verbs += _for_pending(now, now.plan, aim)
    return tuple(verbs)


def _for_pending(now: Standing, plan: Plan, aim: Aim) -> list[str]:
    if not plan.pending or now.applied:
        return []
    verbs = ["preview"]
    if now.backup is not None:
        verbs.append("rehearse")
    if plan.direction == "up" and aim == "execute":
        verbs.append("migrate")
    return verbs


def _best(now: Standing, aim: Aim, *, skip_backup: bool) -> str:
    if now.detection is None or now.connected is None or now.plan is None:
        return "detect" if now.detection is None else "connect" if now.connected is None else "plan"
    if now.in_flight is not None or (now.applied and now.verification is None):
        return "verify"
    if now.change is not None or not now.plan.pending:
        return "report"
    if aim == "plan_only":
        return "report" if now.preview is not None else "preview"
    if now.backup is None and not skip_backup:
        return "backup"
    if now.backup is not None and now.rehearsal is None and not now.unrehearsed:
        return "rehearse"
    return "migrate" if now.plan.direction == "up" else "rollback"
