"""Approvals in three steps (guard's design, 9): a request, a person's approval of exactly that, and its check.

Nothing in here mints a permit: the guard does, after `check` and its own verdict agreed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from diana_agent.approvals_used import UsedApprovals
from diana_agent.approvals_who import same_person
from diana_agent.events import ApprovalUsed
from diana_agent.guard.phrases import EXECUTE
from diana_agent.guard.policy import Ask
from diana_tools.domain import Level, Plan
from diana_tools.errors import DianaError
from diana_tools.measured import Backup, Grade
from diana_tools.permit import Act
from diana_tools.redaction import plain

LATEST_START = timedelta(hours=4)
LONGEST = timedelta(hours=24)
SKEW = timedelta(seconds=30)
"""How far the clocks of the approver's and the running machine may differ."""

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Token = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Short = Annotated[str, Field(max_length=500)]
Line = Annotated[str, Field(max_length=2_000)]
Signer = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.@_+\-]{0,199}$")]


class Document(BaseModel):
    """A file that anybody may have written: bounded, strict, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong with a document, by place and kind, never with its content."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return plain(f"{place}: {fault['type']}" if place else fault["type"], 200)


class Confirmation(Document):
    """One thing that must be confirmed: a question's id, and the phrase to type (empty for y/N)."""

    question: Annotated[str, Field(pattern=r"^ask\.[a-z_]{1,60}$")]
    phrase: Short = ""


class Request(Document):
    """What is asked for: everything that the approval will bind, and the facts that a person decides by.

    `asks` are what the policy demands; `fields` fill their sentences. `least_proof` and `store` are what the
    backup of the run must have, and in `store` it is marked that the approval was used; times are in UTC.
    `first_hash` is the plan's hash before a rehearsal refined it, so that the run can be judged before its backup.
    `asked_as` are all names and keys that who asks is known by; with `second_person` none of them may sign.
    A lie in here does not help: the run is checked against its own measurements, and its own verdict must be
    covered by what was confirmed.
    """

    kind: Literal["diana.request/1"] = Field(default="diana.request/1", alias="schema")
    act: Act
    plan_hash: Hash
    first_hash: Hash
    plan_code: Annotated[str, Field(pattern=r"^[A-Z2-7]{4}$")]
    identity: Token
    address: Line
    database: Short
    environment: Short
    level: Level
    destructive: bool
    least_proof: Grade
    store: Short = ""
    skip_backup: bool = False
    policy: Annotated[str, Field(max_length=200)]
    asks: Annotated[tuple[Confirmation, ...], Field(max_length=10)]
    fields: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")], Short], Field(max_length=50)]
    facts: Annotated[tuple[Line, ...], Field(max_length=500)]
    created: AwareDatetime
    latest_start: AwareDatetime
    ticket: Short = ""
    reason: Short = ""
    asked_by: Short
    asked_as: Annotated[tuple[Short, ...], Field(max_length=10)] = ()
    second_person: bool = False

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not timedelta(0) < self.latest_start - self.created <= LONGEST:
            raise ValueError("latest_start")
        if self.level is Level.PRODUCTION:
            phrases = {ask.phrase for ask in self.asks}
            if not self.asks or (self.destructive and self.act in (Act.APPLY, Act.ROLLBACK) and EXECUTE not in phrases):
                raise ValueError("asks")
        return self


