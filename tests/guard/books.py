"""Journals and the witness as they lie on disk, read without Diana and remembered as they were first seen."""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypedDict, cast

Event = dict[str, object]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal: when by the journal's own clock, who, what, and where its bytes end."""

    at: datetime
    actor: str
    event: Event
    end: int

    @property
    def kind(self) -> str:
        return str(self.event["kind"])


class Begun(TypedDict):
    """What the toy told right before it changed the production database; see `toy.witnessed`."""

    begin: str
    database: str
    content: str
    columns: list[str]
    texts: list[tuple[str, str]]
    backups: list[tuple[str, str]]
    copies: list[tuple[str, str]]
    code: list[tuple[str, str]]
    journals: list[tuple[str, int]]


@dataclass
class Books:
    """Every journal of a state folder. What was read once stays, whatever is done to the file afterwards."""

    folder: Path
    lines: dict[str, list[Line]] = field(default_factory=dict[str, list[Line]])
    touched: set[str] = field(default_factory=set[str])
    """Journals that somebody else altered: what Diana could learn from them is not what she wrote."""

    def read(self) -> None:
        """Take in what is new."""
        for path in sorted(self.folder.glob("*.jsonl")):
            known = self.lines.setdefault(path.name, [])
            if path.name not in self.touched:
                known.extend(_lines(path.read_bytes(), known[-1].end if known else 0))

    def until(self, sizes: list[tuple[str, int]]) -> Iterator[list[Line]]:
        """What of each journal that nobody altered stood on disk when the files were that long."""
        for name, size in sizes:
            if name not in self.touched:
                yield [line for line in self.lines.get(name, ()) if line.end <= size]


def _lines(content: bytes, start: int) -> Iterator[Line]:
    for text in content[start:].splitlines(keepends=True):
        start += len(text)
        if text.endswith(b"\n") and text.startswith(b"{"):
            raw = cast("Event", json.loads(text))
            yield Line(datetime.fromisoformat(str(raw["at"])), str(raw["actor"]), cast("Event", raw["event"]), start)


@dataclass
class Witness:
    """What the toy told, from where it was last read."""

    path: Path
    offset: int = 0

    def news(self) -> list[Begun]:
        """The changes that began since."""
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        new, self.offset = content[self.offset :], len(content)
        return [cast("Begun", literal_eval(line.decode())) for line in new.splitlines()]


def inner(value: object, *keys: str) -> object:
    """A value inside a value of an event; None where there is none."""
    for key in keys:
        value = cast("Event", value).get(key) if isinstance(value, dict) else None
    return value


def listed(value: object, *keys: str) -> list[object]:
    """A list inside an event; empty where there is none."""
    found = inner(value, *keys)
    return cast("list[object]", found) if isinstance(found, list) else []
