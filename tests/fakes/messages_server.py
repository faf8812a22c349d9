"""A Messages API of our own on loopback: HTTP/1.1 and server-sent events, with every way in which one can go wrong.

    async with MessagesServer([Reply((Say("Hello."),))]) as server:
        model = Claude("claude-test", "key", server.url)

Each request takes the next step of the script; the last one repeats. `server.asked` keeps what was received.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from diana_agent.models.base import JsonObject, JsonValue


@dataclass(frozen=True)
class Say:
    """A text block, sent a few characters at a time."""

    text: str
    step: int = 4


@dataclass(frozen=True)
class Call:
    """A tool_use block; `raw` is sent as it is, however broken."""

    name: str
    raw: str = "{}"
    id: str = "toolu_1"
    step: int = 5


@dataclass(frozen=True)
class Think:
    """A thinking block with its signature."""

    text: str
    signature: str = "c2ln"


@dataclass(frozen=True)
class Reply:
    """A streamed reply, and what goes wrong with it.

    `ends_after`: the body ends cleanly after so many events; `drops_after`: the connection is torn;
    `stalls_after`: nothing more is sent; `breaks_after`: an `error` event of type `breaks_with` ends it.
    """

    blocks: tuple[Say | Call | Think, ...]
    stop: str | None = None
    named: bool = True
    ends_after: int | None = None
    drops_after: int | None = None
    stalls_after: int | None = None
    breaks_after: int | None = None
    breaks_with: str = "overloaded_error"
    cached: int = 0
    cache_written: int = 0

    @property
    def reason(self) -> str:
        """The stop reason on the wire."""
        called = any(isinstance(block, Call) for block in self.blocks)
        return self.stop or ("tool_use" if called else "end_turn")


@dataclass(frozen=True)
class Refuse:
    """An answer with an error status."""

    status: int
    kind: str = "api_error"
    message: str = "told so by the fake"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Page:
    """An answer with status 200 that is no stream of events at all."""

    body: str
    kind: str = "text/html"


@dataclass(frozen=True)
class Silence:
    """The request is taken, and nothing is ever answered."""


Step = Reply | Refuse | Page | Silence


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: JsonObject
    raw: bytes = b""


@dataclass
class MessagesServer:
    """Serves a script, one step a request."""

    script: Sequence[Step]
    asked: list[Asked] = field(default_factory=list[Asked])
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The base URL."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._closing.set()
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it; False ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if value}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        body: JsonObject = json.loads(raw or b"{}")
        step = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append(Asked(path, headers, body, raw))
        if isinstance(step, Silence):
            await self._closing.wait()
            return False
        if isinstance(step, Refuse):
            error: JsonObject = {"type": "error", "error": {"type": step.kind, "message": step.message}}
            await _whole(writer, step.status, json.dumps(error), "application/json", step.headers)
        elif isinstance(step, Page):
            await _whole(writer, 200, step.body, step.kind)
        else:
            return await _stream(writer, step, self._closing)
        return True


async def _whole(
    writer: asyncio.StreamWriter, status: int, body: str, kind: str, headers: Sequence[tuple[str, str]] = ()
) -> None:
    raw = body.encode()
    lines = [
        f"HTTP/1.1 {status} Told", f"content-type: {kind}", f"content-length: {len(raw)}",
        *(f"{name}: {value}" for name, value in headers),
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
    await writer.drain()


async def _stream(writer: asyncio.StreamWriter, reply: Reply, closing: asyncio.Event) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for count, event in enumerate(_events(reply)):
        if count == reply.ends_after:
            break
        if count == reply.drops_after:
            await writer.drain()
            writer.transport.abort()
            return False
        if count == reply.stalls_after:
            await writer.drain()
            await closing.wait()
            return False
        if count == reply.breaks_after:
            error: JsonObject = {"type": "error", "error": {"type": reply.breaks_with, "message": "told so"}}
            await _chunk(writer, error, named=reply.named)
            break
        await _chunk(writer, event, named=reply.named)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _chunk(writer: asyncio.StreamWriter, event: JsonObject, *, named: bool) -> None:
    text = (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n"
    raw = text.encode()
    writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
    await writer.drain()


def _events(reply: Reply) -> list[JsonObject]:
    usage: JsonObject = {
        "input_tokens": 100, "output_tokens": 1, "cache_read_input_tokens": reply.cached,
        "cache_creation_input_tokens": reply.cache_written,
    }  # fmt: skip
    message: JsonObject = {
        "id": "msg_fake", "type": "message", "role": "assistant", "model": "fake", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events: list[JsonObject] = [{"type": "message_start", "message": message}, {"type": "ping"}]
    for index, block in enumerate(reply.blocks):
        start, deltas = _block(block)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        events.append({"type": "content_block_stop", "index": index})
    delta: JsonObject = {"stop_reason": reply.reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 42}})
    events.append({"type": "message_stop"})
    return events


def _block(block: Say | Call | Think) -> tuple[JsonObject, list[JsonValue]]:
    if isinstance(block, Say):
        return {"type": "text", "text": ""}, [
            {"type": "text_delta", "text": piece} for piece in _pieces(block.text, block.step)
        ]
    if isinstance(block, Think):
        return {"type": "thinking", "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": block.text},
            {"type": "signature_delta", "signature": block.signature},
        ]
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": {}}, [
        {"type": "input_json_delta", "partial_json": piece} for piece in _pieces(block.raw, block.step)
    ]


def _pieces(text: str, step: int) -> list[str]:
    return [text[at : at + step] for at in range(0, len(text), step)]
