"""The person, as a port: the only way a yes, a choice or a phrase reaches Diana; no model can reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked; every string is a finished sentence from the catalogue.

    `kind` is yes_no (starts on no), phrase (`phrase` must be typed exactly), choice (`options`) or text.
    `facts` are shown first. `danger` draws the production red. `id` is the catalogue id, for the journal.
    """

    id: str
    kind: str
    text: str
    facts: tuple[str, ...] = ()
    phrase: str = ""
    options: tuple[str, ...] = ()
    danger: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the person did. `text` is the typed line, chosen option, `y` or `n`; empty with `given` False.

    `given` False: cancelled, Esc, empty, or nobody is there to answer. `wrong` counts the tries at a phrase that
    the face itself turned down before this answer.
    """

    given: bool
    text: str = ""
    wrong: int = 0


class Person(Protocol):
    """Implemented by the Textual modal and by the plain prompt on the terminal itself, never by piped input.

    Before a question the input queue is emptied and keys within 0.7 s of its appearance are ignored;
    a paste never fills a phrase. What is typed goes to the guard alone.
    """

    @property
    def present(self) -> bool:
        """False where nobody can be asked (headless): every question is then answered `Reply(given=False)`."""
        ...

    async def ask(self, question: Question) -> Reply:
        """Show a question and wait for the answer."""
        ...
