"""Every durable event of a run: what the journal holds, what faces draw, what a resume reads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from diana_tools.domain import Address, Detection, Environment, Identity, Plan
from diana_tools.measured import (
    Backup,
    ChangeResult,
    Copy,
    Preview,
    Proof,
    RecoveryResult,
    Rehearsal,
    ServerFacts,
    State,
    Verification,
)  # fmt: skip


class Event(BaseModel):
    """What all events share: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RunStarted(Event):
    """A run began: who, where (`project` is the absolute path), with which face and model, for which ticket."""

    kind: Literal["run_started"] = "run_started"
    run: str
    project: str
    user: str
    face: str
    model: str
    version: str
    host: str
    pid: int
    ticket: str = ""
    reason: str = ""


class EnvironmentSettled(Event):
    """The environment is known, and why."""

    kind: Literal["environment_settled"] = "environment_settled"
    environment: Environment


class UserSaid(Event):
    """The person said something in the chat; it never confirms anything."""

    kind: Literal["user_said"] = "user_said"
    text: str


class ModelSaid(Event):
    """The model's finished text of one turn."""

    kind: Literal["model_said"] = "model_said"
    text: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


class StepEntered(Event):
    """One of the ten steps began (1 to 10)."""

    kind: Literal["step_entered"] = "step_entered"
    step: int


class StepLeft(Event):
    """A step ended: done, skipped, failed or halted."""

    kind: Literal["step_left"] = "step_left"
    step: int
    outcome: Literal["done", "skipped", "failed"]
    seconds: float


class ToolRequested(Event):
    """A verb was asked for, by the model or by a headless face, before anything was checked."""

    kind: Literal["tool_requested"] = "tool_requested"
    call: str
    verb: str
    arguments: str
    actor: Literal["model", "face"]


class ToolAnswered(Event):
    """What the verb answered to the model: bounded, cleaned JSON."""

    kind: Literal["tool_answered"] = "tool_answered"
    call: str
    verb: str
    ok: bool
    result: str
    seconds: float


class Noted(Event):
    """A sentence for the person, by catalogue id; `tone` is info, good, warn, bad."""

    kind: Literal["noted"] = "noted"
    message: str
    fields: dict[str, str] = {}
    tone: Literal["info", "good", "warn", "bad"] = "info"


class Detected(Event):
    """The tool that will be used (`chosen`), and all that were found."""

    kind: Literal["detected"] = "detected"
    found: tuple[Detection, ...]
    chosen: Detection | None
    version: str
    override: bool = False


class Trusted(Event):
    """A person trusted the project's code for looking and running; `files` are path and SHA-256."""

    kind: Literal["trusted"] = "trusted"
    by: Literal["question", "flag", "memory", "demo"]
    files: tuple[tuple[str, str], ...]


class Connected(Event):
    """The database was reached and pinned."""

    kind: Literal["connected"] = "connected"
    address: Address
    identity: Identity
    facts: ServerFacts
    version: tuple[str, ...]
    fingerprint: str


class Prerequisite(Event):
    """One prerequisite of step 1, met or not (None: could not be checked); `message` says which, or its remedy."""

    kind: Literal["prerequisite"] = "prerequisite"
    name: str
    met: bool | None
    message: str
    fields: dict[str, str] = {}


class Planned(Event):
    """A plan was made; a later one replaces it."""

    kind: Literal["planned"] = "planned"
    plan: Plan


class BackedUp(Event):
    """A backup file and its manifest are on disk."""

    kind: Literal["backed_up"] = "backed_up"
    backup: Backup


class Proven(Event):
    """What the proof of a backup showed."""

    kind: Literal["proven"] = "proven"
    backup: str
    proof: Proof


class Copied(Event):
    """A copy of a backup, verified or not, in a store."""

    kind: Literal["copied"] = "copied"
    backup: str
    copy_: Copy


class Rehearsed(Event):
    """A rehearsal ended."""

    kind: Literal["rehearsed"] = "rehearsed"
    rehearsal: Rehearsal


class Previewed(Event):
    """A dry run was shown."""

    kind: Literal["previewed"] = "previewed"
    preview: Preview


