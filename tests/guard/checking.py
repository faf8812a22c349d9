"""A guard alone, with a journal, a person who answers as told, and a clock that stands still until it is moved."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diana_agent.events import ApprovalUsed
from diana_agent.guard.guard import Guard, Request
from diana_agent.guard.policy import Ask, Verdict
from diana_agent.journal import Journal
from diana_agent.person import Question, Reply
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Level
from diana_tools.errors import PermitRefused
from diana_tools.permit import Act, Operation, Permit, Use

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PLAN = "2" * 64
MAIN, AFTER, BACK = Use("run", "3" * 64), Use("load", "4" * 64), Use("back", "5" * 64, recovery=True)
OPERATION = Operation(Act.APPLY, "toy", "1" * 32, PLAN, (MAIN, AFTER, BACK), "b", "backup-1")
YES, PHRASE = Ask("ask.production"), Ask("ask.destructive", "EXECUTE DESTRUCTIVE MIGRATIONS")
FIELDS = {"count": "3", "database": "shop", "environment": "prod", "code": "AERU", "seconds": "3", "timeout": "300"}


@dataclass
class Standing:
    """A clock that stands still."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Told:
    """A person who gives the replies of a list, one after the other; the last one again and again."""

    replies: list[Reply]
    present: bool = True
    asked: list[Question] = field(default_factory=list[Question])
    meanwhile: Callable[[], None] = lambda: None

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        assert len(self.asked) < 50, "it is asked for ever"
        self.meanwhile()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@dataclass
class Said:
    """A yes given beforehand to some questions; `reason` is why it cannot be spent."""

    asks: tuple[Ask, ...]
    reason: str = ""
    spent: int = 0

    def covers(self, ask: Ask) -> bool:
        return ask in self.asks

    def spend(self) -> str:
        self.spent += 1
        return self.reason

    @property
    def event(self) -> ApprovalUsed:
        return ApprovalUsed(
            nonce="0" * 32, approver="Bo", asked_by="ci", approved_at=START, sealed="hmac", signer="", plan_hash=PLAN,
            confirmed=(), ticket="", reason="",
        )  # fmt: skip


@dataclass
class Post:
    """A guard at its post, and all that it knows."""

    journal: Journal
    person: Told
    clock: Standing
    guard: Guard

    def events(self) -> list[str]:
        """The kinds of what was written, in order."""
        return [event.kind for event in self.journal.events()]


@dataclass
class Keeper:
    """Redeems everything, or nothing; `redeemed` are the uses, `then` happens at each."""

    good: bool = True
    redeemed: list[Use] = field(default_factory=list[Use])
    then: Callable[[], None] = lambda: None

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        if not self.good:
            raise PermitRefused("permit_unknown")
        self.redeemed.append(use)
        self.then()


def granted(act: Act, use: Use) -> tuple[Permit, Operation, Use]:
    """A permit that only a `Keeper` redeems, with its operation and its one use."""
    operation = Operation(act, "toy", "1" * 32, PLAN, (use,), "b")
    return Permit("p1", act, operation.digest, operation.identity, None, "b", START), operation, use


def same(_size: int) -> str:
    """Takes the place of `secrets.token_hex`: nothing is random."""
    return "same"


def handles() -> int:
    """How many files this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


@dataclass
class Syncs:
    """What was synced, as (kind, size at that moment); it takes the place of `os.fsync`."""

    seen: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def __call__(self, file: int) -> None:
        found = os.fstat(file)
        self.seen.append(("folder" if stat.S_ISDIR(found.st_mode) else "file", found.st_size))


def post(folder: Path, *replies: Reply, agent: str = "", present: bool = True) -> Post:
    """A guard with a new journal in a folder."""
    clock, person = Standing(), Told(list(replies) or [Reply(True, "y")], present)
    journal = Journal(folder / "journal.jsonl", clock)
    return Post(journal, person, clock, Guard(journal, person, Catalogue(), clock, lambda: agent))


def request(*asks: Ask, **changed: object) -> Request:
    """A request in production that needs these answers."""
    made = Request(
        "migrate", OPERATION, Level.PRODUCTION, destructive=False, grade="restored", verdict=Verdict(asks=asks),
        fields=FIELDS,
    )  # fmt: skip
    return replace(made, **changed)
