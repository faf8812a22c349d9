"""A conversation in the form of the Messages API: alternating roles, every tool call answered, all of it bounded.

What of a result may be sent is for `told` to say; a person's own words go as they were typed, without known secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

from diana_agent.models.base import (
    Conversation,
    JsonObject,
    JsonValue,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    Verb,
)
from diana_agent.models.told import Sharing, told
from diana_tools.redaction import plain

LONGEST_TEXT = 50_000
ELSEWHERE = "(Another model answered here; its words were not sent on.)"
"""What stands for the words of the built-in model, which speaks of everything it sees."""
NOT_EXECUTED = '{"status": "not executed"}'
"""What a model reads as the answer to a call that nobody ran: a cut session, or a turn the person stopped."""


def messages_of(
    conversation: Conversation, model: str, sharing: Sharing, *, reasoning: bool = True
) -> list[JsonObject]:
    """The messages as the API takes them, the same for the same beginning of a conversation.

    A call without a result is answered as not executed; a result without a call is left out; `model`'s own
    reasoning goes back unchanged unless `reasoning` is false; another model's never does, nor do its words.
    """
    written: list[JsonObject] = []
    waiting: tuple[ToolCall, ...] = ()
    for message in conversation.messages:
        if message.role == "assistant":
            if waiting:
                _add(written, "user", _answers(waiting, (), sharing))
            own = message.by in ("", model)
            _add(written, "assistant", _said(message.parts, model if reasoning else "", own=own))
            waiting = tuple(part for part in message.parts if isinstance(part, ToolCall))
        else:
            _add(written, "user", [*_answers(waiting, message.parts, sharing), *_texts(message.parts, sharing)])
            waiting = ()
    if waiting:
        _add(written, "user", _answers(waiting, (), sharing))
    return written


def tools_of(verbs: Sequence[Verb], *, strict: bool = True) -> list[JsonObject]:
    """The verbs as tools with strict schemas; the last one ends the part of the prefix that never changes."""
    tools: list[JsonObject] = []
    for verb in verbs:
        tool: JsonObject = {"name": verb.name, "description": verb.description, "input_schema": dict(verb.schema)}
        if strict:
            tool["strict"] = True
        tools.append(tool)
    if tools and strict:
        tools[-1]["cache_control"] = {"type": "ephemeral"}
    return tools


def system_of(text: str, *, cached: bool = True) -> list[JsonObject]:
    """The instruction as one block, where the stable prefix ends."""
    block: JsonObject = {"type": "text", "text": text}
    if cached:
        block["cache_control"] = {"type": "ephemeral"}
    return [block]


def _add(written: list[JsonObject], role: str, blocks: list[JsonValue]) -> None:
    """Append blocks, joining them to the message before when that has the same role; nothing for no blocks."""
    if not blocks:
        return
    if written and written[-1]["role"] == role:
        cast("list[JsonValue]", written[-1]["content"]).extend(blocks)
    else:
        written.append({"role": role, "content": blocks})


def _said(parts: Iterable[Part], model: str, *, own: bool) -> list[JsonValue]:
    blocks: list[JsonValue] = []
    for part in parts:
        if isinstance(part, Text) and part.text.strip():
            blocks.append({"type": "text", "text": plain(part.text, LONGEST_TEXT) if own else ELSEWHERE})
        elif isinstance(part, ToolCall):
            blocks.append(
                {"type": "tool_use", "id": part.id, "name": part.verb, "input": object_of(part.arguments) or {}}
            )
        elif isinstance(part, Reasoning) and part.model == model and (block := object_of(part.block)) is not None:
            blocks.append(block)
    return blocks


def _answers(calls: Sequence[ToolCall], parts: Iterable[Part], sharing: Sharing) -> list[JsonValue]:
    """One result for each call, in the calls' order, before any text, as the API demands."""
    given = {part.id: part for part in parts if isinstance(part, ToolResult)}
    blocks: list[JsonValue] = []
    for call in calls:
        result = given.get(call.id) or ToolResult(call.id, call.verb, ok=False, content=NOT_EXECUTED)
        block: JsonObject = {"type": "tool_result", "tool_use_id": call.id, "content": told(result, sharing)}
        if not result.ok:
            block["is_error"] = True
        blocks.append(block)
    return blocks


def _texts(parts: Iterable[Part], sharing: Sharing) -> list[JsonValue]:
    return [
        {"type": "text", "text": sharing.text(part.text, LONGEST_TEXT)}
        for part in parts
        if isinstance(part, Text) and part.text.strip()
    ]


def object_of(text: str) -> JsonObject | None:
    """The JSON object that a text is, or None when it is anything else, or nothing that can be sent."""
    try:
        value = cast("JsonValue", json.loads(text))
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
