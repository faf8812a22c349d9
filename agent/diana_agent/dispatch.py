"""A tool call on its way: validated, asked of the workflow, carried out, and answered; failures become answers."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diana_agent.events import Halted, StepEntered, StepLeft, ToolAnswered, ToolRequested
from diana_agent.exits import exit_code, umbrella
from diana_agent.masking import masked_json
from diana_agent.models.base import JsonValue, ToolCall, ToolResult, Verb
from diana_agent.run import JsonObject, Outcome, Run
from diana_agent.sentences import halt, refusal
from diana_agent.steps import look
from diana_agent.steps.backup import backup
from diana_agent.steps.connect import connect
from diana_agent.steps.detect import detect
from diana_agent.steps.migrate import migrate
from diana_agent.steps.plan import plan
from diana_agent.steps.preview import preview
from diana_agent.steps.rehearse import rehearse
from diana_agent.steps.report import report
from diana_agent.steps.restore import restore
from diana_agent.steps.rollback import rollback
from diana_agent.steps.verify import verify
from diana_agent.workflow import STEPS, next_verbs
from diana_tools.errors import DianaError, PermitRefused
from diana_tools.redaction import plain

LONGEST_ANSWER = 60_000


class Nothing(BaseModel):
    """No argument: where, how and on what was set by the person."""

    model_config = ConfigDict(extra="forbid", strict=True)


class WhichMigration(Nothing):
    """A pending migration by its id."""

    id: str = Field(min_length=1, max_length=200, description="Id of a migration of the plan")


class Topic(Nothing):
    """What was asked about."""

    topic: str = Field(
        max_length=40,
        description="pending, loss, duration, recovery, backup, rehearsal, environment, history, verification "
        "or overview",
    )


class WhichBackup(Nothing):
    """A backup by its id."""

    backup: str = Field(max_length=200, description="Id of a backup; empty for the newest one")


Carry = Callable[[Run, Mapping[str, str]], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class _Entry:
    schema: type[Nothing]
    carry: Carry


def _plainly(step: Callable[[Run], Awaitable[Outcome]]) -> _Entry:
    async def carry(run: Run, _arguments: Mapping[str, str]) -> Outcome:
        return await step(run)

    return _Entry(Nothing, carry)


async def _facts(run: Run, arguments: Mapping[str, str]) -> Outcome:
    return look.facts(run, arguments["topic"])


async def _analyze(run: Run) -> Outcome:
    return look.analyze(run)


_VERBS: Mapping[str, _Entry] = {
    "detect": _plainly(detect),
    "connect": _plainly(connect),
    "plan": _plainly(plan),
    "analyze": _plainly(_analyze),
    "read_migration": _Entry(WhichMigration, lambda run, given: look.read_migration(run, given["id"])),
    "facts": _Entry(Topic, _facts),
    "preview": _plainly(preview),
    "backup": _plainly(backup),
    "rehearse": _plainly(rehearse),
    "migrate": _plainly(migrate),
    "rollback": _plainly(rollback),
    "restore": _Entry(WhichBackup, lambda run, given: restore(run, given["backup"])),
    "verify": _plainly(verify),
    "report": _plainly(report),
}


def verbs(describe: Callable[[str], str]) -> tuple[Verb, ...]:
    """Every verb a model may call, with its strict schema; `describe` gives a verb's text."""
    return tuple(Verb(name, describe(name), _schema(entry.schema)) for name, entry in _VERBS.items())


def _schema(model: type[BaseModel]) -> Mapping[str, JsonValue]:
    made: dict[str, JsonValue] = json.loads(json.dumps(model.model_json_schema()))
    return {
        "type": "object", "properties": made.get("properties", {}), "required": made.get("required", []),
        "additionalProperties": False,
    }  # fmt: skip


