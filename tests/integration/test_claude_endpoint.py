"""Where Claude's requests go and with which key, over real HTTP: only where the person's own settings say."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from diana_agent.models.claude import DEFAULT_MODEL, Claude
from fakes.messages_server import MessagesServer, Refuse, Reply, Say
from integration.claude_talk import ASKED, KEY, ask, collect, failed


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


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        await ask([Reply((Say("Hello."),))])
        await ask([Refuse(500, message=KEY)])
        await ask([Reply((Say("Hello."),), drops_after=3)])
    assert caplog.records
    assert KEY not in caplog.text
    assert all(KEY not in str(record.__dict__) for record in caplog.records)
    assert KEY not in repr(Claude("claude-test", KEY))
