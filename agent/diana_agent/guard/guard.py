"""The only door to a change: checks facts, asks the person, mints a permit, or says no with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from diana_agent.events import Answered, ApprovalUsed, Asked, GaveBack, Refused
from diana_agent.guard.mint import LIFETIME, Mint
from diana_agent.guard.phrases import matches
from diana_agent.guard.policy import Ask, Verdict
from diana_agent.journal import Journal
from diana_agent.person import Person, Question
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Level
from diana_tools.permit import Act, Operation, Permit, Redeemer

MAX_TRIES = 3
MAX_REFUSALS = 3


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, as a value: its documented reason and the fields of its sentence."""

    reason: str
    fields: tuple[tuple[str, str], ...] = ()


class Beforehand(Protocol):
    """A yes that another person gave before the run, verified and bound to this very run by whoever hands it in."""

    def covers(self, ask: Ask) -> bool:
        """Whether exactly this was confirmed."""
        ...

    def spend(self) -> str:
        """Use it up for ever: empty, or the reason why it is no good (used before)."""
        ...

    @property
    def event(self) -> ApprovalUsed:
        """The journal's line for it."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What a tool asks the guard for. `fields` and `facts` are already sentences' parts, from measurements.

    With `second_person` only a yes given beforehand counts, whatever the person at this terminal types.
    """

    verb: str
    operation: Operation
    level: Level
    destructive: bool
    grade: str
    verdict: Verdict
    fields: Mapping[str, str]
    facts: tuple[str, ...] = ()
    assume_yes: bool = False
    beforehand: Beforehand | None = None
    second_person: bool = False


class Guard:
    """One run's guard. Everything it decides stands in the journal, and what it remembers is read from there."""

    def __init__(
        self,
        journal: Journal,
        person: Person,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
        agent: Callable[[], str] = lambda: "",
    ) -> None:
        """`agent` names the coding agent in the process tree, or is empty where the person's policy allows one."""
        self._agent = agent
        self._clock = clock
        self._journal = journal
        self._person = person
        self._say = catalogue.say
        self._mint = Mint(journal, clock)

    @property
    def redeemer(self) -> Redeemer:
        """What executor and sessions get handed in; it can redeem and nothing else."""
        return self._mint

    def closed(self, verb: str, plan_hash: str) -> str:
        """Why a verb is taken away for this plan, or an empty string (guard's design, 14).

        A person's no, or three wrong tries at a phrase, closes the plan; three refusals in a row close the verb;
        only the person's own giving back opens either again.
        """
        row, declined = 0, False
        for event in self._journal.events():
            if isinstance(event, Answered) and event.plan_hash == plan_hash and not event.matched:
                declined = True
            elif isinstance(event, GaveBack) and event.verb == verb:
                row, declined = 0, False
            elif isinstance(event, Refused) and event.verb == verb:
                row += 1
            elif isinstance(event, Answered) and event.matched:
                row = 0
        if declined:
            return "declined_before"
        return "too_many_refusals" if row >= MAX_REFUSALS else ""

    def refuse(self, verb: str, reason: str, fields: Mapping[str, str] | None = None) -> Refusal:
        """Write a refusal and return it."""
        self._journal.append(Refused(verb=verb, reason=reason, fields=dict(fields or {})), "guard")
        return Refusal(reason, tuple((fields or {}).items()))

    async def permit(self, request: Request) -> Permit | Refusal:
        """Decide one request: refused, or asked and declined, or minted."""
        plan_hash = request.operation.plan_hash
        reason = self.closed(request.verb, plan_hash) or request.verdict.reason
        if reason:
            return self.refuse(request.verb, reason, request.fields)
        if request.level is Level.PRODUCTION and request.operation.act is not Act.SCRATCH and not request.verdict.asks:
            return self.refuse(request.verb, "nothing_asked", request.fields)
        due = [ask for ask in request.verdict.asks if not self._assumed(request, ask)]
        if request.beforehand is not None:
            reason = self._approved(request.beforehand, due)
        else:
            reason = await self._confirmed(due, request, plan_hash)
        if reason == "coding_agent":
            return self.refuse(request.verb, reason, {**request.fields, "agent": self._agent()})
        if reason:
            return self.refuse(request.verb, reason, request.fields)
        return self._mint.mint(
            request.operation, level=request.level, destructive=request.destructive, grade=request.grade
        )

    def _approved(self, beforehand: Beforehand, due: Sequence[Ask]) -> str:
        """Why a yes given beforehand does not do, or empty once it is spent and recorded."""
        if not all(beforehand.covers(ask) for ask in due):
            return "approval_other_plan"
        reason = beforehand.spend()
        if not reason:
            self._journal.append(beforehand.event, "guard")
        return reason

    async def _confirmed(self, due: Sequence[Ask], request: Request, plan_hash: str) -> str:
        """Ask for everything that is due, one after the other: empty, or why it ends here."""
        if request.second_person:
            return "second_person"
        if due and request.level is Level.PRODUCTION and self._agent():
            return "coding_agent"
        for ask in due:
            if not self._person.present:
                return "approval_required"
            asked_at = self._clock()
            if not await self._asked(ask, request, plan_hash):
                return "phrase_wrong" if ask.phrase else "declined"
            if not timedelta(0) <= self._clock() - asked_at <= LIFETIME[request.level]:
                return "question_expired"
        return ""

    def _assumed(self, request: Request, ask: Ask) -> bool:
        """`--yes` answers y/N in dev, and in staging when nothing is destructive; never a phrase, never production."""
        if not request.assume_yes or ask.phrase or request.level is Level.PRODUCTION:
            return False
        return request.level is Level.DEV or not request.destructive

    async def _asked(self, ask: Ask, request: Request, plan_hash: str) -> bool:
        question = Question(
            id=ask.question,
            kind="phrase" if ask.phrase else "yes_no",
            title=self._say(f"{ask.question}.title"),
            text=self._say(ask.question, **request.fields),
            facts=request.facts,
            phrase=ask.phrase,
            danger=request.level is Level.PRODUCTION or request.destructive,
        )
        self._journal.append(Asked(question=ask.question, asks=question.kind, plan_hash=plan_hash), "guard")
        tries = 0
        while True:
            reply = await self._person.ask(question)
            tries += reply.wrong + 1
            right = matches(reply.text, ask.phrase) if ask.phrase else reply.text == "y"
            matched = reply.given and right and tries <= MAX_TRIES
            if matched or not reply.given or not ask.phrase or tries >= MAX_TRIES:
                break
        self._journal.append(
            Answered(question=ask.question, matched=matched, plan_hash=plan_hash, tries=tries), "person"
        )
        return matched
