"""The face without a screen: one verb, its steps in the workflow's order, plain sentences or JSON, an exit code."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from diana_agent import exits
from diana_agent.call import Call
from diana_agent.closing import close_run, unrecorded
from diana_agent.dispatch import dispatch, halted, sentence
from diana_agent.events import EVENTS, AnyEvent, Planned
from diana_agent.heads import keep_head
from diana_agent.journal import Entry
from diana_agent.leaving import on_leaving
from diana_agent.masking import masked_json
from diana_agent.models.base import JsonValue, ToolCall
from diana_agent.person import Person
from diana_agent.run import JsonObject, Outcome, Run
from diana_agent.runtime import end_run, open_run, settings_of
from diana_agent.sentences import lines_of
from diana_tools.domain import Level
from diana_tools.errors import DianaError, SettingsError
from diana_tools.redaction import plain

STREAMED = ("backup", "rehearse", "migrate", "rollback", "restore")
"""Verbs whose JSON is one event a line, with a summary last."""

_PATHS: dict[str, tuple[str, ...]] = {
    "detect": ("detect",),
    "connect": ("detect", "connect"),
    "plan": ("detect", "connect", "plan"),
    "ask": ("detect", "connect", "plan"),
    "backup": ("detect", "connect", "plan", "backup"),
    "rehearse": ("detect", "connect", "plan", "backup", "rehearse"),
    "dry-run": ("detect", "connect", "plan", "preview"),
    "migrate": ("detect", "connect", "plan", "backup", "rehearse", "migrate", "report"),
    "rollback": ("detect", "connect", "plan", "backup", "rehearse", "rollback", "report"),
    "verify": ("detect", "connect", "verify"),
    "restore": ("detect", "connect", "restore"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A headless call: the verb, how to print, and the verb's own words."""

    verb: str
    json: bool = False
    exit_code: bool = False
    backup: str = ""
    question: str = ""
    model: str = ""


def print_line(text: str) -> None:
    """Data, on standard output."""
    _put(sys.stdout, text)


def tell(text: str) -> None:
    """Everything else, on standard error."""
    _put(sys.stderr, text)


def _put(stream: TextIO, text: str) -> None:
    """A line; a reader that has gone changes neither the run nor its exit code."""
    try:
        stream.write(text + "\n")
        stream.flush()
    except OSError:  # a pipe that nobody reads, a terminal that was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


async def headless(call: Call, asked: Asked, person: Person) -> int:
    """Carry one verb out and return the exit code.

    Raises:
        DianaError: the settings cannot be used or no record can be begun; the caller says it in a sentence.
    """
    working = asyncio.current_task()
    if working is not None:
        on_leaving(working.cancel)
    settings = settings_of(call)
    run = open_run(call, settings, person, "headless")
    _listen(run, asked)
    try:
        outcome = await _walk(run, asked)
    except DianaError as error:
        return _unrecorded(run, asked, error)
    except asyncio.CancelledError:
        _cancelled(run)
        raise
    code = outcome.exit_code
    if asked.verb == "ask" and not code:
        await _answer(run, asked)
    if asked.exit_code and asked.verb == "plan" and outcome.status == "done":
        code = exits.PENDING
    code = await close_run(run, code)
    if asked.verb != "ask" or outcome.exit_code:
        _conclude(run, asked, outcome, code)
    return code


def _unrecorded(run: Run, asked: Asked, error: DianaError) -> int:
    """The record cannot be continued, so nothing else may happen: what is known is said, and the run ends here."""
    run.journal.close()
    code = unrecorded(run.standing)
    outcome = Outcome("halted", reason=error.code, fields=tuple(error.fields.items()), exit_code=code)
    tell(sentence(run, outcome))
    if run.standing.in_flight is not None:
        tell(run.catalogue.say("cancelled.in_flight"))
    _conclude(run, asked, outcome, code)
    return code


def _cancelled(run: Run) -> None:
    """Ctrl-C ends Diana, never a change: its supervisor sees it through, and the next call says what came of it."""
    if run.standing.in_flight is not None:
        tell(run.catalogue.say("cancelled.in_flight"))
        keep_head(run.folders.state, run.id, run.journal)
        run.journal.close()
        return
    tell(run.catalogue.say("cancelled.nothing"))
    end_run(run, "cancelled", exits.CANCELLED)


def _listen(run: Run, asked: Asked) -> None:
    """Sentences and live output go to standard error; with `--json` the streamed verbs print their events as well."""
    shown = ""

    def entry(one: Entry) -> None:
        nonlocal shown
        if asked.json and asked.verb in STREAMED:
            print_line(json.dumps(_event_line(asked.verb, one.event), ensure_ascii=False))
        if isinstance(one.event, Planned) and one.event.plan.plan_hash == shown:
            return
        if isinstance(one.event, Planned):
            shown = one.event.plan.plan_hash
        for line in lines_of(one.event, run.catalogue):
            tell(line)

    run.journal.subscribe(entry)
    run.on_line.append(lambda text: tell("    " + text))


