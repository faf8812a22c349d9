"""The people of the guard's ground: what each was asked and really typed stands in a diary that Diana never sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from diana_agent.person import Question, Reply


@dataclass
class Clock:
    """A clock that tests move."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Typed:
    """One answer as it was typed into the field; `wrong` tries came before it in the same field."""

    question: str
    text: str
    wrong: int = 0


@dataclass
class ScriptedPerson:
    """A person who does what the test says; everything that was asked and typed is kept for the oracle.

    `behaviour`: confirm, yes (also to a phrase), no, leave, wrong (the phrase in small letters), spaces (around it),
    clumsy (right at the third try), clumsier (at the fourth), slowly (right when asked for the third time),
    chat (the phrase goes into the chat and not into the field; y/N is answered).
    """

    present: bool = True
    behaviour: str = "leave"
    asked: list[Question] = field(default_factory=list[Question])
    diary: list[Typed] = field(default_factory=list[Typed])
    to_chat: Callable[[str], None] = lambda _text: None

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        reply = self._reply(question)
        if reply.given:
            self.diary.append(Typed(question.id, reply.text, reply.wrong))
        return reply

    def _reply(self, question: Question) -> Reply:
        if question.kind == "phrase":
            return self._phrase(question)
        if question.kind == "yes_no":
            return Reply(self.behaviour not in ("leave", "wrong"), "n" if self.behaviour == "no" else "y")
        if question.kind == "text":
            return Reply(True, "app.db")
        return Reply(True, question.options[0])

    def _phrase(self, question: Question) -> Reply:
        phrase, times = question.phrase, sum(one is question for one in self.asked)
        typed = {
            "confirm": phrase, "wrong": phrase.lower(), "yes": "yes", "spaces": f"  {phrase} ", "clumsy": phrase,
            "clumsier": phrase, "slowly": phrase if times > 2 else phrase[:-1],
        }  # fmt: skip
        if self.behaviour == "chat":
            self.to_chat(phrase)
        if self.behaviour not in typed:
            return Reply(False)
        return Reply(True, typed[self.behaviour], {"clumsy": 2, "clumsier": 3}.get(self.behaviour, 0))


@dataclass
class Meanwhile(ScriptedPerson):
    """A person who answers as they would, while something happens behind their back once."""

    happens: Callable[[], None] = lambda: None
    done: bool = False

    async def ask(self, question: Question) -> Reply:
        if not self.done:
            self.done = True
            self.happens()
        return await super().ask(question)
