"""The headless way to a yes: a request written for a person, and an approval that came back (guard's design, 9)."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from getpass import getuser
from pathlib import Path

from diana_agent.agents import ancestors, coding_agent
from diana_agent.approvals import Approval, Seal, Wish, check, make_request, meets, run_facts, used_event
from diana_agent.approvals_file import load_approval, save
from diana_agent.approvals_seal import hmac_seal, key, ssh_seal, verify_command
from diana_agent.approvals_used import UsedApprovals
from diana_agent.events import ApprovalUsed
from diana_agent.guard.guard import Refusal, Request
from diana_agent.guard.policy import Ask
from diana_agent.guard.rules import rules_of
from diana_agent.run import Outcome, Run
from diana_tools.domain import Plan
from diana_tools.measured import Grade


@dataclass(frozen=True, slots=True)
class Given:
    """An approval that was verified for this very run; the guard asks it for each demand, then spends it."""

    approval: Approval
    used: UsedApprovals
    run: str
    now: datetime

    def covers(self, ask: Ask) -> bool:
        """Whether the approver confirmed exactly this."""
        return self.approval.covers(ask)

    def spend(self) -> str:
        """Mark it as used, durably."""
        return self.used.spend(self.approval.nonce, self.run, self.now)

    @property
    def event(self) -> ApprovalUsed:
        """The journal's line."""
        return used_event(self.approval)


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
    stores = [copy.store for copy in made.copies if copy.remote and copy.verified] if made is not None else []
    wish = Wish(
        asks=request.verdict.asks, fields=request.fields, facts=request.facts,
        least_proof=Grade.NONE if run.settings.skip_backup else min(
            made.grade if made is not None else Grade.NONE, rules_of(run.settings).least(plan.environment.level),
            key=lambda grade: grade.rank,
        ),
        store=stores[0] if stores else "", skip_backup=run.settings.skip_backup, ticket=run.settings.ticket,
        reason=run.settings.reason, asked_by=run.settings.user_name or getuser(),
    )  # fmt: skip
    save(path, make_request(plan, request.operation.act, wish, run.clock()))
    run.note("approval.requested", "good", path=str(path))
    return Outcome("done", {"request": str(path), "plan_hash": plan.plan_hash, "plan_code": plan.code_word})


async def with_approval(run: Run, plan: Plan, request: Request) -> Request | Refusal:
    """The guard's request with the approval that the person's flag names, if it is good for exactly this run.

    Raises:
        DianaError: the file, the key or the list of used ones cannot be read.
    """
    path = run.said.approval
    if path is None:
        return request
    approval = await asyncio.to_thread(load_approval, path)
    used = UsedApprovals(run.folders.state / "approvals")
    facts = run_facts(plan, request.operation.act, hmac_allowed=run.settings.policy.hmac_in_production)
    agent = "" if run.settings.policy.coding_agents else coding_agent(ancestors(), run.environ)
    seal = await _verified(run, approval)
    reason = check(approval, facts, run.clock(), used, seal, agent=agent) or meets(approval, run.standing.backup)
    if reason:
        return run.guard.refuse(request.verb, reason, request.fields)
    return replace(request, beforehand=Given(approval, used, run.id, run.clock()))


async def _verified(run: Run, approval: Approval) -> Seal:
    if approval.sealed == "hmac":
        return hmac_seal(approval, key(run.folders.state))
    program, signers = shutil.which("ssh-keygen", path="/usr/bin:/bin:/usr/local/bin"), run.settings.signers
    if program is None or not signers:
        return Seal(approval.digest, "approval_signer_unknown")
    folder = run.folders.state / "verify"
    command = verify_command(approval, Path(program), Path(signers), folder)
    try:
        return ssh_seal(approval, await run.doors.executor.query(command))
    finally:
        for left in folder.glob(f"{approval.nonce}-*.sig"):
            left.unlink(missing_ok=True)
