"""The words of lexicon.toml as typed tables, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _split(text: object) -> object:
    return frozenset(text.split()) if isinstance(text, str) else text


Words = Annotated[frozenset[str], BeforeValidator(_split)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Command(_Table):
    """A command: one of `verbs` must be said, `beside` may be."""

    intent: str
    verbs: Words
    beside: Words


class Lexicon(_Table):
    """All words. `about` maps a topic to its words, `joined` a set phrase to the one word that stands for it."""

    question: Words
    filler: Words
    negation: Words
    beside_no: Words
    common: Words
    skip: Words
    change: Words
    ours: Words
    gates: Words
    confirm: Words
    destroy: Words
    outside: Words
    places: Words
    joined: Mapping[str, str]
    about: Mapping[str, Words]
    command: tuple[Command, ...]

    @property
    def commands(self) -> frozenset[str]:
        """Every word of any command."""
        return frozenset[str]().union(*(one.verbs | one.beside for one in self.command))

    @property
    def known(self) -> frozenset[str]:
        """Every word that is understood at all."""
        return self.filler | self.question | self.commands | frozenset[str]().union(*self.about.values())


@cache
def lexicon() -> Lexicon:
    """The one lexicon."""
    text = (files("diana_agent") / "models" / "lexicon.toml").read_text("utf-8")
    return Lexicon.model_validate(tomllib.loads(text))
