"""Every way in which a reply over real HTTP can end badly, ends well: nothing runs, and a sentence can be said."""

from __future__ import annotations

import json
from typing import cast

import pytest

from diana_agent.models.base import Conversation, JsonObject, Message, ModelTurn, Reasoning, Stop, Text
from diana_agent.models.claude import LONGEST_REPLY, Claude
from diana_prompts.catalogue import Catalogue, fields_of
from fakes.messages_server import Call, MessagesServer, Page, Refuse, Reply, Say, Silence
from integration.claude_talk import ASKED, KEY, ask, collect, failed


@pytest.mark.parametrize("after", range(2, 12))
async def test_a_body_that_ends_early_is_cut_and_runs_nothing(after: int):
    """The SDK returns these as finished replies, with a call whose input is an empty object."""
    whole = Reply((Say("I read it.", step=40), Call("read_migration", '{"id": "1a0000000003"}', step=9)))
    streamed, turn, server = await ask([Reply(whole.blocks, ends_after=after)])
    failed(turn, "model.cut")
    assert streamed == turn.text == ("I read it." if after > 3 else "")
    assert len(server.asked) == (1 if turn.text else 3)


@pytest.mark.parametrize("after", [0, 1, 2, 4, 7])
async def test_a_torn_connection_is_cut(after: int):
    _, turn, _ = await ask([Reply((Say("I go on.", step=2), Call("plan")), drops_after=after)])
    failed(turn, "model.cut")


async def test_a_stall_ends_after_the_timeout_and_is_not_tried_again():
    streamed, turn, server = await ask([Reply((Say("I wait", step=2),), stalls_after=5)], timeout=1.5)
    failed(turn, "model.stalled")
    assert streamed == "I wa"
    assert dict(turn.problem_fields) == {"seconds": "1.5"}
    assert len(server.asked) == 1


async def test_silence_from_the_start_is_a_stall_too():
    _, turn, server = await ask([Silence()], timeout=2.5)
    failed(turn, "model.stalled")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "problem", "tries"),
    [
        (401, "model.key_refused", 1), (402, "model.no_credit", 1), (403, "model.forbidden", 1),
        (404, "model.not_found", 1), (413, "model.too_much", 1), (429, "model.rate_limited", 3),
        (418, "model.failed", 1), (500, "model.failed", 3), (503, "model.failed", 3), (529, "model.overloaded", 3),
        (400, "model.rejected", 2),
    ],
)  # fmt: skip
async def test_a_status_becomes_a_sentence(status: int, problem: str, tries: int):
    _, turn, server = await ask([Refuse(status, message=f"key {KEY} is no good\x1b[31m")])
    failed(turn, problem)
    assert len(server.asked) == tries
    assert KEY not in Catalogue().say(turn.problem, **dict(turn.problem_fields))
    assert "\x1b" not in repr(dict(turn.problem_fields))


async def test_a_refused_request_is_tried_once_in_plain_form():
    """For endpoints that know no strict tools, and for reasoning that a provider no longer takes back."""
    said = Message(
        "assistant",
        (
            Reasoning("claude-test", '{"type": "thinking"}'),
            Text("Hm."),
        ),
    )
    talk = Conversation("s", (*ASKED.messages, said, Message("user", (Text("Go on."),))))
    _, turn, server = await ask([Refuse(400, "invalid_request_error", "strict: unknown"), Reply((Say("Fine."),))], talk)
    assert (turn.text, turn.problem) == ("Fine.", "")
    rich, plain = json.dumps(server.asked[0].body), json.dumps(server.asked[1].body)
    assert all(word in rich for word in ("strict", "cache_control", "thinking", "tool_choice"))
    assert not any(word in plain for word in ("strict", "cache_control", "thinking", "tool_choice"))


async def test_what_passes_on_a_second_try_is_not_spoken_of():
    streamed, turn, server = await ask([Refuse(529), Reply((), drops_after=1), Reply((Say("Here I am."),))])
    assert streamed == turn.text == "Here I am."
    assert (turn.problem, len(server.asked)) == ("", 3)


async def test_nothing_is_tried_again_once_text_was_shown():
    streamed, turn, server = await ask([Reply((Say("Half a"),), drops_after=5), Reply((Say("Never."),))])
    failed(turn, "model.cut")
    assert streamed == turn.text == "Half a"
    assert len(server.asked) == 1


async def test_a_server_that_asks_for_an_hour_is_not_obeyed():
    _, turn, server = await ask([Refuse(429, headers=(("retry-after", "3600"),))])
    failed(turn, "model.rate_limited")
    assert dict(turn.problem_fields)["seconds"] == "3600"
    assert len(server.asked) == 1


async def test_a_server_that_says_not_to_retry_is_obeyed():
    _, turn, server = await ask([Refuse(503, headers=(("x-should-retry", "false"),))])
    failed(turn, "model.failed")
    assert len(server.asked) == 1


async def test_a_short_wait_is_kept():
    _, turn, server = await ask([Refuse(429, headers=(("retry-after-ms", "20"),)), Reply((Say("Now."),))])
    assert (turn.text, len(server.asked)) == ("Now.", 2)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [("overloaded_error", "model.overloaded"), ("rate_limit_error", "model.rate_limited"),
     ("api_error", "model.failed"), ("invalid_request_error", "model.rejected"), ("brand_new", "model.failed")],
)  # fmt: skip
async def test_an_error_event_in_the_stream(kind: str, problem: str):
    """The SDK gives it the status 200 and no class of its own."""
    _, turn, _ = await ask([Reply((Say("I am"), Call("plan")), breaks_after=4, breaks_with=kind)])
    failed(turn, problem)
    assert turn.text == "I am"


