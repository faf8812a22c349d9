"""Claude over real HTTP against a Messages API of our own: every way in which a reply can end badly, ends well."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import aclosing
from typing import cast

import pytest

from diana_agent.models.base import (
    START,
    Conversation,
    Delta,
    JsonObject,
    Message,
    ModelTurn,
    Prices,
    Reasoning,
    Stop,
    Text,
    ToolCall,
    ToolResult,
    Verb,
)
from diana_agent.models.claude import DEFAULT_MODEL, LONGEST_REPLY, Claude
from diana_prompts.catalogue import Catalogue, fields_of
from fakes.messages_server import Call, MessagesServer, Page, Refuse, Reply, Say, Silence, Step, Think

KEY = "sk-test-4f1b9c-never-to-be-seen"
EMPTY: JsonObject = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
VERBS = (
    Verb("plan", "Make the plan.", EMPTY),
    Verb(
        "read_migration", "Read a migration.",
        {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"],
         "additionalProperties": False},
    ),
)  # fmt: skip
ASKED = Conversation("You are Diana.", (Message("user", (Text(START),)),))


async def ask(
    script: list[Step],
    conversation: Conversation = ASKED,
    *,
    verbs: tuple[Verb, ...] = VERBS,
    timeout: float = 60.0,
    prices: Prices | None = None,
) -> tuple[str, ModelTurn, MessagesServer]:
    """One reply: the text that streamed, the turn, and the server with what it was asked."""
    async with MessagesServer(script) as server:
        claude = Claude("claude-test", KEY, server.url, timeout, prices=prices, backoff=0.01)
        streamed, turn = await collect(claude, conversation, verbs)
        await claude.close()
    return streamed, turn, server


async def collect(claude: Claude, conversation: Conversation, verbs: tuple[Verb, ...] = VERBS) -> tuple[str, ModelTurn]:
    text, turns = "", list[ModelTurn]()
    async for piece in claude.reply(conversation, verbs):
        if isinstance(piece, Delta):
            assert not turns, "a delta after the turn"
            text += piece.text
        else:
            turns.append(piece)
    assert len(turns) == 1
    return text, turns[0]


def failed(turn: ModelTurn, problem: str) -> None:
    """A turn that ended badly: no calls, nothing that would become one, and a sentence that can be said."""
    assert turn.problem == problem
    assert turn.calls == ()
    assert turn.stop in (Stop.CUT, Stop.REFUSED)
    assert not any(isinstance(part, (ToolCall, Reasoning)) for part in turn.message.parts)
    assert Catalogue().say(turn.problem, **dict(turn.problem_fields))
    assert KEY not in repr(turn)


async def test_text_streams_and_ends():
    streamed, turn, server = await ask([Reply((Say("Three migrations are pending."),), cached=900)])
    assert streamed == turn.text == "Three migrations are pending."
    assert (turn.stop, turn.calls, turn.problem) == (Stop.END, (), "")
    assert (turn.usage.input_tokens, turn.usage.output_tokens, turn.usage.cached_tokens) == (100, 42, 900)
    assert turn.usage.cost is None
    assert turn.message == Message("assistant", (Text("Three migrations are pending."),))
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_the_request_is_strict_cached_and_minimal():
    _, _, server = await ask([Reply((Say("Yes."),))])
    body = server.asked[0].body
    assert server.asked[0].path == "/v1/messages"
    assert set(body) == {"model", "max_tokens", "messages", "system", "tools", "tool_choice", "stream"}
    assert body["model"] == "claude-test"
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": START}]}]
    assert body["system"] == [{"type": "text", "text": "You are Diana.", "cache_control": {"type": "ephemeral"}}]
    tools = cast("list[JsonObject]", body["tools"])
    assert [(tool["name"], tool["strict"], "cache_control" in tool) for tool in tools] == [
        ("plan", True, False), ("read_migration", True, True),
    ]  # fmt: skip
    assert tools[1]["input_schema"] == VERBS[1].schema
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


async def test_a_verb_is_asked_for_with_its_arguments_as_they_came():
    _, turn, _ = await ask([Reply((Say("I look."), Call("read_migration", '{"id": "1a0000000003"}')))])
    assert turn.stop is Stop.TOOL_USE
    assert turn.calls == (ToolCall("toolu_1", "read_migration", '{"id": "1a0000000003"}'),)
    assert turn.message.parts == (Text("I look."), *turn.calls)


async def test_a_verb_without_arguments_has_an_empty_object():
    _, turn, _ = await ask([Reply((Call("plan", ""),))])
    assert turn.calls == (ToolCall("toolu_1", "plan", "{}"),)


async def test_text_after_text_is_a_paragraph_of_its_own():
    streamed, turn, _ = await ask([Reply((Say("One."), Say("Two.")))])
    assert streamed == turn.text == "One.\n\nTwo."


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "refusal", "stop_sequence", "pause_turn", "brand_new"])
async def test_a_call_counts_only_when_the_reply_ended_in_tool_use(reason: str):
    _, turn, _ = await ask([Reply((Say("I run it."), Call("plan")), stop=reason)])
    assert turn.calls == ()
    assert turn.stop is not Stop.TOOL_USE
    assert not any(isinstance(part, ToolCall) for part in turn.message.parts)


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
    _, turn, server = await ask([Silence()], timeout=0.5)
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


async def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    claude = Claude("claude-test", KEY, f"http://user:{KEY}@127.0.0.1:{port}", 30.0, backoff=0.01)
    _, turn = await collect(claude, ASKED)
    await claude.close()
    failed(turn, "model.unreachable")
    assert dict(turn.problem_fields) == {"place": f"127.0.0.1:{port}"}


@pytest.mark.parametrize("address", ["http://[::1", "not an address", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
async def test_an_address_that_is_none(address: str):
    claude = Claude("claude-test", KEY, address, 30.0, retries=0)
    _, turn = await collect(claude, ASKED)
    await claude.close()
    assert turn.problem in ("model.no_client", "model.unreachable", "model.unreadable")
    failed(turn, turn.problem)


async def test_without_a_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
    async with MessagesServer([Reply((Say("Hello."),))]) as server:
        claude = Claude(DEFAULT_MODEL, "", server.url)
        await claude.warm()
        _, turn = await collect(claude, ASKED)
        await claude.close()
    failed(turn, "model.no_key")
    assert server.asked == []


async def test_the_environment_does_not_choose_the_endpoint(monkeypatch: pytest.MonkeyPatch):
    """Only what the person's tiers of settings hand in does; a project's .env must not get the key."""
    async with MessagesServer([Reply((Say("Mine."),))]) as planted, MessagesServer([Reply((Say("Yours."),))]) as mine:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", planted.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
        claude = Claude("claude-test", KEY, mine.url)
        _, turn = await collect(claude, ASKED)
        await claude.close()
    assert turn.text == "Yours."
    assert planted.asked == []
    assert mine.asked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_without_an_address_it_is_anthropic_s_own(monkeypatch: pytest.MonkeyPatch):
    """Seen by a proxy, which is asked for a tunnel: the variable would lead elsewhere."""
    asked: list[bytes] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with (
        MessagesServer([Reply((Say("Mine."),))]) as planted,
        await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy,
    ):
        monkeypatch.setenv("ANTHROPIC_BASE_URL", planted.url)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        claude = Claude("claude-test", KEY, None, 30.0, retries=0)
        _, turn = await collect(claude, ASKED)
        await claude.close()
    failed(turn, "model.unreachable")
    assert asked == [b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n"]
    assert planted.asked == []


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


async def test_reasoning_goes_back_as_it_came_and_only_to_its_own_model():
    think = Think("First the plan.", "c2lnbmF0dXJl")
    script: list[Step] = [Reply((think, Say("I look."), Call("plan"))), Reply((Say("Done."),))]
    async with MessagesServer(script) as server:
        claude = Claude("claude-test", KEY, server.url)
        streamed, turn = await collect(claude, ASKED)
        result = ToolResult("toolu_1", "plan", ok=True, content='{"status": "done"}')
        talk = Conversation("s", (*ASKED.messages, turn.message, Message("user", (result,))))
        await collect(claude, talk)
        other = Claude("claude-other", KEY, server.url)
        await collect(other, talk)
        await claude.close()
        await other.close()
    assert streamed == turn.text == "I look."
    assert "First the plan" not in turn.text
    block = {"type": "thinking", "thinking": "First the plan.", "signature": "c2lnbmF0dXJl"}
    call: JsonObject = {"type": "tool_use", "id": "toolu_1", "name": "plan", "input": {}}
    first, second = (cast("list[JsonObject]", server.asked[at].body["messages"])[1] for at in (1, 2))
    assert first["content"] == [block, {"type": "text", "text": "I look."}, call]
    assert second["content"] == [{"type": "text", "text": "I look."}, call]


async def test_the_cost_comes_from_the_person_s_prices():
    prices = Prices(read=2.0, write=10.0, cache_read=0.2, cache_write=2.5)
    _, turn, _ = await ask([Reply((Say("Yes."),), cached=1000, cache_written=400)], prices=prices)
    assert (turn.usage.input_tokens, turn.usage.cached_tokens) == (500, 1000)
    assert turn.usage.cost == pytest.approx((100 * 2 + 42 * 10 + 1000 * 0.2 + 400 * 2.5) / 1e6)


async def test_escapes_in_a_reply_do_not_reach_the_screen():
    streamed, turn, _ = await ask([Reply((Say("\x1b]52;c;aGk=\x07ok\u202e \x1b[31mred", step=3),))])
    assert streamed == turn.text
    assert not set(turn.text) & {"\x1b", "\x07", "\u202e"}
    assert "ok" in turn.text


async def test_a_reply_that_is_left_gives_its_connection_back():
    async with MessagesServer([Reply((Say("A long story, " * 50),))]) as server:
        claude = Claude("claude-test", KEY, server.url)
        async with aclosing(claude.reply(ASKED, VERBS)) as pieces:
            async for _ in pieces:
                break
        _, turn = await collect(claude, ASKED)
        await claude.close()
    assert turn.problem == ""


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        await ask([Reply((Say("Hello."),))])
        await ask([Refuse(500, message=KEY)])
        await ask([Reply((Say("Hello."),), drops_after=3)])
    assert caplog.records
    assert KEY not in caplog.text
    assert all(KEY not in str(record.__dict__) for record in caplog.records)
    assert KEY not in repr(Claude("claude-test", KEY))


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
