"""`diana approve`: a person reads a request at a terminal, confirms it there, and seals the approval."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

from diana_agent import exits
from diana_agent.agents import ancestors, coding_agent
from diana_agent.approvals import Approval, draft, unapprovable
from diana_agent.approvals_ask import confirm
from diana_agent.approvals_file import load_request, save
from diana_agent.approvals_seal import hmac_sealed, key, sign_command, ssh_sealed
from diana_agent.approvals_who import fingerprint
from diana_agent.call import Call
from diana_agent.headless import print_line
from diana_agent.plain_person import open_person
from diana_agent.runtime import read_only_executor, settings_of
from diana_agent.sentences import refusal
from diana_config.settings import Settings
from diana_prompts.catalogue import Catalogue
from diana_tools import own_programs
from diana_tools.errors import SettingsError


def approve(call: Call, path: Path) -> int:
    """Ask for everything that the request binds, and leave the approval beside it.

    Raises:
        DianaError: the request cannot be read, or the approval cannot be signed or written.
    """
    settings = settings_of(call)
    catalogue = Catalogue(settings.language)
    request = load_request(path)
    key_file = settings.signing_key
    agent = "" if settings.policy.coding_agents else coding_agent(ancestors(), call.environ)
    who = settings.user_name or getuser()
    signer = (settings.signer or who) if key_file else ""
    reason = unapprovable(
        request, datetime.now(UTC), signed=bool(key_file), agent=agent, hmac_allowed=settings.policy.hmac_in_production,
        signs_as=(signer, fingerprint(Path(key_file))) if key_file else (),
    )  # fmt: skip
    if reason:
        return _no(reason, catalogue)
    answer = asyncio.run(confirm(request, open_person(call.flags), catalogue))
    if isinstance(answer, str):
        return _no(answer, catalogue)
    drafted = draft(request, approver=who, now=datetime.now(UTC), confirmed=answer, signer=signer)
    sealed = asyncio.run(_signed(call, drafted, settings)) if key_file else _by_machine(call, drafted)
    out = path.with_name(f"{path.stem}.approval.json")
    save(out, sealed)
    latest = f"{request.latest_start.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    print_line(catalogue.say("approval.written", path=str(out), code=request.plan_code, at=latest))
    return exits.DONE


def _no(reason: str, catalogue: Catalogue) -> int:
    print_line(refusal(reason, {}, catalogue))
    return exits.APPROVAL


def _by_machine(call: Call, drafted: Approval) -> Approval:
    secret = key(call.folders.state, create=True)
    if secret is None:
        raise SettingsError("approval_key_unsafe", {"path": str(call.folders.state), "error": os.strerror(2)})
    return hmac_sealed(drafted, secret)


async def _signed(call: Call, drafted: Approval, settings: Settings) -> Approval:
    program = own_programs.find("ssh-keygen")
    if program is None:
        raise SettingsError("approval_not_signed", {"error": "ssh-keygen"})
    command = sign_command(drafted, program, Path(settings.signing_key), call.environ)
    return ssh_sealed(drafted, await read_only_executor(call).query(command))