class Approval(Document):
    """A person's yes to one request. `seal` covers all the rest: an HMAC in hex, or an SSH signature."""

    kind: Literal["diana.approval/1"] = Field(default="diana.approval/1", alias="schema")
    request: Request
    approver: Short
    approved: AwareDatetime
    nonce: Token
    confirmed: Annotated[tuple[Confirmation, ...], Field(max_length=10)]
    sealed: Literal["ssh", "hmac"]
    signer: Signer | Literal[""] = ""
    seal: Annotated[str, Field(max_length=20_000)] = ""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.approved < self.request.created - SKEW:
            raise ValueError("approved")
        if (self.sealed == "ssh") != bool(self.signer):
            raise ValueError("signer")
        return self

    @property
    def body(self) -> bytes:
        """What is sealed: canonical JSON of everything but the seal itself."""
        parts = self.model_dump(mode="json", by_alias=True, exclude={"seal"})
        return json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the body: what a seal was verified for."""
        return hashlib.sha256(self.body).hexdigest()

    def covers(self, ask: Ask) -> bool:
        """Whether the approver confirmed exactly this; the guard asks it for each demand of its own verdict."""
        return any(one.question == ask.question and one.phrase == ask.phrase for one in self.confirmed)


@dataclass(frozen=True, slots=True)
class Seal:
    """What verifying a seal came to, for the body with this digest; `problem` is a reason code or empty.

    `key` is the fingerprint of the key that signed, empty for this machine's own seal.
    """

    digest: str
    problem: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run as it is now, measured. `hmac_allowed` and `second_person` are the person's own policy.

    `running` are the names and keys of who runs it. `early`: nothing was rehearsed yet, and the plan may still be
    refined as it was for the request.
    """

    act: Act
    plan_hash: str
    identity: str
    environment: str
    level: Level
    destructive: bool
    policy: str
    hmac_allowed: bool = False
    second_person: bool = False
    running: tuple[str, ...] = ()
    early: bool = False


