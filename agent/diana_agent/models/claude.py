"""Claude over the Messages API, or any endpoint that speaks it: streamed, in a loop of our own, never trusted to end.

The SDK has traps that are closed here (each has a test over real HTTP): it returns a cut or over-long reply as if
it were finished, reads half a tool call as a whole one, lets raw transport errors through in mid-stream, and obeys
a server that asks to wait for an hour. A reply that ended badly is a turn with a problem; it never runs a verb.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from diana_agent.models.base import (
    Conversation,
    Delta,
    ModelTurn,
    Prices,
    Reasoning,
    Stop,
    Text,
    ToolCall,
    Usage,
    Verb,
)
from diana_agent.models.last_request import LastRequest, Sent
from diana_agent.models.reading import LONGEST_REPLY, Fault, Reading, ending, unsigned
from diana_agent.models.told import Sharing
from diana_agent.models.wire import messages_of, system_of, tools_of
from diana_tools.errors import DianaError
from diana_tools.redaction import bounded, plain

if TYPE_CHECKING:
    from anthropic import APIStatusError, AsyncAnthropic
    from anthropic.lib.streaming import AsyncMessageStreamManager, ParsedMessageStreamEvent
    from anthropic.types import MessageParam, TextBlockParam, ToolParam
    from httpx2 import Request

DEFAULT_MODEL = "claude-sonnet-5-5"
OFFICIAL = "https://api.anthropic.com"
MAX_TOKENS = 16_000
LONGEST_WAIT = 20.0

# What the SDK lets through when an endpoint's events are not what the Messages API sends.
_BROKEN = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_BY_STATUS = {
    400: "model.rejected", 401: "model.key_refused", 402: "model.no_credit", 403: "model.forbidden",
    404: "model.not_found", 413: "model.too_much", 429: "model.rate_limited", 529: "model.overloaded",
}  # fmt: skip
_BY_TYPE = {
    "overloaded_error": 529, "rate_limit_error": 429, "authentication_error": 401, "permission_error": 403,
    "billing_error": 402, "not_found_error": 404, "request_too_large": 413, "invalid_request_error": 400,
    "api_error": 500, "timeout_error": 504,
}  # fmt: skip


class _NoClient(Exception):
    """The SDK could not be set up: a bad address, a bad proxy, a broken installation; names the error's kind."""


class _NotKept(Exception):
    """What would have been sent could not be kept for the person to see, so it was not sent."""


@dataclass(frozen=True, slots=True)
class Care:
    """What may be sent, and where what was sent is kept for the person to see (None: nowhere)."""

    sharing: Sharing = field(default_factory=Sharing)
    last: LastRequest | None = None


NO_CARE = Care()


