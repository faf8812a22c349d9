"""A plan in words: what it would lose with live counts, how long it may take, and which way back there is."""

from __future__ import annotations

from contextlib import suppress

from diana_agent.models.intents import words_of
from diana_agent.models.results import Facts, Finding, Migration, Plan, Unread
from diana_agent.models.voice import Voice, duration, listed, name, number, paragraphs

_ORDER = {
    "first": 0, "1": 0, "second": 1, "2": 1, "third": 2, "3": 2, "fourth": 3, "4": 3, "fifth": 4, "5": 4, "6": 5,
    "7": 6, "8": 7, "9": 8, "next": 0, "last": -1,
}  # fmt: skip


def migration_of(said: str, plan: Plan | None) -> Migration | None:
    """The migration that a question speaks of: by id, by a part of its name, or by its place in the order."""
    if plan is None or not plan.pending:
        return None
    words = words_of(said)
    for word in words:
        for one in plan.pending:
            parts = (*words_of(one.name), *words_of(one.name.replace("_", " ")))
            if len(word) >= 4 and (one.id.casefold().startswith(word) or word in parts):
                return one
    places = [_ORDER[word] for word in words if word in _ORDER]
    if places and places[0] < len(plan.pending):
        return plan.pending[places[0]]
    return plan.pending[0] if len(plan.pending) == 1 else None


def names_of(facts: Facts) -> tuple[str, ...]:
    """The words of a plan that may stand in a question: ids, names, tables and columns."""
    if facts.plan is None:
        return ()
    words = [word for one in facts.plan.pending for word in (one.id, one.name, *one.name.split("_"))]
    words += [word for one in facts.plan.findings for word in (one.object, *one.object.split("."))]
    return tuple(word for word in words if len(word) > 2)


def losses(plan: Plan, voice: Voice) -> tuple[str, ...]:
    """One line for everything that would be lost, with its live count, and one for each place nobody could read."""
    lines = (loss(one, voice) for one in plan.losing)
    return (*lines, *(unread(one, voice) for one in plan.unread))


def told_losses(plan: Plan, voice: Voice) -> str:
    """What would be lost, what could not be read, and what goes but is empty now; or that nothing was found."""
    lost = losses(plan, voice)
    empty = tuple(loss(one, voice) for one in plan.emptied)
    head = "embedded.loss" if plan.losing else "embedded.only_unread" if lost else "embedded.no_loss"
    if not lost and empty:
        head = "embedded.nothing_in_it"
    return paragraphs((voice.say(head), listed((*lost, *empty))))


def timing(plan: Plan, voice: Voice) -> str:
    """How long the run may take, and how sure that is."""
    if plan.estimate is None:
        return voice.say("embedded.no_estimate")
    message = "embedded.measured" if plan.estimate.basis == "rehearsal" else "embedded.estimated"
    confidence = voice.worded("confidence", plan.estimate.confidence)
    return voice.say(message, duration=duration(plan.estimate.seconds), confidence=confidence)


def wayback(plan: Plan, voice: Voice) -> str:
    """The way back that was computed before the run."""
    rung = plan.recovery.rung if plan.recovery is not None else ""
    return voice.either(f"embedded.rung.{rung}", "embedded.rung.unknown")


def unread(one: Unread, voice: Voice) -> str:
    """A place that nobody could read."""
    why = voice.worded("unread", one.why)
    return voice.say("embedded.unread", file=name(one.file), line=one.line, why=why)


def loss(one: Finding, voice: Voice) -> str:
    """What one finding would lose, counted, and where it stands."""
    return (
        f"{finding(one, voice)} {_count(one, voice)} {voice.say('embedded.place', file=name(one.file), line=one.line)}"
    )


def finding(one: Finding, voice: Voice) -> str:
    """What one finding says: the rule's own sentence, or its name where there is none."""
    named = name(one.object or one.file)
    if voice.has(f"rule.{one.rule}"):
        with suppress(KeyError):  # a sentence with more fields than a result has
            return voice.say(f"rule.{one.rule}", object=named)
    return voice.say("embedded.finding", rule=one.rule or "?", kind=voice.worded("kind", one.kind), object=named)


def _count(one: Finding, voice: Voice) -> str:
    loss = one.loss
    if loss is None or loss.rows is None:
        why = voice.worded("loss", loss.why) if loss is not None and loss.why else voice.say("embedded.not_tried")
        return voice.say("embedded.uncounted", why=why)
    if loss.rows == 0:
        return voice.say("embedded.counted_none")
    if loss.total is None or loss.total == loss.rows:
        message = f"embedded.counted.{one.kind}"
        return voice.either(message, "embedded.counted", rows=number(loss.rows), count=loss.rows)
    rows, total = number(loss.rows), number(loss.total)
    message = f"embedded.counted_of.{one.kind}"
    return voice.either(message, "embedded.counted_of", rows=rows, total=total, count=loss.rows)
