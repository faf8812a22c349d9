"""A talk that plays scenes of real events, so that the chat can be tested without a database or a model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from diana_agent import events as ev
from diana_agent.conversation import EventSink, TextSink
from diana_agent.person import Person, Question, Reply


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of streamed text."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of live output."""

    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until the test lets the scene go on."""


Act = ev.AnyEvent | Delta | Line | Hold | Question
Scene = Sequence[Act]


class FakeTalk:
    """Implements `conversation.Talk`. `greet` plays the first scene, each `say` the next one."""

    project = "shop"
    journal_path = "/state/runs/20261124T093000-abc.jsonl"

    def __init__(self, person: Person, scenes: Sequence[Scene]) -> None:
        self.person = person
        self.model_name = "embedded"
        self.busy = False
        self.changing = False
        self.said: list[str] = []
        self.replies: list[Reply] = []
        self.stopped = 0
        self.closed = False
        self.go_on = asyncio.Event()
        self._scenes = iter(scenes)

    def watch(self, on_event: EventSink, on_delta: TextSink, on_line: TextSink) -> None:
        self._on_event, self._on_delta, self._on_line = on_event, on_delta, on_line

    async def greet(self) -> None:
        await self._play()

    async def say(self, text: str) -> None:
        self.said.append(text)
        self._on_event(ev.UserSaid(text=text))
        await self._play()

    async def stop(self) -> None:
        self.stopped += 1

    async def close(self) -> None:
        self.closed = True
        self._on_event(ev.RunEnded(outcome="done", exit_code=0))

    async def _play(self) -> None:
        self.busy = True
        try:
            for act in next(self._scenes, ()):
                await self._act(act)
        finally:
            self.busy = False

    async def _act(self, act: Act) -> None:
        match act:
            case Delta():
                self._on_delta(act.text)
            case Line():
                self._on_line(act.text)
            case Hold():
                await self.go_on.wait()
                self.go_on.clear()
            case Question():
                self.replies.append(await self.person.ask(act))
            case _:
                self.model_name = act.model if isinstance(act, ev.ModelSaid) else self.model_name
                self.changing = isinstance(act, ev.ChangeStarted) or (
                    self.changing and not isinstance(act, ev.ChangeFinished)
                )
                self._on_event(act)
        await asyncio.sleep(0)
