"""A conversation as the Messages API takes it: alternating, every call answered, bounded, growing only at its end."""

from __future__ import annotations

import itertools
import json
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from diana_agent.models.base import Conversation, JsonObject, Message, Part, Reasoning, Text, ToolCall, ToolResult
from diana_agent.models.told import Sharing
from diana_agent.models.wire import ELSEWHERE, messages_of, object_of, tools_of

UNDONE = '{"status": "not executed", "reason": "", "next": [], "untrusted": {}}'


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def diana(*parts: Part | str) -> Message:
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def sent(*messages: Message) -> list[JsonObject]:
    return messages_of(Conversation("", messages), "me", Sharing())


def blocks(message: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", message["content"])


def test_a_call_that_nobody_answered_is_answered_as_not_executed():
    out = sent(user("go"), diana("I look.", ToolCall("a", "plan", "{}"), ToolCall("b", "facts", "{}")), user("stop"))
    assert [message["role"] for message in out] == ["user", "assistant", "user"]
    assert blocks(out[2]) == [
        {"type": "tool_result", "tool_use_id": "a", "content": UNDONE, "is_error": True},
        {"type": "tool_result", "tool_use_id": "b", "content": UNDONE, "is_error": True},
        {"type": "text", "text": "stop"},
    ]


def test_a_call_at_the_end_and_one_before_another_reply_are_answered_too():
    assert blocks(sent(user("go"), diana(ToolCall("a", "plan", "{}")))[-1])[0]["tool_use_id"] == "a"
    out = sent(user("go"), diana(ToolCall("a", "plan", "{}")), diana("Hm."))
    assert [message["role"] for message in out] == ["user", "assistant", "user", "assistant"]


def test_results_come_first_in_the_order_of_the_calls_and_strays_are_left_out():
    results = (ToolResult("b", "facts", True, "2"), "and?", ToolResult("z", "plan", True, "?"),
               ToolResult("a", "plan", False, "1"))  # fmt: skip
    out = sent(user("go"), diana(ToolCall("a", "plan", "{}"), ToolCall("b", "facts", "{}")), user(*results))
    assert [block.get("tool_use_id", block.get("text")) for block in blocks(out[2])] == ["a", "b", "and?"]
    assert blocks(out[2])[0]["is_error"] is True
    assert "is_error" not in blocks(out[2])[1]
    assert blocks(sent(user("go", ToolResult("z", "plan", True, "?")))[0]) == [{"type": "text", "text": "go"}]


def test_empty_messages_vanish_and_roles_alternate():
    out = sent(user("one"), diana(), diana(" \n"), user("two"), user("three"))
    assert out == [{"role": "user", "content": [{"type": "text", "text": word} for word in ("one", "two", "three")]}]


def test_the_words_of_another_model_are_not_sent_on_and_its_calls_are():
    said = Message("assistant", (Text("secret of orders"), ToolCall("a", "plan", "{}")), by="embedded")
    own = Message("assistant", (Text("I see."),), by="me")
    out = sent(user("go"), said, user(ToolResult("a", "plan", True, '{"status": "done"}')), own, user("and?"))
    assert blocks(out[1])[0] == {"type": "text", "text": ELSEWHERE}
    assert blocks(out[1])[1]["name"] == "plan"
    assert blocks(out[3]) == [{"type": "text", "text": "I see."}]
    assert "secret of orders" not in json.dumps(out)


def test_a_person_s_words_go_as_typed_without_what_is_known_to_be_secret():
    sharing = Sharing(hide=lambda text: text.replace("hunter2", "***"))
    talk = Conversation("", (user("drop <orders>?\n my password is hunter2 \x1b[31m"),))
    assert blocks(messages_of(talk, "me", sharing)[0])[0]["text"] == "drop <orders>?\n my password is *** "


def test_reasoning_is_for_its_own_model():
    own, other = Reasoning("me", '{"type": "thinking"}'), Reasoning("you", '{"type": "thinking"}')
    assert blocks(sent(user("go"), diana(own, other, "Yes."))[1]) == [
        {"type": "thinking"}, {"type": "text", "text": "Yes."},
    ]  # fmt: skip
    talk = Conversation("", (user("go"), diana(own, "Yes.")))
    assert blocks(messages_of(talk, "me", Sharing(), reasoning=False)[1]) == [{"type": "text", "text": "Yes."}]


def test_arguments_in_history_are_always_an_object():
    unsendable = ('{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"\\udfff": 1}')
    for raw in ("[]", "{", "", "null", '{"a": 1}', "[" * 100_000, *unsendable):
        value = blocks(sent(user("go"), diana(ToolCall("a", "plan", raw)))[1])[0]["input"]
        assert isinstance(value, dict)
        assert object_of(raw) == (value or None)


def test_no_verbs_no_tools():
    assert tools_of(()) == []


_PARTS = st.one_of(
    st.sampled_from(["hello", " ", "x\x1by"]).map(Text),
    st.tuples(st.sampled_from("abc"), st.sampled_from(["{}", "{", '{"id": "1"}'])).map(
        lambda pair: ToolCall(pair[0], "plan", pair[1])
    ),
    st.sampled_from("abcz").map(lambda id: ToolResult(id, "plan", True, "{}")),
    st.just(Reasoning("me", '{"type": "thinking"}')),
)


@st.composite
def _talks(draw: st.DrawFn) -> tuple[Message, ...]:
    made: list[Message] = []
    for _ in range(draw(st.integers(0, 8))):
        role = draw(st.sampled_from(["user", "assistant"]))
        parts = draw(st.lists(_PARTS, max_size=4))
        ids = [part.id for part in parts if isinstance(part, ToolCall)]
        wanted = ToolResult if role == "assistant" else ToolCall
        kept = () if len(ids) != len(set(ids)) else tuple(part for part in parts if not isinstance(part, wanted))
        made.append(Message(role, kept))
    return tuple(made)


@given(_talks())
def test_whatever_happened_the_api_gets_what_it_demands(messages: tuple[Message, ...]):
    out = sent(*messages)
    for before, after in itertools.pairwise(out):
        assert before["role"] != after["role"]
    for at, message in enumerate(out):
        calls = [block["id"] for block in blocks(message) if block["type"] == "tool_use"]
        if calls and message["role"] == "assistant":
            answers = [block for block in blocks(out[at + 1]) if block["type"] == "tool_result"]
            assert [block["tool_use_id"] for block in answers] == calls
            assert blocks(out[at + 1])[: len(answers)] == answers
        assert blocks(message)
        assert all(block.get("text", "x") != "" for block in blocks(message))
    assert json.loads(json.dumps(out)) == out


@given(_talks(), _talks())
def test_a_conversation_only_grows(start: tuple[Message, ...], rest: tuple[Message, ...]):
    """What a provider saw before a piece of reasoning must read the same ever after."""
    closed = (*start, Message("user", (Text("next"),)))
    first = sent(*closed)
    more = sent(*closed, Message("assistant", (Text("reply"),)), *rest)
    assert more[: len(first)] == first
