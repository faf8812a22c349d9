"""A journal event as lines for people, the same words for every face that prints: no event is drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from diana_agent import events as ev
from diana_prompts.catalogue import Catalogue, one_line
from diana_tools.domain import Finding, Loss, Plan


def lines_of(event: ev.AnyEvent, catalogue: Catalogue) -> tuple[str, ...]:
    """The sentences of one event; empty for events that concern machines."""
    say = catalogue.say
    match event:
        case ev.Noted():
            return tuple(say(event.message, **event.fields).splitlines())
        case ev.Refused():
            return (refusal(event.reason, event.fields, catalogue),)
        case ev.Halted():
            return (halt(event, catalogue),)
        case ev.Prerequisite():
            mark = {True: "✓", False: "✗", None: "–"}[event.met]
            return (f"{mark} {say(event.message, **event.fields)}",)
        case ev.Detected() if event.chosen is not None:
            found = ", ".join(one.path for one in event.chosen.evidence[:4])
            return (
                say("detect.found", tool=event.chosen.tool, confidence=event.chosen.confidence.value, evidence=found),
            )
        case ev.Planned():
            return plan_lines(event.plan, catalogue)
        case _:
            return ()


def refusal(reason: str, fields: dict[str, str], catalogue: Catalogue) -> str:
    """The sentence of a refusal; a reason of a tool's own falls back to its error sentence, then to its code."""
    code, _, what = fields.get("problem", "").partition(":")
    if catalogue.has(f"history.{code}"):
        fields = fields | {"problem": catalogue.say(f"history.{code}", object=what)}
    for message in (f"refused.{reason}", f"error.{reason}"):
        if catalogue.has(message):
            with suppress(KeyError):  # a field that nobody filled must not hide what happened
                return catalogue.say(message, **fields)
    return one_line(reason)


def halt(event: ev.Halted, catalogue: Catalogue) -> str:
    """What went wrong and what to do, inside the document's own sentence where it has one."""
    inner = refusal(event.reason, event.fields, catalogue)
    return catalogue.say(event.umbrella, error=inner) if event.umbrella else inner


def kind_word(kind: str, catalogue: Catalogue) -> str:
    """What a finding does, in words; a kind that a third party's rule made up stays as it is."""
    message = f"kind.{kind}"
    return catalogue.say(message) if catalogue.has(message) else one_line(kind.replace("_", " "))


def finding_words(finding: Finding, catalogue: Catalogue) -> str:
    """The rule's own sentence; a third party's rule without one is told by kind and object."""
    message = f"rule.{finding.rule}"
    if catalogue.has(message):
        with suppress(KeyError):
            return catalogue.say(message, object=finding.object or "?", file=finding.file, line=finding.line)
    return one_line(f"{kind_word(finding.kind, catalogue)} {finding.object}")


def plan_lines(plan: Plan, catalogue: Catalogue) -> tuple[str, ...]:
    """The document's MIGRATION PLAN block, with the findings under each migration (S4.2, S4.5)."""
    if not plan.pending:
        return ()
    say = catalogue.say
    lines = [
        say("plan.head" if plan.direction == "up" else "plan.head_down"), "",
        say("plan.pending", count=len(plan.pending)),
        say("plan.current", version=", ".join(plan.current) or "-"),
        say("plan.target", version=", ".join(plan.target) or "-"), "",
        say("plan.list" if plan.direction == "up" else "plan.list_down"),
    ]  # fmt: skip
    for number, one in enumerate(plan.pending, 1):
        name, told = one_line(one.name), one_line(one.description)
        lines.append(f"{number}. {name} - {told}" if told else f"{number}. {name}")
        for finding in plan.findings:
            if finding.migration == one.id:
                mark = "▲" if finding.data_loss else "·"
                lines.append(
                    f"   {mark} {finding.rule} {finding_words(finding, catalogue)}{_loss(finding.loss, catalogue)}"
                )
        lines += [f"   ▲ {say('fact.unread', file=u.file, line=u.line)}" for u in plan.unread if u.migration == one.id]
    return (*lines, "")


def _loss(loss: Loss | None, catalogue: Catalogue) -> str:
    if loss is None:
        return ""
    return " " + (
        catalogue.say("plan.lost", rows=f"{loss.rows:,}")
        if loss.rows is not None
        else catalogue.say("plan.lost_unknown")
    )


_MOST_DIFFERENCES = 12


def differences_said(words: Sequence[str], catalogue: Catalogue) -> str:
    """`code:object` words of a comparison as one line for people; what is too much is counted."""
    said = "; ".join(_difference(word, catalogue) for word in words[:_MOST_DIFFERENCES])
    more = len(words) - _MOST_DIFFERENCES
    return f"{said}; {catalogue.say('report.diff.more', count=more)}" if more > 0 else said


def _difference(word: str, catalogue: Catalogue) -> str:
    code, _, rest = word.partition(":")
    for message in (f"report.difference.{code}", f"error.{code}"):
        if catalogue.has(message):
            with suppress(KeyError):
                return catalogue.say(message, value=rest.replace(":", " ", 1))
    return one_line(word)
