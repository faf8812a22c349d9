"""The policy table as pure decisions: what an act needs on a level, from facts alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from diana_agent.guard import phrases
from diana_tools.domain import Level, Plan
from diana_tools.measured import Backup, Grade

# A manifest keeps whole seconds.
_CLOCK_GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of a person's policy that the guard reads, per level (settings hold the file form)."""

    least_proof: tuple[tuple[Level, Grade], ...] = (
        (Level.DEV, Grade.READ),
        (Level.STAGING, Grade.RESTORED),
        (Level.PRODUCTION, Grade.RESTORED),
    )
    remote_copy: tuple[Level, ...] = (Level.PRODUCTION,)
    max_backup_age: timedelta = timedelta(minutes=60)

    def least(self, level: Level) -> Grade:
        """The grade that `level` asks for."""
        return dict(self.least_proof)[level]


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing the person must do: say yes to `question`, or type `phrase`. `question` is a catalogue id."""

    question: str
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either a refusal (`reason`, a documented code), or what must be asked, in order."""

    reason: str = ""
    asks: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplyFacts:
    """Everything an apply or rollback is decided from; nothing here ever came from a model.

    `skip_backup` and `timeout` (seconds) are the person's own settings.
    """

    level: Level
    plan: Plan
    backup: Backup | None
    skip_backup: bool
    now: datetime
    rehearsal_failed: bool = False
    ticket_missing: bool = False
    timeout: float = 300.0


def blocked(plan: Plan) -> tuple[str, ...]:
    """The rules of level B among the findings: no phrase unlocks them."""
    return tuple(sorted({finding.rule for finding in plan.findings if finding.level == "B"}))


def apply(facts: ApplyFacts, rules: Rules) -> Verdict:
    """What an apply (or a rollback on its own) needs: the rows `apply` and `skip the backup` of the table."""
    reason = _unfit(facts)
    if reason:
        return Verdict(reason)
    if facts.skip_backup:
        return _without_backup(facts)
    if facts.backup is None:
        return Verdict("no_backup")
    reason = _useless(facts.backup, facts, rules)
    return Verdict(reason) if reason else _proof(facts, facts.backup, rules)


def _unfit(facts: ApplyFacts) -> str:
    """Why the plan itself may not run, whatever the backup."""
    plan = facts.plan
    reasons = (
        ("blocked_by_policy", bool(blocked(plan))),
        ("nothing_pending", not plan.pending),
        ("ticket_missing", facts.ticket_missing),
        ("rehearsal_failed", facts.rehearsal_failed),
        ("will_not_fit", plan.estimate.seconds > facts.timeout / 2),
        ("no_recovery", plan.recovery.rung == "none" and facts.level is Level.PRODUCTION),
    )
    return next((reason for reason, so in reasons if so), "")


def _useless(backup: Backup, facts: ApplyFacts, rules: Rules) -> str:
    """Why a backup does not count for this plan now."""
    age = facts.now - datetime.fromisoformat(backup.made_at)
    copied = any(copy.remote and copy.verified for copy in backup.copies)
    reasons = (
        ("backup_of_another_database", backup.identity != facts.plan.identity),
        ("backup_of_another_version", sorted(backup.version) != sorted(facts.plan.current)),
        ("clock_moved", age < -_CLOCK_GRAIN),
        ("backup_too_old", age > rules.max_backup_age),
        ("no_remote_copy", facts.level in rules.remote_copy and not copied),
    )
    return next((reason for reason, so in reasons if so), "")


def _proof(facts: ApplyFacts, backup: Backup, rules: Rules) -> Verdict:
    asks: list[Ask] = []
    if backup.grade.rank < rules.least(facts.level).rank:
        if backup.grade is Grade.NONE or facts.level is Level.DEV:
            return Verdict("backup_not_proven")
        if facts.level is Level.PRODUCTION:
            asks.append(Ask("ask.unproven", phrases.unproven(facts.plan.address.name)))
        else:
            asks.append(Ask("ask.unproven_yes"))
    return Verdict(asks=(*asks, *_confirm(facts)))


def _confirm(facts: ApplyFacts) -> tuple[Ask, ...]:
    typed = any(finding.level == "T" for finding in facts.plan.findings)
    if facts.level is Level.PRODUCTION:
        yes = Ask("ask.production")
        return (Ask("ask.destructive", phrases.EXECUTE), yes) if facts.plan.destructive else (yes,)
    if facts.plan.destructive:
        return (Ask("ask.destructive_yes"),)
    return (Ask("ask.findings"),) if typed else ()


def _without_backup(facts: ApplyFacts) -> Verdict:
    if facts.level is Level.PRODUCTION:
        if facts.plan.destructive:
            return Verdict("skip_backup_destructive")
        return Verdict(asks=(Ask("ask.skip_backup", phrases.skip_backup(facts.plan.address.name)), *_confirm(facts)))
    return Verdict(asks=(Ask("ask.skip_backup_yes"), *_confirm(facts)))


def restore(level: Level, backup: Backup, database: str) -> Verdict:
    """What a restore over the database needs (row `restore over the database`)."""
    if backup.grade is Grade.NONE:
        return Verdict("backup_not_proven")
    if level is Level.PRODUCTION:
        since = datetime.fromisoformat(backup.made_at).strftime("%H:%M")
        return Verdict(asks=(Ask("ask.restore", phrases.restore(database, since)),))
    return Verdict(asks=(Ask("ask.restore_yes"),))
