"""What an approver sees and types at a terminal; only the person's port is used, as everywhere."""

from __future__ import annotations

from datetime import UTC

from diana_agent.approvals import Confirmation, Request
from diana_agent.guard.phrases import matches
from diana_agent.person import Person, Question
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Level
from diana_tools.errors import DianaError
from diana_tools.measured import Grade
from diana_tools.redaction import plain

_MAX_TRIES = 3


def facts(request: Request, catalogue: Catalogue) -> tuple[str, ...]:
    """What a person approves, line by line, the binding parts first; every word from the file is cleaned."""
    say = catalogue.say
    lines = [
        say("approval.act", act=say(f"approval.act.{request.act.value}"), code=request.plan_code),
        say("approval.database", database=_line(request.database), address=_line(request.address)),
        say("approval.environment", environment=_line(request.environment), level=request.level.value),
        say("approval.destructive" if request.destructive else "approval.not_destructive"),
        _backup(request, catalogue),
        say("approval.latest_start", at=f"{request.latest_start.astimezone(UTC):%Y-%m-%d %H:%M} UTC"),
        say("approval.asked_by", who=_line(request.asked_by)),
    ]
    if request.second_person:
        lines.append(say("approval.second_person"))
    if not request.store:
        lines.append(say("approval.only_here"))
    if request.ticket:
        lines.append(say("approval.ticket", ticket=_line(request.ticket)))
    if request.reason:
        lines.append(say("approval.reason", reason=_line(request.reason)))
    return (*lines, *(_line(fact) for fact in request.facts))


def _backup(request: Request, catalogue: Catalogue) -> str:
    if request.skip_backup or request.least_proof is Grade.NONE:
        return catalogue.say("approval.no_backup")
    store = _line(request.store) or catalogue.say("approval.no_store")
    return catalogue.say("approval.backup", proof=request.least_proof.value, store=store)


def _line(text: str) -> str:
    return " ".join(plain(text, 2_000).splitlines())


async def confirm(request: Request, person: Person, catalogue: Catalogue) -> tuple[Confirmation, ...] | str:
    """Ask for everything that the request needs, one after the other.

    Returns what was confirmed, or the reason code of the refusal: `approval_nobody`, `declined`, `phrase_wrong`.

    Raises:
        DianaError: `request_unreadable` when it names a question that is none, or without its fields.
    """
    if not person.present:
        return "approval_nobody"
    shown = facts(request, catalogue)
    asks = request.asks or (Confirmation(question="ask.approve"),)
    for ask in asks:
        if not await _asked(_question(request, ask, shown, catalogue), person):
            return "phrase_wrong" if ask.phrase else "declined"
    return tuple(request.asks)


def _question(request: Request, ask: Confirmation, shown: tuple[str, ...], catalogue: Catalogue) -> Question:
    title = f"{ask.question}.title"
    try:
        text = catalogue.say(ask.question, **{name: _line(value) for name, value in request.fields.items()})
    except KeyError:
        raise DianaError("request_unreadable", {"path": "-", "what": f"asks: {ask.question}"}) from None
    return Question(
        id=ask.question, kind="phrase" if ask.phrase else "yes_no", text=text, facts=shown, phrase=ask.phrase,
        danger=request.level is Level.PRODUCTION or request.destructive,
        title=catalogue.say(title) if catalogue.has(title) else "",
    )  # fmt: skip


async def _asked(question: Question, person: Person) -> bool:
    tries = 0
    while tries < _MAX_TRIES:
        reply = await person.ask(question)
        # A face that waits for the phrase by itself counts the tries that it turned away.
        tries += reply.wrong + 1
        if not reply.given or tries > _MAX_TRIES:
            return False
        if matches(reply.text, question.phrase) if question.phrase else reply.text == "y":
            return True
        if not question.phrase:
            return False
    return False
