"""Answers to questions, from measured facts alone: what is in none of them is said to be unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from diana_agent.models.about_plan import finding, loss, migration_of, timing, told_losses, unread, wayback
from diana_agent.models.base import JsonObject
from diana_agent.models.intents import Intent
from diana_agent.models.results import Backup, Facts, Plan
from diana_agent.models.voice import Voice, duration, fenced, line, listed, name, paragraphs, size

TOPICS: Mapping[Intent, str] = {
    Intent.PENDING: "pending", Intent.LOSS: "loss", Intent.SAFETY: "overview", Intent.DURATION: "duration",
    Intent.MIGRATION: "pending", Intent.RECOVERY: "recovery", Intent.BACKUP: "backup",
    Intent.REHEARSAL: "rehearsal", Intent.FAILURE: "overview", Intent.ENVIRONMENT: "environment",
    Intent.CHECKS: "verification", Intent.HISTORY: "history", Intent.OVERVIEW: "overview",
}  # fmt: skip
"""The questions that facts answer, and the topic of `facts` that each asks for."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact that an answer rests on: its kind, its value as text, and where it was measured."""

    kind: str
    value: str
    source: str

    def as_json(self) -> JsonObject:
        """As `diana ask --json` prints it."""
        return {"kind": self.kind, "value": self.value, "source": self.source}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and its facts; `known` is false when there was nothing to answer from."""

    text: str
    facts: tuple[Fact, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with all there is to answer it; `trouble` is the sentence of a step that was stopped, if any."""

    said: str
    facts: Facts
    trouble: str = ""


def respond(intent: Intent, asked: Asked, voice: Voice) -> Answered:
    """Answer one of the questions of TOPICS; what a plan said before it ran is told as past."""
    found = _ANSWERS[intent](asked, voice)
    if intent in _OF_THE_PLAN and asked.facts.ran and asked.facts.plan is not None:
        names = voice.names([one.id for one in asked.facts.plan.pending])
        return replace(found, text=paragraphs((voice.say("embedded.ran", names=names), found.text)))
    return found


def proof(made: Backup, voice: Voice) -> str:
    """A backup and what its proof is worth."""
    grade = voice.either(f"embedded.grade.{made.grade}", "embedded.grade.none")
    return voice.say("embedded.backup", path=name(made.path), size=size(made.size), grade=grade)


def _loss_facts(plan: Plan) -> tuple[Fact, ...]:
    found = [
        Fact("loss", f"{one.kind} {one.object}: {'?' if one.loss is None or one.loss.rows is None else one.loss.rows}",
             f"{one.file}:{one.line}")
        for one in (*plan.losing, *plan.emptied)
    ]  # fmt: skip
    return (*found, *(Fact("unread", one.why, f"{one.file}:{one.line}") for one in plan.unread))


def _nothing(what: str, voice: Voice) -> Answered:
    return Answered(voice.say(f"embedded.nothing.{what}"), known=False)


def _pending(asked: Asked, voice: Voice) -> Answered:
    plan = asked.facts.plan
    if plan is None:
        return _nothing("plan", voice)
    if not plan.pending:
        return Answered(voice.say("embedded.up_to_date"), (Fact("pending", "0", "plan"),))
    message = "embedded.pending" if plan.direction == "up" else "embedded.pending_down"
    lines = [
        f"{name(one.id)} {line(one.description or one.name)}" if one.description or one.name else name(one.id)
        for one in plan.pending
    ]
    text = paragraphs((voice.say(message, count=len(plan.pending)), listed(lines)))
    return Answered(text, tuple(Fact("pending", one.id, one.path or "plan") for one in plan.pending))


def _lost(asked: Asked, voice: Voice) -> Answered:
    plan = asked.facts.plan
    if plan is None:
        return _nothing("plan", voice)
    return Answered(
        told_losses(plan, voice), (Fact("destructive", str(plan.destructive).lower(), "plan"), *_loss_facts(plan))
    )


def _safety(asked: Asked, voice: Voice) -> Answered:
    plan = asked.facts.plan
    if plan is None:
        return _nothing("plan", voice)
    lost, made, tried = _lost(asked, voice), _backed_up(asked, voice), _rehearsed(asked, voice)
    facts = (*lost.facts, *made.facts, *tried.facts, *_way_facts(plan))
    parts = (lost.text, listed((made.text, tried.text, wayback(plan, voice))), voice.say("embedded.judge"))
    return Answered(paragraphs(parts), facts)


def _long(asked: Asked, voice: Voice) -> Answered:
    plan = asked.facts.plan
    if plan is None:
        return _nothing("plan", voice)
    if plan.estimate is None:
        return Answered(timing(plan, voice), known=False)
    return Answered(timing(plan, voice), (Fact("duration", f"{plan.estimate.seconds:g} s", plan.estimate.basis),))


