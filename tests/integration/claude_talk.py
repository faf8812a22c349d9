"""One reply of Claude over real HTTP, from a Messages API of our own, and what a reply that ended badly must be."""

from __future__ import annotations

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
    Verb,
)
from diana_agent.models.claude import Claude
from diana_prompts.catalogue import Catalogue
from fakes.messages_server import MessagesServer, Step

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