def run_facts(plan: Plan, act: Act, *, hmac_allowed: bool) -> RunFacts:
    """The facts of a plan that was made just now."""
    return RunFacts(
        act, plan.plan_hash, plan.identity, plan.environment.name, plan.environment.level, plan.destructive,
        plan.policy, hmac_allowed,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request adds to its plan: what the policy demands, what the person set, and who asks."""

    asks: Sequence[Ask]
    fields: Mapping[str, str]
    facts: Sequence[str]
    least_proof: Grade
    store: str
    skip_backup: bool
    ticket: str
    reason: str
    asked_by: str
    asked_as: Sequence[str] = ()
    second_person: bool = False
    first_hash: str = ""
    latest_start: timedelta = LATEST_START


def make_request(plan: Plan, act: Act, wish: Wish, now: datetime) -> Request:
    """The request for running this plan.

    Raises:
        DianaError: `request_unreadable` when something in it does not fit, such as a start later than 24 h.
    """
    now = now.astimezone(UTC)
    try:
        return Request.model_validate(
            {
                "schema": "diana.request/1", "act": act, "plan_hash": plan.plan_hash,
                "first_hash": wish.first_hash or plan.plan_hash, "plan_code": plan.code_word,
                "identity": plan.identity, "address": _text(plan.address.place)[:2_000],
                "database": _text(plan.address.name), "environment": _text(plan.environment.name),
                "level": plan.environment.level,
                "destructive": plan.destructive, "least_proof": wish.least_proof, "store": wish.store,
                "skip_backup": wish.skip_backup, "policy": plan.policy,
                "asks": tuple(Confirmation(question=ask.question, phrase=ask.phrase) for ask in wish.asks),
                "fields": {name: _text(value)[:500] for name, value in wish.fields.items()},
                "facts": tuple(_text(fact)[:2_000] for fact in wish.facts), "created": now,
                "latest_start": now + wish.latest_start, "ticket": _text(wish.ticket), "reason": _text(wish.reason),
                "asked_by": _text(wish.asked_by), "asked_as": tuple(_text(word)[:500] for word in wish.asked_as),
                "second_person": wish.second_person,
            }
        )  # fmt: skip
    except ValidationError as error:
        raise DianaError("request_unreadable", {"path": "-", "what": first_fault(error)}) from None


def _text(words: str) -> str:
    """Text that can be written: a file name's stray bytes become question marks."""
    return words.encode("utf-8", "replace").decode()


def draft(
    request: Request, *, approver: str, now: datetime, confirmed: Sequence[Confirmation], signer: str = ""
) -> Approval:
    """The approval before it is sealed; with a `signer` by SSH, else by this machine's key.

    Raises:
        DianaError: `approval_signer_name` when the signer's name is none that an allowed-signers file can hold.
    """
    try:
        return Approval(
            schema="diana.approval/1", request=request, approver=_text(approver)[:500], approved=now.astimezone(UTC),
            nonce=secrets.token_hex(16), confirmed=tuple(confirmed), sealed="ssh" if signer else "hmac", signer=signer,
        )  # fmt: skip
    except ValidationError as error:
        fields = {"signer": plain(signer, 100), "what": first_fault(error)}
        raise DianaError("approval_signer_name", fields) from None


def unapprovable(
    request: Request, now: datetime, *, signed: bool, agent: str, hmac_allowed: bool, signs_as: Sequence[str] = ()
) -> str:
    """Why nobody may approve this here and now, as a reason code; empty when a person may be asked.

    `signs_as` are the name and the key that would sign.
    """
    if now >= request.latest_start:
        return "approval_expired"
    if now < request.created - SKEW:
        return "approval_not_yet"
    if request.level is Level.PRODUCTION:
        if not signed and not hmac_allowed:
            return "approval_hmac_not_enough"
        if agent:
            return "approval_by_agent"
    if request.second_person and (not signed or same_person(signs_as, (request.asked_by, *request.asked_as))):
        return "approval_same_person"
    return ""


def check(
    approval: Approval, facts: RunFacts, now: datetime, used: UsedApprovals, seal: Seal, *, agent: str = ""
) -> str:
    """Why this approval does not allow this run, as a reason code; empty when it does.

    `seal` comes from `approvals_seal`, verified for this very approval. The caller then spends the approval (in the
    store that it names, and by `UsedApprovals.spend`), which alone decides between two that come at once.

    Raises:
        DianaError: `approvals_unreadable` when nobody can tell what was used.
    """
    if seal.digest != approval.digest:
        return "approval_forged"
    return (
        seal.problem
        or _not_enough(approval, facts, agent)
        or _not_another(approval, facts, seal)
        or _other(approval.request, facts)
        or _when(approval, now, used)
    )


def _not_enough(approval: Approval, facts: RunFacts, agent: str) -> str:
    if facts.level is not Level.PRODUCTION or approval.sealed != "hmac":
        return ""
    if not facts.hmac_allowed:
        return "approval_hmac_not_enough"
    return "approval_by_agent" if agent else ""


def _not_another(approval: Approval, facts: RunFacts, seal: Seal) -> str:
    """By policy a second person says yes: the signer is nobody that who asks or who runs is known by."""
    if not facts.second_person:
        return ""
    asked = approval.request
    they = (asked.asked_by, *asked.asked_as, *facts.running)
    if approval.sealed != "ssh" or same_person((approval.signer, seal.key), they):
        return "approval_same_person"
    return ""


def _other(asked: Request, facts: RunFacts) -> str:
    if asked.identity != facts.identity:
        return "approval_other_database"
    if asked.act is not facts.act:
        return "approval_other_action"
    if asked.policy != facts.policy:
        return "approval_other_policy"
    same = (asked.environment, asked.level) == (facts.environment, facts.level)
    if facts.early:
        same = same and facts.plan_hash in (asked.first_hash, asked.plan_hash)
    else:
        same = same and (asked.plan_hash, asked.destructive) == (facts.plan_hash, facts.destructive)
    return "" if same else "approval_other_plan"


def _when(approval: Approval, now: datetime, used: UsedApprovals) -> str:
    if used.spent(approval.nonce):
        return "approval_replayed"
    latest = used.latest()
    if now < approval.approved - SKEW or (latest is not None and now < latest - SKEW):
        return "approval_not_yet"
    if now >= approval.request.latest_start or now - approval.request.created > LONGEST:
        return "approval_expired"
    return ""


def meets(approval: Approval, backup: Backup | None) -> str:
    """Why the run's backup is not what the approval demands, as a reason code; empty when it is."""
    asked = approval.request
    if backup is None:
        return "" if asked.skip_backup else "approval_proof_too_low"
    if backup.grade.rank < asked.least_proof.rank:
        return "approval_proof_too_low"
    if asked.store and not any(copy.store == asked.store and copy.verified for copy in backup.copies):
        return "approval_store_missing"
    return ""


def used_event(approval: Approval, key: str = "") -> ApprovalUsed:
    """The journal's line for an approval that was spent; `key` is the fingerprint that its signature was made with."""
    asked = approval.request
    return ApprovalUsed(
        nonce=approval.nonce, approver=approval.approver, asked_by=asked.asked_by, approved_at=approval.approved,
        sealed=approval.sealed, signer=approval.signer, plan_hash=asked.plan_hash,
        confirmed=tuple(one.question for one in approval.confirmed), ticket=asked.ticket, reason=asked.reason,
        key=key,
    )  # fmt: skip
