"""What each test runs of the files in question, learnt by running all of them once without any mutant."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _typeshed import TraceFunction

Lines = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Learnt:
    """One test: how long it took in seconds, whether it failed by itself, and which lines of which file it ran."""

    node: str
    seconds: float
    failed: bool
    lines: Lines

    def runs(self, file: str, lines: range) -> bool:
        """Whether the test ran one of the lines; of an empty range, any line of the file."""
        ran = self.lines.get(file, ())
        return any(line in lines for line in ran) if lines else bool(ran)


@dataclass
class Watch:
    """Notes the lines of some files that are run, in every thread."""

    files: frozenset[str]
    seen: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def called(self, frame: FrameType, event: str, argument: object) -> TraceFunction | None:
        """A function is entered: follow it if it is one of those files'."""
        return self.stepped if frame.f_code.co_filename in self.files else None

    def stepped(self, frame: FrameType, event: str, argument: object) -> TraceFunction:
        """Another line of it."""
        self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self.stepped

    def lines(self) -> Lines:
        """What was seen since the last time."""
        found: Lines = {}
        for file, line in self.seen:
            found.setdefault(file, []).append(line)
        self.seen.clear()
        return found


def in_turn(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Each test with the one that follows, as pytest wants them: fixtures that both need stay."""
    yield from zip(items, [*items[1:], None], strict=False)


def learn(items: Sequence[pytest.Item], files: frozenset[str], failed: set[str], into: Path) -> None:
    """Run the tests one after the other and write down what each did; `failed` is filled by the runs themselves."""
    watch, learnt = Watch(files), list[Learnt]()
    threading.settrace(watch.called)
    sys.settrace(watch.called)
    for item, following in in_turn(items):
        started = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        learnt.append(Learnt(item.nodeid, time.process_time() - started, item.nodeid in failed, watch.lines()))
    sys.settrace(None)
    into.write_text(json.dumps([[one.node, one.seconds, one.failed, one.lines] for one in learnt]))


def learnt(path: Path) -> list[Learnt]:
    """What was written down."""
    return [Learnt(*one) for one in json.loads(path.read_text())]
