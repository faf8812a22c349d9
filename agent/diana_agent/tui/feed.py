"""The feed: what Diana sends, from any thread, in order, taken by the screen in frames."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diana_agent.events import AnyEvent

MOST_LINES = 2_000
"""Output lines kept of one frame; what is older stands whole in the run's log file."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the journal."""

    event: AnyEvent


@dataclass(frozen=True, slots=True)
class Streamed:
    """Text of Diana's reply, as it comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines that a running tool printed; `skipped` earlier ones of the same frame were left out."""

    lines: tuple[str, ...]
    skipped: int = 0


Piece = Happened | Streamed | Printed


class Feed:
    """An inbox with many writers and one reader; neighbours of one kind are joined when they are taken."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: deque[Piece] = deque()
        self._ready = asyncio.Event()
        self._drawn = asyncio.Event()
        self._woken = False

    def event(self, event: AnyEvent) -> None:
        """Take an event of the journal; any thread may call."""
        self._put(Happened(event))

    def text(self, text: str) -> None:
        """Take a piece of a reply; any thread may call."""
        self._put(Streamed(text))

    def line(self, line: str) -> None:
        """Take a line of live output; any thread may call."""
        self._put(Printed((line,)))

    async def take(self) -> list[Piece]:
        """Everything that came since the last call; waits until there is something. Asking again means: it is drawn."""
        if not self._pieces:
            self._drawn.set()
        await self._ready.wait()
        self._ready.clear()
        self._woken = False
        pieces = [self._pieces.popleft() for _ in range(len(self._pieces))]
        return [piece for _, run in groupby(pieces, key=type) for piece in _merged(list(run))]

    async def drawn(self) -> None:
        """Wait until everything that came so far was drawn."""
        await self._drawn.wait()

    def _put(self, piece: Piece) -> None:
        self._drawn.clear()
        self._pieces.append(piece)
        if not self._woken and not self._loop.is_closed():
            self._woken = True
            self._loop.call_soon_threadsafe(self._ready.set)


def _merged(run: list[Piece]) -> list[Piece]:
    """One piece for a run of text or of lines; events stay as they are."""
    if isinstance(run[0], Streamed):
        return [Streamed("".join(piece.text for piece in run if isinstance(piece, Streamed)))]
    if isinstance(run[0], Printed):
        lines = [line for piece in run if isinstance(piece, Printed) for line in piece.lines]
        return [Printed(tuple(lines[-MOST_LINES:]), max(len(lines) - MOST_LINES, 0))]
    return run