class Claude:
    """A model behind the Messages API. Close it at the end of the session.

    Args:
        name: the model's name, as the endpoint knows it.
        key: the API key; it stays in this object and in the request's header.
        base_url: another endpoint that speaks the Messages API, from the person's own settings; None: Anthropic's.
        timeout: seconds without a byte after which a reply counts as stalled.
        prices: what a million tokens cost; without them the cost is unknown.
        retries: further attempts before any text was shown.
        backoff: seconds before the first of them; doubled for each.
        care: what of a conversation may be sent, and where the last request is kept.
    """

    def __init__(
        self,
        name: str = DEFAULT_MODEL,
        key: str = "",
        base_url: str | None = None,
        timeout: float = 60.0,
        *,
        prices: Prices | None = None,
        retries: int = 2,
        backoff: float = 0.5,
        care: Care = NO_CARE,
    ) -> None:
        self.name = name
        self._key = key
        self._base_url = base_url or OFFICIAL
        self._timeout = timeout
        self._prices = prices
        self._retries = retries
        self._backoff = backoff
        self.care = care
        self._client: AsyncAnthropic | None = None
        self._connecting = asyncio.Lock()
        self._plain = False

    async def warm(self) -> None:
        """Import the SDK and make the client in a thread (about a second), so that the first reply need not wait."""
        if self._client is None and self._key:
            with suppress(_NoClient):
                await self._warmed()

    async def close(self) -> None:
        """Give the connections back."""
        async with self._connecting:
            client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def reply(self, conversation: Conversation, verbs: tuple[Verb, ...]) -> AsyncGenerator[Delta | ModelTurn]:
        """Stream deltas, then exactly one ModelTurn; a failure is a turn with `problem`, never an exception."""
        if not self._key:
            yield ModelTurn("", (), Stop.CUT, problem="model.no_key")
            return
        attempt = 0
        while True:
            reading = Reading(self.name)
            async with aclosing(self._read(reading, conversation, verbs)) as pieces:
                async for piece in pieces:
                    yield Delta(piece)
            wait = self._again(reading, attempt)
            if wait is None:
                break
            attempt += 1
            await asyncio.sleep(wait)
        yield self._turn(reading)

    async def _read(self, reading: Reading, conversation: Conversation, verbs: tuple[Verb, ...]) -> AsyncGenerator[str]:
        """One attempt: the text as it comes; what went wrong stands in the reading afterwards."""
        try:
            async with await self._stream(conversation, verbs) as stream:
                async for event in stream:
                    piece = _take(reading, event)
                    if piece:
                        yield piece
                    if len(reading.shown) > LONGEST_REPLY:
                        break
        except _NoClient as error:
            reading.fault = Fault("model.no_client", (("place", self._place()), ("error", str(error))))
        except _transport() as error:
            reading.fault = self._explain(error)
        except _BROKEN:
            reading.fault = Fault("model.malformed" if reading.arguments is not None else "model.unreadable")
        else:
            reading.fault = ending(reading)

    def _again(self, reading: Reading, attempt: int) -> float | None:
        """Seconds to wait before another attempt, or None when this one stands."""
        fault = reading.fault
        if fault is None or reading.shown:
            return None
        if fault.rejected:
            # A compatible endpoint may know no strict tools; a provider voids reasoning when its prefix was edited.
            self._plain = not self._plain
            return 0.0 if self._plain else None
        wait = self._backoff * 2**attempt if fault.wait is None else fault.wait
        return wait if fault.again and attempt < self._retries and wait <= LONGEST_WAIT else None

    async def _warmed(self) -> AsyncAnthropic:
        # Warming up and the first reply come at the same time: one client, not two of which one is never closed.
        async with self._connecting:
            if self._client is None:
                try:
                    self._client = await asyncio.to_thread(self._connect)
                except (ImportError, ValueError, *_transport()) as error:
                    raise _NoClient(type(error).__name__) from None
            return self._client

    def _connect(self) -> AsyncAnthropic:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient, Timeout

        # A redirect would take the conversation to a host that the person was not asked about.
        http = DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"request": [self._about_to_send]})
        # The endpoint is always said: the SDK would take one from the environment or a profile on disk.
        return AsyncAnthropic(
            api_key=self._key,
            base_url=self._base_url,
            timeout=Timeout(self._timeout, connect=min(self._timeout, 10.0)),
            max_retries=0,
            open_telemetry=False,
            http_client=http,
        )

    async def _about_to_send(self, request: Request) -> None:
        """Keep the very bytes of a request before they leave.

        Raises:
            _NotKept: they could not be kept.
        """
        if self.care.last is None:
            return
        sent = Sent.of(request.method, str(request.url), request.headers.items(), await request.aread())
        try:
            await asyncio.to_thread(self.care.last.keep, sent, datetime.now(UTC))
        except DianaError as error:
            raise _NotKept(error.fields.get("file", "")) from None

    async def _stream(self, conversation: Conversation, verbs: tuple[Verb, ...]) -> AsyncMessageStreamManager[None]:
        client = self._client or await self._warmed()
        from anthropic import omit

        rich = not self._plain
        return client.messages.stream(
            model=self.name,
            max_tokens=MAX_TOKENS,
            system=cast("Iterable[TextBlockParam]", system_of(conversation.system, cached=rich)),
            messages=cast(
                "Iterable[MessageParam]", messages_of(conversation, self.name, self.care.sharing, reasoning=rich)
            ),
            tools=cast("Iterable[ToolParam]", tools_of(verbs, strict=rich)) if verbs else omit,
            tool_choice={"type": "auto", "disable_parallel_tool_use": True} if verbs and rich else omit,
        )

    def _explain(self, error: Exception) -> Fault:
        from anthropic import APIConnectionError, APIStatusError, APITimeoutError
        from httpx2 import TimeoutException, TransportError

        if isinstance(error.__cause__, _NotKept):
            return Fault("model.not_kept", (("file", str(error.__cause__)),))
        if isinstance(error, (APITimeoutError, TimeoutException)):
            return Fault("model.stalled", (("seconds", f"{self._timeout:g}"),))
        if isinstance(error, APIStatusError):
            return self._status(error)
        if isinstance(error, APIConnectionError):
            return Fault("model.unreachable", (("place", self._place()),), again=True)
        if isinstance(error, (TransportError, OSError)):
            return Fault("model.cut", again=True)
        return Fault("model.unreadable")

    def _status(self, error: APIStatusError) -> Fault:
        """A status, or an error event in a stream whose status was 200: then its type says what it is."""
        status = error.status_code if error.status_code >= 300 else _BY_TYPE.get(error.type or "", 500)
        detail = bounded(error.api_message or "", 200, (self._key,)).replace("\n", " ")
        wait = _seconds(error)
        fields = {
            "status": str(status), "detail": detail or "-", "place": self._place(), "name": self.name,
            "seconds": f"{wait:.0f}" if wait else "60",
        }  # fmt: skip
        again = status in (408, 409, 429) or status >= 500
        if "x-should-retry" in error.response.headers:
            again = error.response.headers["x-should-retry"] == "true"
        return Fault(_BY_STATUS.get(status, "model.failed"), tuple(fields.items()), again, wait, rejected=status == 400)

    def _place(self) -> str:
        """The endpoint's host, without what a URL may carry that is nobody's business."""
        try:
            place = urlsplit(self._base_url).netloc.rsplit("@", 1)[-1]
        except ValueError:
            place = ""
        return plain(place, 100) or "?"

    def _turn(self, reading: Reading) -> ModelTurn:
        fault = reading.fault
        usage = Usage(reading.read + reading.cache_write, reading.written, reading.cache_read, self._cost(reading))
        if fault is not None:
            stop = Stop.REFUSED if fault.problem == "model.refused" else Stop.CUT
            return ModelTurn(reading.shown, (), stop, usage, fault.problem, fault.fields)
        if reading.reason == "tool_use":
            calls = tuple(part for part in reading.parts if isinstance(part, ToolCall))
            return ModelTurn(reading.shown, calls, Stop.TOOL_USE, usage, parts=tuple(reading.parts))
        said = tuple(part for part in reading.parts if not isinstance(part, ToolCall))
        return ModelTurn(reading.shown, (), Stop.END, usage, parts=said)

    def _cost(self, reading: Reading) -> float | None:
        if self._prices is None:
            return None
        price = self._prices
        spent = reading.read * price.read + reading.written * price.write
        return (spent + reading.cache_read * price.cache_read + reading.cache_write * price.cache_write) / 1_000_000