def _way_facts(plan: Plan) -> tuple[Fact, ...]:
    return (Fact("recovery", plan.recovery.rung, plan.recovery.why),) if plan.recovery is not None else ()


def _recovery(asked: Asked, voice: Voice) -> Answered:
    plan = asked.facts.plan
    if plan is None:
        return _nothing("plan", voice)
    stuck = [one.id for one in plan.pending if one.reversible is False]
    parts = [wayback(plan, voice)]
    if stuck:
        parts.append(voice.say("embedded.irreversible", names=voice.names(stuck)))
    parts.append(_backed_up(asked, voice).text)
    facts = (*_way_facts(plan), *(Fact("irreversible", one, "plan") for one in stuck))
    return Answered(" ".join(parts), facts)


def _backed_up(asked: Asked, voice: Voice) -> Answered:
    made = asked.facts.backup
    if made is None:
        return Answered(voice.say("embedded.no_backup"), known=asked.facts.connection is not None)
    copies = [
        voice.say("embedded.copy" if one.verified else "embedded.copy_unverified", place=name(one.location),
                  store=name(one.store))
        for one in made.copies
    ]  # fmt: skip
    text = " ".join((proof(made, voice), *(copies or [voice.say("embedded.no_copy")])))
    facts = [Fact("backup", made.path, made.made_at or "backup"), Fact("proof", made.grade, made.sha256)]
    return Answered(text, (*facts, *(Fact("copy", one.location, one.store) for one in made.copies)))


def _rehearsed(asked: Asked, voice: Voice) -> Answered:
    tried = asked.facts.rehearsal
    if tried is None:
        why = asked.facts.unrehearsed
        text = voice.say("embedded.not_rehearsed")
        if why:
            text = voice.say("embedded.unrehearsed", why=voice.worded("unrehearsed", why))
        return Answered(text, known=asked.facts.connection is not None)
    fact = Fact("rehearsal", "passed" if tried.passed else "failed", tried.kind)
    if not tried.passed:
        text = voice.say("embedded.rehearsal_failed", migration=name(tried.failed), error=line(tried.error))
        return Answered(text, (fact,))
    message = "embedded.rehearsed_full" if tried.kind == "full" else "embedded.rehearsed_schema"
    return Answered(voice.say(message, duration=duration(tried.seconds), count=tried.count), (fact,))


def _failure(asked: Asked, voice: Voice) -> Answered:
    change, tried = asked.facts.change, asked.facts.rehearsal
    if change is not None and (change.error or change.state not in ("applied", "")):
        text = voice.say("embedded.failed", migration=name(change.failed), error=line(change.error) or "?")
        text = f"{text} {after_failure(asked.facts, voice)}"
        return Answered(text, (Fact("error", change.error, change.failed or "run"), Fact("state", change.state, "run")))
    if tried is not None and not tried.passed:
        return _rehearsed(asked, voice)
    checked = asked.facts.verification
    if checked is not None and any(one.passed is False for one in checked.checks):
        return _checked(asked, voice)
    if asked.trouble:
        return Answered(asked.trouble, (Fact("trouble", asked.trouble, "session"),))
    return Answered(voice.say("embedded.no_failure"))


def after_failure(facts: Facts, voice: Voice) -> str:
    """What is true of the database after a change that did not end well, as it was measured."""
    change = facts.change
    if change is None:
        return ""
    if change.recovery is not None and change.recovery.recovered:
        return voice.say("embedded.state.recovered")
    names = {"applied": voice.names(change.applied), "left": voice.names(change.not_applied)}
    return voice.either(f"embedded.state.{change.state}", "embedded.state.unknown", **names)


def _environment(asked: Asked, voice: Voice) -> Answered:
    there, plan = asked.facts.connection, asked.facts.plan
    where = (there.environment if there else None) or (plan.environment if plan else None)
    parts: list[str] = []
    facts: list[Fact] = []
    if where is not None:
        level = voice.worded("level", where.level)
        parts.append(voice.say("embedded.environment", name=name(where.name), level=level))
        facts.append(Fact("environment", f"{where.name} ({where.level})", "settings"))
    if there is not None:
        version = " ".join((there.engine, there.server_version)).strip()
        parts.append(voice.say("embedded.database", place=name(there.place), engine=version, size=size(there.size)))
        parts.append(voice.say("embedded.sessions", count=there.others) if there.others else "")
        facts.append(Fact("database", there.place, "connect"))
    if not parts:
        return _nothing("connection", voice)
    return Answered(" ".join(part for part in parts if part), tuple(facts))


