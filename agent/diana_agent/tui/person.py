"""The person behind the chat: questions become screens above it, one at a time. Loaded after the first frame."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from diana_agent.person import Question, Reply
from diana_agent.tui.messages import Asking, Withdrawn

if TYPE_CHECKING:
    from textual.app import App


class ChatPerson:
    """Implements `person.Person`; asked on the event loop of the chat."""

    present = True

    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def ask(self, question: Question) -> Reply:
        """Show a question and wait; a chat that is closing answers nothing."""
        async with self._turn:
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            if not self._app.post_message(Asking(question, answer)):
                return Reply(given=False)
            try:
                return await answer
            finally:
                if answer.cancelled():
                    self._app.post_message(Withdrawn(answer))
