"""What a model is to Diana: something that answers a conversation with text and asks for verbs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

START = "@start"
"""The text of the first message of a session, said by the program and not by the person: begin with steps 2 to 4."""


@dataclass(frozen=True, slots=True)
class Text:
    """Something said."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A verb the model asks for. `arguments` is the raw JSON text, not yet validated."""

    id: str
    verb: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a tool call, for the model: cleaned, bounded JSON text."""

    id: str
    verb: str
    ok: bool
    content: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A block that only the model of that name can read: handed back to it unchanged, never shown, never journalled."""

    model: str
    block: str


Part = Text | ToolCall | ToolResult | Reasoning


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `role` is user or assistant; a user message carries text and tool results.

    A conversation only grows: providers void a model's reasoning when what came before it was edited.
    """

    role: str
    parts: tuple[Part, ...]
    by: str = ""
    """Which model an assistant message is by."""


class Stop(StrEnum):
    """Why a reply ended; a tool runs only after `tool_use`."""

    END = "end_turn"
    TOOL_USE = "tool_use"
    CUT = "cut"
    REFUSED = "refusal"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply, and their price in US dollars (None: unknown).

    `input_tokens` were read anew, `cached_tokens` came from the provider's cache; the two do not overlap.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What a person's settings say a million tokens cost in US dollars; there is no table of prices in Diana."""

    read: float
    write: float
    cache_read: float
    cache_write: float


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """A finished reply. `problem` is a message id (`model.<id>`) when it ended badly; then `calls` is empty.

    `parts` is the reply block by block in the order it came (empty: text, then calls), for `message`.
    """

    text: str
    calls: tuple[ToolCall, ...]
    stop: Stop
    usage: Usage = Usage()
    problem: str = ""
    problem_fields: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def message(self) -> Message:
        """The assistant message that belongs into the conversation; it has no parts when nothing was said."""
        spoken: tuple[Part, ...] = (Text(self.text),) if self.text else ()
        return Message("assistant", self.parts or (*spoken, *self.calls))


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text as it streams."""

    text: str


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb the model may call: name, what it does, and its strict JSON schema."""

    name: str
    description: str
    schema: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model sees: the stable instruction, and the messages so far."""

    system: str
    messages: tuple[Message, ...]


class Model(Protocol):
    """One conversation partner."""

    name: str

    def reply(self, conversation: Conversation, verbs: tuple[Verb, ...]) -> AsyncIterator[Delta | ModelTurn]:
        """Stream deltas, then exactly one ModelTurn; a failure is a turn with `problem`, never an exception."""
        ...

    async def warm(self) -> None:
        """Load what is heavy before it is needed; never fails."""
        ...

    async def close(self) -> None:
        """Give connections back; nothing is said afterwards."""
        ...
