"""Claude over real HTTP against a Messages API of our own: what is asked, and what becomes of a good reply."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Literal, cast

import pytest
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient, Timeout

from diana_agent.models.base import START, Conversation, JsonObject, Message, Prices, Stop, Text, ToolCall, ToolResult
from diana_agent.models.claude import Claude
from fakes.messages_server import Call, MessagesServer, Reply, Say, Step, Think
from integration.claude_talk import ASKED, KEY, VERBS, ask, collect


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


async def test_warming_up_beside_the_first_reply_makes_one_client(monkeypatch: pytest.MonkeyPatch):
    made: list[AsyncAnthropic] = []

    def counted(
        *,
        api_key: str,
        base_url: str,
        timeout: Timeout,
        max_retries: int,
        open_telemetry: Literal[False],
        http_client: DefaultAsyncHttpxClient,
    ) -> AsyncAnthropic:
        made.append(
            AsyncAnthropic(
                api_key=api_key, base_url=base_url, timeout=timeout, max_retries=max_retries,
                open_telemetry=open_telemetry, http_client=http_client,
            )
        )  # fmt: skip
        return made[-1]

    monkeypatch.setattr("anthropic.AsyncAnthropic", counted)
    async with MessagesServer([Reply((Say("Hello."),))]) as server:
        claude = Claude("claude-test", KEY, server.url)
        await asyncio.gather(claude.warm(), claude.warm(), collect(claude, ASKED))
        await claude.close()
    assert len(made) == 1
    assert made[0].is_closed()
