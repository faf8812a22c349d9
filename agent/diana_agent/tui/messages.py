"""What the parts of the face tell each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from diana_agent.person import Question, Reply


@dataclass
class Sent(Message):
    """The person pressed Enter on a message."""

    text: str


@dataclass
class Asking(Message):
    """Diana asks the person; `answer` is set when the question's screen closes."""

    question: Question
    answer: asyncio.Future[Reply]


@dataclass
class Withdrawn(Message):
    """Nobody waits for this question's answer any more."""

    answer: asyncio.Future[Reply]