async def dispatch(
    run: Run, call: ToolCall, actor: str, offered: frozenset[str] = frozenset(_VERBS)
) -> tuple[ToolResult, Outcome]:
    """Carry out a call of the verbs on offer; what goes wrong is an answer, and only a broken journal ends the run."""
    asked = ToolRequested.model_validate(
        {"call": call.id, "verb": plain(call.verb, 60), "arguments": plain(call.arguments, 2000), "actor": actor}
    )
    run.write(asked, "model" if actor == "model" else "person")
    started = time.monotonic()
    outcome = _masked(run, await _validated(run, call, offered))
    following = next_verbs(run.standing, run.settings.mode.value, skip_backup=run.settings.skip_backup)
    body: JsonObject = {"status": outcome.status, "reason": outcome.reason, "sentence": sentence(run, outcome)}
    body["fields"] = dict(outcome.fields)
    body["next"] = list[JsonValue](following)
    body |= outcome.body
    content = json.dumps(body, ensure_ascii=False)
    if len(content) > LONGEST_ANSWER:
        kept = ("status", "reason", "sentence", "fields", "next")
        content = json.dumps({key: body[key] for key in kept} | {"truncated": True})
    good = outcome.status in ("done", "nothing")
    run.write(
        ToolAnswered(call=call.id, verb=asked.verb, ok=good, result=content, seconds=time.monotonic() - started), "tool"
    )
    return ToolResult(call.id, call.verb, good, content), outcome


def _masked(run: Run, outcome: Outcome) -> Outcome:
    """The outcome as every face and every model may have it."""

    def shown(text: str) -> str:
        return plain(run.redactor.fact(text))

    body = {name: masked_json(value, shown) for name, value in outcome.body.items()}
    return replace(outcome, body=body, fields=tuple((name, shown(text)) for name, text in outcome.fields))


def sentence(run: Run, outcome: Outcome) -> str:
    """What the person was or will be told about an outcome; empty when the facts speak for themselves."""
    if not outcome.reason:
        return ""
    stopped = run.standing.halted
    if stopped is not None and outcome.status == "halted":
        return run.redactor.fact(halt(stopped, run.catalogue))
    return refusal(outcome.reason, dict(outcome.fields), run.catalogue)


async def _validated(run: Run, call: ToolCall, offered: frozenset[str]) -> Outcome:
    entry = _VERBS.get(call.verb)
    if entry is None or call.verb not in offered:
        reason = "unknown_verb" if entry is None else "not_offered"
        return Outcome("refused", reason=reason, fields=(("verb", plain(call.verb, 60)),), exit_code=2)
    try:
        given = entry.schema.model_validate_json(call.arguments or "{}")
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
        return Outcome("refused", reason="bad_arguments", fields=(("fault", plain(words, 300)),), exit_code=2)
    possible = next_verbs(run.standing, run.settings.mode.value, skip_backup=run.settings.skip_backup)
    if call.verb not in possible:
        run.guard.refuse(call.verb, "not_now", {"verb": call.verb, "next": ", ".join(possible[:3])})
        fields = (("verb", call.verb), ("next", ", ".join(possible[:3])))
        return Outcome("refused", reason="not_now", fields=fields, exit_code=4)
    arguments: dict[str, str] = given.model_dump()
    return await _stepped(run, call.verb, entry, arguments)


async def _stepped(run: Run, verb: str, entry: _Entry, arguments: Mapping[str, str]) -> Outcome:
    step = STEPS.get(verb)
    if step is None:
        return await _caught(run, entry, arguments)
    run.write(StepEntered(step=step))
    started = time.monotonic()
    outcome = await _caught(run, entry, arguments)
    how = {"done": "done", "nothing": "done", "refused": "skipped"}.get(outcome.status, "failed")
    run.write(StepLeft.model_validate({"step": step, "outcome": how, "seconds": time.monotonic() - started}))
    return outcome


async def _caught(run: Run, entry: _Entry, arguments: Mapping[str, str]) -> Outcome:
    try:
        return await entry.carry(run, arguments)
    except PermitRefused as error:
        return Outcome("refused", reason=error.code, fields=tuple(error.fields.items()), exit_code=4)
    except DianaError as error:
        if error.code.startswith("journal_"):
            raise
        return halted(run, error)


def halted(run: Run, error: DianaError) -> Outcome:
    """Record a failure that ends the walk, and give it as an outcome."""
    code = exit_code(error)
    run.write(Halted(reason=error.code, exit_code=code, fields=error.fields, umbrella=umbrella(error)))
    return Outcome("halted", reason=error.code, fields=tuple(error.fields.items()), exit_code=code)