def _event_line(verb: str, event: AnyEvent) -> JsonObject:
    body: JsonObject = EVENTS.dump_python(event, mode="json")
    return {"schema": f"diana.{verb}/1", "event": body.get("kind", ""), "data": masked_json(body, plain)}


async def _walk(run: Run, asked: Asked) -> Outcome:
    """The verb's path, one step after the other; a rehearsal that cannot be had does not end it."""
    last = Outcome("done")
    for step in _PATHS[asked.verb]:
        if _over(run, asked, step):
            continue
        outcome = await _one(run, step, asked)
        if step == "connect" and outcome.status == "done" and _yes_in_production(run):
            return halted(run, SettingsError("yes_in_production"))
        if step == "rehearse" and asked.verb != "rehearse" and outcome.status == "refused":
            continue
        if step == "report" and outcome.status != "done":
            return Outcome(outcome.status, last.body, outcome.reason, outcome.fields, exits.UNLOGGED)
        if outcome.status not in ("done", "nothing"):
            return outcome
        if step != "report":
            last = outcome
    return last


def _over(run: Run, asked: Asked, step: str) -> bool:
    """A step that has nothing to do: no backup where the person skips it, no run where nothing is pending."""
    plan = run.standing.plan
    if plan is not None and not plan.pending and step in ("rehearse", "migrate", "rollback"):
        return True
    if plan is not None and not plan.pending and step == "backup" and asked.verb != "backup":
        return True
    if step == "backup" and run.settings.skip_backup and asked.verb != "backup":
        run.note("backup.skipped", "bad")
        return True
    if step == "rehearse" and asked.verb != "rehearse":
        return run.said.skip_rehearsal or run.standing.backup is None
    return False


async def _one(run: Run, step: str, asked: Asked) -> Outcome:
    arguments = json.dumps({"backup": asked.backup}) if step == "restore" else "{}"
    _, outcome = await dispatch(run, ToolCall(secrets.token_hex(4), step, arguments), "face")
    return outcome


def _yes_in_production(run: Run) -> bool:
    where = run.standing.environment
    return run.said.yes and where is not None and where.level is Level.PRODUCTION


async def _answer(run: Run, asked: Asked) -> None:
    """One read-only turn: the question, answered from facts."""
    from diana_agent.asking import answer_question

    found = await answer_question(run, asked.question, asked.model)
    if asked.json:
        print_line(json.dumps({"schema": "diana.ask/1"} | found, ensure_ascii=False))
    else:
        print_line(str(found["answer"]))


def _conclude(run: Run, asked: Asked, outcome: Outcome, code: int) -> None:
    if not asked.json:
        _print_plainly(run, asked, outcome, print_line)
        return
    body: JsonObject = {
        "schema": f"diana.{asked.verb}/1", "status": outcome.status, "reason": outcome.reason,
        "sentence": sentence(run, outcome), "exit": code, "run": run.id,
    }  # fmt: skip
    body = body | outcome.body | body
    if outcome.reason == "approval_required":
        body |= _approval_required(run)
    if asked.verb in STREAMED:
        body["event"] = "summary"
    if outcome.fields:
        body["fields"] = {key: value for key, value in outcome.fields}
    print_line(json.dumps(body, ensure_ascii=False))


def _approval_required(run: Run) -> JsonObject:
    """The plan's hash, never a ready-made yes (guard's design, 9)."""
    plan = run.standing.plan
    return {"status": "approval_required", "plan_hash": plan.plan_hash if plan is not None else ""}


def _print_plainly(run: Run, asked: Asked, outcome: Outcome, out: Callable[[str], None]) -> None:
    """A verb's result in a few lines for people; the sentences before it went to standard error."""
    if asked.verb in ("plan", "rehearse", "migrate", "rollback", "backup", "verify", "restore"):
        out(f"{asked.verb}: {outcome.status}" + (f" ({outcome.reason})" if outcome.reason else ""))
    for key in ("place", "current", "target_version", "plan_code", "path", "sha256", "grade", "state", "sql"):
        value: JsonValue = outcome.body.get(key)
        if isinstance(value, list):
            value = ", ".join(str(one) for one in value)
        if value not in (None, ""):
            out(f"{key}: {value}")
    if asked.verb == "detect" and outcome.status == "done":
        out(f"{outcome.body['tool']}: {outcome.body['config']} ({outcome.body['count']})")
