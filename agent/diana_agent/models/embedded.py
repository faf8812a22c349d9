"""Diana without a key: the same verbs through the same loop and guard, by rules, with no network and no chance."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

from diana_agent.models.base import Conversation, Delta, ModelTurn, Stop, ToolCall, Verb
from diana_agent.models.guide import Guide
from diana_agent.models.thread import view_of
from diana_agent.models.voice import Voice
from diana_prompts.catalogue import Catalogue

_PIECE = re.compile(r"(?:\S+\s*){1,4}|\s+")


class Embedded:
    """Implements `Model` from the conversation alone, so that a session may change to her and away at any moment."""

    name = "embedded"

    def __init__(self, catalogue: Catalogue, skill: str = "intermediate") -> None:
        self._voice = Voice(catalogue, skill)

    async def warm(self) -> None:
        """There is nothing to load."""

    async def close(self) -> None:
        """There is nothing to give back."""

    async def reply(self, conversation: Conversation, verbs: tuple[Verb, ...]) -> AsyncGenerator[Delta | ModelTurn]:
        """Stream the text in pieces, then the one turn; the same conversation always gets the same reply."""
        view = view_of(conversation)
        move = Guide(view, frozenset(verb.name for verb in verbs), self._voice).move()
        for piece in _PIECE.findall(move.text):
            yield Delta(piece)
            await asyncio.sleep(0)
        if not move.verb:
            yield ModelTurn(move.text, (), Stop.END)
            return
        call = ToolCall(f"embedded-{view.calls + 1}", move.verb, move.arguments)
        yield ModelTurn(move.text, (call,), Stop.TOOL_USE)
