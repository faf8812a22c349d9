"""Who else is about: a forger of permits, an approver, a forger of approvals, somebody at the journals, two threads."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from diana_agent.approvals import draft, unapprovable
from diana_agent.approvals_ask import confirm
from diana_agent.approvals_file import load_request, save
from diana_agent.approvals_seal import hmac_sealed, key
from diana_agent.run import Run
from diana_prompts.catalogue import Catalogue
from diana_tools.command import WriteCommand
from diana_tools.databases.base import Grant
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import DianaError
from diana_tools.permit import Act, Operation, Permit, Use
from diana_tools.session_places import session_digest
from guard.adversary import NEXT
from guard.game import Game
from guard.oracle import Approved
from guard.people import ScriptedPerson


def forge_a_permit(game: Game, run: Run) -> str:
    """A permit that nobody minted opens neither door: which one it opened, or empty."""
    now, mark = game.ground.clock(), game.ground.folder / "forged"
    command = WriteCommand(("/usr/bin/touch", str(mark)), game.ground.folder)
    url = DatabaseUrl("sqlite", "", "", None, str(game.ground.database))
    for use in (Use("run", command.digest), Use("restore", session_digest(url))):
        operation = Operation(Act.APPLY, "toy", "x" * 32, "0" * 64, (use,), "e")
        permit = Permit("0" * 16, Act.APPLY, operation.digest, "x" * 32, None, "e", now + timedelta(hours=1))
        if _opened(game, run, command, url, Grant(permit, operation), use) or mark.exists():
            return f"a forged permit opened the door for {use}"
    return ""


def _opened(game: Game, run: Run, command: WriteCommand, url: DatabaseUrl, grant: Grant, use: Use) -> bool:
    if _ran(game, run.doors.executor.change(command, grant.permit, grant.operation, use, lambda _line: None)):
        return True
    try:
        with run.doors.sessions.change(url, grant.permit, grant.operation, use):
            return True
    except DianaError:
        return False


def _ran(game: Game, work: Coroutine[None, None, object]) -> bool:
    try:
        game.loop.run_until_complete(work)
    except DianaError:
        return False
    except FileExistsError:  # the folder of this very use: the permit was taken
        return True
    return True


def headless(game: Game, run: Run, how: Headless) -> None:
    """All three steps of a run that is approved, and what happens before the last of them."""
    request(game, run)
    approve(game, how.behaviour, how.lie)
    game.happens(how.meanwhile)
    run_approved(game, run, how.which, how.other_lie)
    if how.again and game.run is not None:
        run_approved(game, game.run, how.which, "")


@dataclass(frozen=True, slots=True)
class Headless:
    """How the approver behaves, what is altered in request and approval, what happens meanwhile, and which is run."""

    behaviour: str
    lie: str
    meanwhile: str
    which: int
    other_lie: str
    again: bool


def request(game: Game, run: Run) -> None:
    """Headless, the first step: what would be run is written down for a person."""
    run.said.request = game.ground.folder / "request.json"
    game.does(game.calls(run, "migrate"))
    run.said.request = None


def approve(game: Game, behaviour: str, lie: str) -> None:
    """Headless, the second step: a person reads the request, which somebody may have altered, and types or not."""
    path = game.ground.folder / "request.json"
    if not path.exists():
        return
    _altered(path, lie)
    now, state = game.ground.clock(), game.ground.folders.state
    try:
        asked = load_request(path)
        if unapprovable(asked, now, signed=False, agent="", hmac_allowed=True):
            return
        approver = ScriptedPerson(behaviour=behaviour)
        answer = game.loop.run_until_complete(confirm(asked, approver, Catalogue()))
        secret = key(state, create=True)
    except DianaError:
        return
    if isinstance(answer, str) or secret is None:
        return
    sealed = hmac_sealed(draft(asked, approver="Bo", now=now, confirmed=answer), secret)
    save(game.ground.folder / f"approval-{sealed.nonce}.json", sealed)
    game.oracle.approved[sealed.nonce] = Approved(asked.plan_hash, tuple(approver.diary))


def run_approved(game: Game, run: Run, which: int, lie: str) -> None:
    """Headless, the third step: with any of the approvals there are, new, used, for something else, or altered."""
    given = sorted(game.ground.folder.glob("approval-*.json"))
    if not given:
        return
    path = given[which % len(given)]
    if lie:
        copy = game.ground.folder / "altered.json"
        copy.write_bytes(path.read_bytes())
        _altered(copy, lie)
        path = copy
    run.said.approval = path
    game.does(game.calls(run, "migrate"))
    run.said.approval = None


def _altered(path: Path, lie: str) -> None:
    """Change a request, also inside of an approval: what it says it is for, or who confirmed what."""
    if not lie:
        return
    outer = cast("dict[str, object]", json.loads(path.read_text()))
    asked = cast("dict[str, object]", outer.get("request", outer))
    match lie:
        case "harmless":
            asked["destructive"] = False
            asked["asks"] = [{"question": "ask.production", "phrase": ""}]
        case "less":
            asks = cast("list[dict[str, str]]", asked["asks"])
            asked["asks"] = [ask for ask in asks if ask["question"] != "ask.unproven"]
        case "later":
            asked["latest_start"] = asked["created"]
        case "nonce":
            outer["nonce"] = "0" * 32
        case "plan":
            asked["plan_hash"] = "0" * 64
        case _:
            asked["facts"] = [f"{fact} {lie}" for fact in cast("list[str]", asked["facts"])]
    path.write_text(json.dumps(outer))


def meddle(game: Game, how: str, *, old: bool) -> None:
    """Somebody with an editor at the journals: of earlier runs, or of the one that is being written."""
    if game.run is None:
        return
    here = game.run.journal.path
    paths = [path for path in here.parent.glob("*.jsonl") if (path != here) is old]
    for path in paths:
        lines = path.read_bytes().splitlines(keepends=True)
        if not lines:
            continue
        game.oracle.books.read()
        game.oracle.books.touched.add(path.name)
        if how == "remove":
            path.unlink()
            continue
        changed = {
            "edit": [lines[0].replace(b"detect", b"detecT"), *lines[1:]], "cut": lines[: len(lines) // 2],
            "swap": lines[::-1], "add": [*lines, lines[-1]],
        }[how]  # fmt: skip
        path.write_bytes(b"".join(changed))


def in_two_threads(game: Game, run: Run, other: Run) -> None:
    """Two Dianas on threads of their own, each with its own event loop, at the same moment."""
    start, failed = threading.Barrier(2), list[BaseException]()

    def walk(work: Callable[[], Coroutine[None, None, object]]) -> None:
        loop = asyncio.new_event_loop()
        start.wait()
        try:
            loop.run_until_complete(work())
        except BaseException as error:
            failed.append(error)
        finally:
            loop.close()

    works = (lambda: game.calls(run, NEXT), lambda: game.calls(other, NEXT))
    threads = [threading.Thread(target=walk, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def ended() -> None:
        for error in failed:
            raise error

    game.does(ended())
