"""Driving the chat in tests: a scripted talk behind it, keys with times of their own, waiting for what is drawn."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual import events
from textual.pilot import Pilot
from textual.widget import Widget

from diana_agent.person import Person
from diana_agent.tui.app import ChatApp
from diana_agent.tui.screens.question import QuestionScreen
from diana_agent.tui.widgets.lines import Lines
from diana_prompts.catalogue import Catalogue
from tui.fake_talk import FakeTalk, Scene

WIDE = (124, 40)
SMALL = (80, 24)
PATIENCE = 400


@dataclass(frozen=True, slots=True)
class Driven:
    """A running chat: the application, its pilot and the talk behind it."""

    app: ChatApp
    pilot: Pilot[int]
    talk: FakeTalk

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so; gives up after many tries."""
        for _ in range(PATIENCE):
            if condition():
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"never came true; shown:\n{self.shown}")

    async def sees(self, *texts: str) -> None:
        """Wait until all texts stand on the chat."""
        await self.until(lambda: all(text in self.shown for text in texts))

    @property
    def shown(self) -> str:
        """Everything the chat's widgets show, as plain text, also what is scrolled away."""
        return text_of(self.app.chat)

    @property
    def question(self) -> QuestionScreen:
        """The question on top."""
        top = self.app.screen_stack[-1]
        assert isinstance(top, QuestionScreen)
        return top

    async def asked(self) -> QuestionScreen:
        """Wait until a question is there and its deaf time is known."""
        await self.until(lambda: isinstance(self.app.screen_stack[-1], QuestionScreen))
        await self.until(lambda: self.question.listens_from < math.inf)
        return self.question

    async def keys(self, *keys: str, after: float = 0.1, gap: float = 0.05) -> None:
        """Press keys that were made `after` seconds after the question began to listen, `gap` seconds apart."""
        began = self.question.listens_from + after
        for number, key in enumerate(keys):
            self.post(key, began + number * gap)
        await self.pilot.pause()
        await self.pilot.pause()

    def post(self, key: str, time: float) -> None:
        """One key, made at a time of the clock that stamps keys."""
        name = "space" if key == " " else key
        event = events.Key(name, key if len(key) == 1 else None)
        event.time = time
        self.app.post_message(event)

    def click(self, selector: str, time: float) -> None:
        """A click as a terminal sends it, made at a time of the clock that stamps events."""
        x, y = self.app.screen.query_one(selector).region.center
        for kind in (events.MouseDown, events.MouseUp):
            event = kind(None, int(x), int(y), 0, 0, 1, False, False, False)
            event.time = time
            self.app.post_message(event)


def text_of(widget: Widget) -> str:
    """What the lines under a widget show."""
    return "\n".join(lines.text for lines in widget.query(Lines) if lines.size.width)


@asynccontextmanager
async def driven(scenes: Sequence[Scene], size: tuple[int, int] = WIDE) -> AsyncGenerator[Driven]:
    """A chat whose talk plays `scenes`: the first as the greeting, one more for each message."""
    talks: list[FakeTalk] = []

    def open_talk(person: Person) -> FakeTalk:
        talks.append(FakeTalk(person, scenes))
        return talks[-1]

    app = ChatApp(open_talk, Catalogue(), "billing-api")
    async with app.run_test(size=size) as pilot:
        for _ in range(PATIENCE):
            if app.talk is not None:
                break
            await pilot.pause(0.02)
        yield Driven(app, pilot, talks[0])