@pytest.mark.parametrize(
    "raw",
    ['{"id": nonsense}', '{"id": "1a00', '{"id":', "[]", '"1a"', "12", '{"id": "a"} {"id": "b"}', "{\x00}"],
)
async def test_arguments_that_are_no_json_object_run_nothing(raw: str):
    """The SDK parses half a JSON as a whole one: `{"id": "1a00` would be a call with no id."""
    _, turn, _ = await ask([Reply((Say("I read."), Call("read_migration", raw)))])
    failed(turn, "model.malformed")
    assert turn.text == "I read."


async def test_two_calls_with_one_id_run_nothing():
    _, turn, _ = await ask([Reply((Call("plan", id="a"), Call("plan", id="a")))])
    failed(turn, "model.malformed")


async def test_calls_without_a_name_or_in_no_block_run_nothing():
    _, turn, _ = await ask([Reply((Call(""),))])
    failed(turn, "model.malformed")
    _, turn, _ = await ask([Reply((Say("I do it."),), stop="tool_use")])
    failed(turn, "model.malformed")


async def test_events_without_names_are_not_taken_for_silence():
    """Some compatible servers leave the `event:` lines out; the SDK then sees nothing at all."""
    streamed, turn, _ = await ask([Reply((Say("Hello."),), named=False)])
    failed(turn, "model.unreadable")
    assert streamed == ""


@pytest.mark.parametrize(
    "page",
    [
        Page("<html>Sign in</html>"), Page('{"object": "list"}', "application/json"), Page("", "text/event-stream"),
        Page("event: message_start\ndata: {broken\n\n", "text/event-stream"),
        Page('event: message_start\ndata: {"type": "message_start"}\n\n', "text/event-stream"),
        Page('event: message_delta\ndata: {"type": "message_delta", "delta": null}\n\n', "text/event-stream"),
        Page('event: content_block_delta\ndata: {"type": "content_block_delta", "index": 7}\n\n', "text/event-stream"),
        Page("event: message_start\ndata: null\n\n", "text/event-stream"),
        Page("event: message_start\ndata: \xff\xfe\n\n", "text/event-stream"),
    ],
)  # fmt: skip
async def test_what_does_not_speak_the_api_gets_a_sentence(page: Page):
    _, turn, _ = await ask([page])
    failed(turn, "model.unreadable")


async def test_the_limits_of_a_reply():
    _, turn, _ = await ask([Reply((Say("I was going to"),), stop="max_tokens")])
    failed(turn, "model.too_long")
    assert turn.text == "I was going to"
    _, turn, _ = await ask([Reply((Say("So much"),), stop="model_context_window_exceeded")])
    failed(turn, "model.too_much")
    _, turn, _ = await ask([Reply((Say("x" * (LONGEST_REPLY * 2), step=50_000),))])
    failed(turn, "model.too_long")
    assert len(turn.text) <= LONGEST_REPLY + 50_000


async def test_a_refusal_is_said_as_one():
    _, turn, _ = await ask([Reply((Say("I would rather"),), stop="refusal")])
    failed(turn, "model.refused")
    assert turn.stop is Stop.REFUSED


async def test_an_empty_reply_is_not_silence():
    _, turn, _ = await ask([Reply(())])
    failed(turn, "model.empty")
    _, turn, _ = await ask([Reply((Say(" \n"),))])
    failed(turn, "model.empty")


async def test_the_session_goes_on_after_every_fault():
    async with MessagesServer(
        [Reply((Say("Half"),), drops_after=5), Reply((Call("plan", '{"a'),)), Page("<html>"), Reply((Say("Back."),))]
    ) as server:
        claude = Claude("claude-test", KEY, server.url, backoff=0.01)
        messages = ASKED.messages
        turns: list[ModelTurn] = []
        for _ in range(4):
            _, turn = await collect(claude, Conversation("s", messages))
            turns.append(turn)
            messages = (*messages, turn.message, Message("user", (Text("Go on."),)))
        await claude.close()
    assert [turn.problem for turn in turns] == ["model.cut", "model.malformed", "model.unreadable", ""]
    sent = cast("list[JsonObject]", server.asked[-1].body["messages"])
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]


def test_every_problem_has_its_sentence_and_only_known_fields():
    """Fields that only a status brings must not be asked for by the sentences of other faults."""
    catalogue = Catalogue()
    everything = {"place", "detail", "status", "name", "seconds", "error"}
    for problem in ("no_key", "cut", "too_long", "malformed", "unreadable", "empty", "refused", "too_much"):
        assert catalogue.say(f"model.{problem}")
    for problem in ("key_refused", "no_credit", "forbidden", "not_found", "rejected", "rate_limited", "overloaded",
                    "failed", "unreachable", "stalled", "no_client"):  # fmt: skip
        text = catalogue.say(f"model.{problem}", **dict.fromkeys(everything, "x"))
        assert text
        assert not fields_of(text)
