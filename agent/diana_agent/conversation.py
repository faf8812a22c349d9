"""What a chat face needs of Diana: say something, stop her, and watch the journal and the deltas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from diana_agent.events import AnyEvent

EventSink = Callable[["AnyEvent"], None]
TextSink = Callable[[str], None]

LEAVE = frozenset({"0", "leave", "quit", "exit", "bye", "/quit", "/exit", "/leave"})


def leaves(text: str) -> bool:
    """Whether a message means that the person leaves (the menu's 0); every chat face closes on it."""
    return text.strip().lower() in LEAVE


class Talk(Protocol):
    """One conversation, as a face sees it. All calls happen on the face's own event loop."""

    @property
    def project(self) -> str:
        """The project's folder name."""
        ...

    @property
    def model_name(self) -> str:
        """Who talks, and what may be seen where that is a remote model."""
        ...

    @property
    def journal_path(self) -> str:
        """Where the record of the session lies."""
        ...

    @property
    def busy(self) -> bool:
        """True while a turn is under way."""
        ...

    @property
    def changing(self) -> bool:
        """True while a change is in flight; Esc never stops that."""
        ...

    def watch(self, on_event: EventSink, on_delta: TextSink, on_line: TextSink) -> None:
        """Send every journal event (those so far first), streamed text, and live output lines to a face."""
        ...

    async def greet(self) -> None:
        """Begin: the greeting, the environment, and the first look (step 1)."""
        ...

    async def say(self, text: str) -> None:
        """Take one message of the person through model, verbs and guard until the model stops."""
        ...

    async def stop(self) -> None:
        """Stop Diana's talk; a change in flight goes on."""
        ...

    async def close(self) -> None:
        """End the session; the journal is complete afterwards."""
        ...
