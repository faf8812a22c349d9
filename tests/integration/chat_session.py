"""A chat without a face: what it sent is kept, and its person does what the test says."""

from __future__ import annotations

from diana_agent.call import Call
from diana_agent.chat import Chat
from diana_agent.events import AnyEvent, ModelSaid
from guard.ground import ScriptedPerson


class Session:
    """A chat with everything that it sent to its face."""

    def __init__(self, call: Call, person: ScriptedPerson) -> None:
        self.person = person
        self.events: list[AnyEvent] = []
        self.deltas: list[str] = []
        self.lines: list[str] = []
        self.chat = Chat(call, person, "test")
        self.chat.watch(self.events.append, self.deltas.append, self.lines.append)

    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, ModelSaid))

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]