def _take(reading: Reading, event: ParsedMessageStreamEvent[None]) -> str:
    """Take one event; returns text to show, cleaned, or nothing."""
    piece = ""
    if event.type == "message_start":
        reading.started = True
        usage = event.message.usage
        reading.count(usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    elif event.type == "content_block_start":
        reading.arguments = "" if event.content_block.type == "tool_use" else None
        if event.content_block.type == "text":
            piece = ("\n\n" if reading.shown.strip() else "") + unsigned(event.content_block.text, LONGEST_REPLY)
    elif event.type == "content_block_delta":
        if event.delta.type == "text_delta":
            piece = unsigned(event.delta.text, LONGEST_REPLY)
        elif event.delta.type == "input_json_delta" and reading.arguments is not None:
            reading.arguments += event.delta.partial_json
    elif event.type == "content_block_stop":
        _close(reading, event)
    elif event.type == "message_delta":
        usage, reading.reason = event.usage, event.delta.stop_reason
        reading.written = usage.output_tokens or 0
        reading.count(usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    elif event.type == "message_stop":
        reading.stopped = True
    reading.shown += piece
    return piece


def _close(reading: Reading, event: ParsedMessageStreamEvent[None]) -> None:
    """Keep a finished block. The SDK's reading of a call is not used: it takes half a JSON for a whole one."""
    if event.type != "content_block_stop":
        return
    block = event.content_block
    if block.type == "text":
        reading.parts.append(Text(block.text))
    elif block.type in ("thinking", "redacted_thinking"):
        reading.parts.append(Reasoning(reading.model, json.dumps(block.to_dict())))
    elif block.type == "tool_use":
        reading.asks(block.id, block.name, reading.arguments or json.dumps(block.input or {}))
    reading.arguments = None


def _transport() -> tuple[type[Exception], ...]:
    """What the SDK raises, and what its HTTP library lets through it; evaluated only once something was raised."""
    from anthropic import AnthropicError
    from httpx2 import HTTPError, InvalidURL, StreamError

    return (AnthropicError, HTTPError, InvalidURL, StreamError, OSError)


def _seconds(error: APIStatusError) -> float | None:
    """How long the server asks to wait, when it says so in a number."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(float(error.response.headers[name]) / unit, 0.0)
        except (KeyError, ValueError):
            continue
    return None