class Measured(Event):
    """The target measured at one moment of a run: right before the change, right after it, or after recovery."""

    kind: Literal["measured"] = "measured"
    moment: Literal["before", "after", "recovered"]
    state: State


class Asked(Event):
    """The guard asked the person. The phrase itself is policy, not a secret."""

    kind: Literal["asked"] = "asked"
    question: str
    asks: str
    plan_hash: str


class Answered(Event):
    """How the person answered: only whether it matched, never what was typed."""

    kind: Literal["answered"] = "answered"
    question: str
    matched: bool
    plan_hash: str
    tries: int = 1


class Refused(Event):
    """The guard said no; `reason` is one of the documented codes."""

    kind: Literal["refused"] = "refused"
    verb: str
    reason: str
    fields: dict[str, str] = {}


class GaveBack(Event):
    """The person gave a verb back that a no or a row of refusals had taken away (never a model)."""

    kind: Literal["gave_back"] = "gave_back"
    verb: str


class ApprovalUsed(Event):
    """An approval that another person gave beforehand was accepted and spent; it is never good again.

    `sealed` is ssh or hmac, `signer` the key's principal and `key` its fingerprint; `confirmed` are the questions that
    were answered.
    """

    kind: Literal["approval_used"] = "approval_used"
    nonce: str
    approver: str
    asked_by: str
    approved_at: datetime
    sealed: Literal["ssh", "hmac"]
    signer: str
    plan_hash: str
    confirmed: tuple[str, ...]
    ticket: str = ""
    reason: str = ""
    key: str = ""


class PermitMinted(Event):
    """The guard minted a permit."""

    kind: Literal["permit_minted"] = "permit_minted"
    permit: str
    act: str
    operation: str
    identity: str
    plan_hash: str
    backup: str | None
    grade: str
    recovery: str
    level: str
    destructive: bool
    expires_at: datetime


class PermitRedeemed(Event):
    """One use of a permit was burnt, synced before the first statement."""

    kind: Literal["permit_redeemed"] = "permit_redeemed"
    permit: str
    use: str
    digest: str


class ChangeStarted(Event):
    """A change is in flight from here until its ChangeFinished."""

    kind: Literal["change_started"] = "change_started"
    permit: str
    act: str
    argv: tuple[str, ...]
    log: str


class ChangeFinished(Event):
    """How the change ended, measured."""

    kind: Literal["change_finished"] = "change_finished"
    permit: str
    act: str
    result: ChangeResult


class RecoveryStarted(Event):
    """The tool takes a failed run back: again a change in flight, until its Recovered."""

    kind: Literal["recovery_started"] = "recovery_started"
    permit: str
    act: str
    argv: tuple[str, ...]
    log: str


class Recovered(Event):
    """The recovery ladder was used."""

    kind: Literal["recovered"] = "recovered"
    result: RecoveryResult


class Verified(Event):
    """The verification report."""

    kind: Literal["verified"] = "verified"
    verification: Verification


class Reported(Event):
    """The migration log was written."""

    kind: Literal["reported"] = "reported"
    path: str


class Halted(Event):
    """The run stopped: a documented reason, the exit code, and the fields of `error.<reason>`.

    `umbrella` is the id of the document's own sentence around it (its field `error` takes the inner one), or empty.
    """

    kind: Literal["halted"] = "halted"
    reason: str
    exit_code: int
    fields: dict[str, str] = {}
    umbrella: str = ""


class RunEnded(Event):
    """The run is over; `outcome` is one of done, dry_run, up_to_date, failed, cancelled, incomplete."""

    kind: Literal["run_ended"] = "run_ended"
    outcome: str
    exit_code: int


AnyEvent = Annotated[
    RunStarted | EnvironmentSettled | UserSaid | ModelSaid | StepEntered | StepLeft | ToolRequested
    | ToolAnswered | Noted | Detected | Trusted | Connected | Prerequisite | Planned | BackedUp | Proven
    | Copied | Rehearsed | Previewed | Measured | Asked | Answered | Refused | GaveBack | ApprovalUsed
    | PermitMinted | PermitRedeemed | ChangeStarted | ChangeFinished | RecoveryStarted | Recovered | Verified | Reported
    | Halted | RunEnded,
    Field(discriminator="kind"),
]  # fmt: skip
EVENTS: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