def _checked(asked: Asked, voice: Voice) -> Answered:
    done = asked.facts.verification
    if done is None:
        return _nothing("verification", voice)
    lines: list[str] = []
    for one in done.checks:
        how = {True: "passed", False: "failed", None: "open"}[one.passed]
        what = voice.worded("check", one.name)
        lines.append(voice.say(f"embedded.check_{how}", check=what, expected=line(one.expected) or "-",
                               found=line(one.found) or "-"))  # fmt: skip
    lines += [voice.say("embedded.not_checked", what=voice.worded("not_checked", one)) for one in done.not_checked]
    head = voice.say("embedded.checked", passed=done.passed, total=done.total)
    facts = tuple(Fact("check", f"{one.name}: {one.passed}", one.found) for one in done.checks)
    return Answered(paragraphs((head, listed(lines))), facts)


def _history(asked: Asked, voice: Voice) -> Answered:
    there, plan, change = asked.facts.connection, asked.facts.plan, asked.facts.change
    if change is not None and not asked.facts.ran:
        return Answered(voice.say("embedded.moved"), (Fact("change", change.state, change.act or "run"),), known=False)
    version = there.version if there is not None else None
    if plan is not None:
        version = plan.target_version if asked.facts.ran else plan.current
    if version is None:
        return _nothing("connection", voice)
    parts = [
        voice.say("embedded.version", version=voice.names(version)) if version else voice.say("embedded.no_version")
    ]
    facts = [Fact("version", ", ".join(version) or "-", "migration table")]
    if change is not None and plan is not None:
        message = "embedded.applied_here" if plan.direction == "up" else "embedded.taken_back_here"
        parts.append(voice.say(message, names=voice.names(change.applied)))
        facts += [Fact("applied" if plan.direction == "up" else "taken back", one, "run") for one in change.applied]
    elif plan is not None and plan.direction == "up":
        parts.append(voice.say("embedded.still_pending", count=len(plan.pending)))
        facts.append(Fact("pending", str(len(plan.pending)), "plan"))
    return Answered(" ".join(parts), tuple(facts))


def _overview(asked: Asked, voice: Voice) -> Answered:
    if asked.facts.connection is None and asked.facts.plan is None:
        return _nothing("connection", voice)
    shown = [_environment(asked, voice), _history(asked, voice), _backed_up(asked, voice), _rehearsed(asked, voice)]
    if asked.facts.verification is not None:
        shown.append(_checked(asked, voice))
    shown = [one for one in shown if one.known]
    return Answered(listed(one.text for one in shown), tuple(fact for one in shown for fact in one.facts))


def _migration(asked: Asked, voice: Voice) -> Answered:
    plan = asked.facts.plan
    if plan is None:
        return _nothing("plan", voice)
    one = migration_of(asked.said, plan)
    if one is None:
        return Answered(voice.say("embedded.which", names=voice.names([each.id for each in plan.pending])), known=False)
    found = [each for each in plan.findings if each.migration in (one.id, "") and each.file == one.path]
    text = voice.say("embedded.migration", id=name(one.id), path=name(one.path), what=line(one.description or one.name))
    lines = [loss(each, voice) if each.data_loss or each.loss is not None else finding(each, voice) for each in found]
    lines += [unread(each, voice) for each in plan.unread if each.file == one.path]
    way = {True: "embedded.reversible", False: "embedded.not_reversible", None: "embedded.reversible_unknown"}
    source = asked.facts.migration
    code = ""
    if source is not None and source.id == one.id:
        language = "sql" if source.path.endswith(".sql") else "python" if source.path.endswith(".py") else ""
        code = paragraphs((voice.say("embedded.its_text"), fenced(source.text, language)))
    parts = (text, listed(lines or [voice.say("embedded.no_finding")]), voice.say(way[one.reversible]), code)
    facts = [Fact("migration", one.id, one.path)]
    facts += [Fact("finding", f"{each.rule} {each.kind} {each.object}", f"{each.file}:{each.line}") for each in found]
    return Answered(paragraphs(parts), tuple(facts))


_OF_THE_PLAN = (
    Intent.PENDING, Intent.LOSS, Intent.SAFETY, Intent.DURATION, Intent.RECOVERY, Intent.MIGRATION,
)  # fmt: skip
_ANSWERS: Mapping[Intent, Callable[[Asked, Voice], Answered]] = {
    Intent.PENDING: _pending, Intent.LOSS: _lost, Intent.SAFETY: _safety, Intent.DURATION: _long,
    Intent.MIGRATION: _migration, Intent.RECOVERY: _recovery, Intent.BACKUP: _backed_up,
    Intent.REHEARSAL: _rehearsed, Intent.FAILURE: _failure, Intent.ENVIRONMENT: _environment,
    Intent.CHECKS: _checked, Intent.HISTORY: _history, Intent.OVERVIEW: _overview,
}  # fmt: skip
