"""The headless way to a yes: a request written for a person, and an approval that came back (guard's design, 9)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from getpass import getuser
from pathlib import Path

from diana_agent.agents import ancestors, coding_agent
from diana_agent.approvals import Approval, Seal, Wish, check, make_request, meets, run_facts, used_event
from diana_agent.approvals_file import load_approval, save
from diana_agent.approvals_seal import Desk, hmac_seal, key, ssh_seal, verify_commands
from diana_agent.approvals_store import MarkedThere, marked_there
from diana_agent.approvals_used import UsedApprovals
from diana_agent.approvals_who import known_as
from diana_agent.events import ApprovalUsed, Planned
from diana_agent.guard.guard import Refusal, Request
from diana_agent.guard.policy import Ask
from diana_agent.guard.rules import rules_of
from diana_agent.run import Outcome, Run
from diana_agent.stores import usable_stores
from diana_agent.workflow import same_work
from diana_tools import own_programs
from diana_tools.domain import Level, Plan
from diana_tools.measured import Grade
from diana_tools.permit import Act


@dataclass(frozen=True, slots=True)
class Given:
    """An approval that was verified for this very run; the guard asks it for each demand, then spends it."""

    approval: Approval
    used: UsedApprovals
    marked: MarkedThere
    run: str
    head: str
    now: datetime
    key: str = ""

    def covers(self, ask: Ask) -> bool:
        """Whether the approver confirmed exactly this."""
        return self.approval.covers(ask)

    def spend(self) -> str:
        """Mark it as used, durably: first in the store, where all machines look, then here.

        Raises:
            DianaError: it cannot be marked, so it must not be used.
        """
        return self.marked.spend(self.run, self.head, self.now) or self.used.spend(
            self.approval.nonce, self.run, self.now
        )

    @property
    def event(self) -> ApprovalUsed:
        """The journal's line."""
        return used_event(self.approval, self.key)


def write_request(run: Run, plan: Plan, request: Request) -> Outcome:
    """Write what a person should approve, instead of running it.

    Raises:
        DianaError: `approval_unwritable`.
    """
    path = run.said.request
    if request.verdict.reason or path is None:
        answer = run.guard.refuse(request.verb, request.verdict.reason, request.fields)
        return Outcome("refused", reason=answer.reason, fields=answer.fields, exit_code=4)
    made = run.standing.backup
    wish = Wish(
        asks=request.verdict.asks, fields=request.fields, facts=request.facts,
        least_proof=Grade.NONE if run.settings.skip_backup else min(
            made.grade if made is not None else Grade.NONE, rules_of(run.settings).least(plan.environment.level),
            key=lambda grade: grade.rank,
        ),
        store=_store_of(run), skip_backup=run.settings.skip_backup, ticket=run.settings.ticket,
        reason=run.settings.reason, asked_by=run.settings.user_name or getuser(), asked_as=known_as(run.settings),
        second_person=second_person(run, plan), first_hash=_first_hash(run, plan),
    )  # fmt: skip
    save(path, make_request(plan, request.operation.act, wish, run.clock()))
    run.note("approval.requested", "good", path=str(path))
    return Outcome("done", {"request": str(path), "plan_hash": plan.plan_hash, "plan_code": plan.code_word})


def second_person(run: Run, plan: Plan) -> bool:
    """Whether the person's policy wants somebody else's yes on this level."""
    return plan.environment.level.value in run.settings.policy.second_person


def _store_of(run: Run) -> str:
    """The remote store that has the backup, or without a backup the first that will take a mark; else empty."""
    if run.settings.skip_backup:
        stores = usable_stores(run, run.need_bench().url.address)
        return next((store.name for store in stores if store.remote), "")
    made = run.standing.backup
    copies = made.copies if made is not None else ()
    return next((copy.store for copy in copies if copy.remote and copy.verified), "")


def _first_hash(run: Run, plan: Plan) -> str:
    """The hash of the same work as it was planned before a rehearsal told more of it."""
    planned = (event.plan for event in run.journal.events() if isinstance(event, Planned))
    bare = [one for one in planned if same_work(one, plan) and not one.opened and not one.captured]
    return bare[-1].plan_hash if bare else plan.plan_hash


async def with_approval(run: Run, plan: Plan, request: Request) -> Request | Refusal:
    """The guard's request with the approval that the person's flag names, if it is good for exactly this run.

    Raises:
        DianaError: the file, the key, the store or the list of used ones cannot be read.
    """
    path = run.said.approval
    if path is None:
        return request
    given, reason = await _judged(run, plan, request.operation.act, path)
    reason = reason or meets(given.approval, run.standing.backup)
    if reason:
        return run.guard.refuse(request.verb, reason, request.fields)
    bare = given.approval.sealed == "ssh" and not given.approval.request.store
    if bare and plan.environment.level is Level.PRODUCTION:
        run.note("approval.only_here", "warn")
    return replace(request, beforehand=given)


async def refused_early(run: Run, plan: Plan) -> Refusal | None:
    """Why the approval that the person's flag names cannot be good, before a backup is made for it; None: it may be.

    Everything is looked at again when the permit is minted. A rehearsal may refine the plan until then, so what is
    compared is the plan before it.

    Raises:
        DianaError: the file, the key, the store or the list of used ones cannot be read.
    """
    path = run.said.approval
    if path is None or not plan.pending:
        return None
    up = plan.direction == "up"
    _, reason = await _judged(run, plan, Act.APPLY if up else Act.ROLLBACK, path, early=True)
    return run.guard.refuse("migrate" if up else "rollback", reason) if reason else None


async def _judged(run: Run, plan: Plan, act: Act, path: Path, *, early: bool = False) -> tuple[Given, str]:
    """The approval, verified, and why it is not good for this run (empty when it is)."""
    approval = await asyncio.to_thread(load_approval, path)
    used, settings = UsedApprovals(run.folders.state / "approvals"), run.settings
    facts = replace(
        run_facts(plan, act, hmac_allowed=settings.policy.hmac_in_production), early=early,
        second_person=second_person(run, plan), running=known_as(settings),
    )  # fmt: skip
    agent = "" if settings.policy.coding_agents else coding_agent(ancestors(), run.environ)
    seal = await _verified(run, approval)
    reason = check(approval, facts, run.clock(), used, seal, agent=agent)
    marked = MarkedThere(approval, None)
    if not reason:
        marked = marked_there(approval, usable_stores(run, run.need_bench().url.address))
        reason = "approval_replayed" if await asyncio.to_thread(marked.spent) else ""
    return Given(approval, used, marked, run.id, run.journal.head, run.clock(), seal.key), reason


async def _verified(run: Run, approval: Approval) -> Seal:
    if approval.sealed == "hmac":
        return hmac_seal(approval, key(run.folders.state))
    program, settings = own_programs.find("ssh-keygen"), run.settings
    if program is None or not settings.signers:
        return Seal(approval.digest, "approval_signer_unknown")
    folder, revoked = run.folders.state / "verify", settings.revoked_signers
    desk = Desk(program, Path(settings.signers), folder, Path(revoked) if revoked else None)
    try:
        return ssh_seal(approval, [await run.doors.executor.query(one) for one in verify_commands(approval, desk)])
    finally:
        for left in folder.glob(f"{approval.nonce}-*"):
            left.unlink(missing_ok=True)
