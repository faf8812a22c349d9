"""Whatever is done to the bytes or the lines of a journal is found, but for a tail that was cut off whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stories
from diana_agent.events import UserSaid
from diana_agent.journal import Journal, verify


def written(path: Path, count: int = 5) -> list[bytes]:
    journal = Journal(path)
    for number in range(count):
        journal.append(UserSaid(text=f"line {number} ünd\u2028more"), "person")
    journal.close()
    return path.read_bytes().splitlines(keepends=True)


def test_a_change_of_any_byte_of_a_journal_is_found(tmp_path: Path) -> None:
    """Every byte of three lines, changed into its neighbours, its other case, a space, a line's end, and nothing."""
    path = tmp_path / "journal.jsonl"
    content = b"".join(written(path, 3))
    for place, byte in enumerate(content):
        for other in ({byte ^ 1, byte ^ 0x20, 0x20, 0x0A} - {byte}) if place < len(content) - 1 else {0x20}:
            path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
            assert verify(path).problem, (place, byte, other)
        path.write_bytes(content[:place] + content[place + 1 :])
        assert verify(path).problem or place == len(content) - 1, (place, byte)


def same_words_otherwise(line: bytes) -> list[bytes]:
    """The line in ways that every JSON reader takes for the same."""
    raw = json.loads(line)
    return [
        json.dumps(raw, ensure_ascii=True).encode() + b"\n",
        json.dumps(raw, ensure_ascii=False, sort_keys=True).encode() + b"\n",
        json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode() + b"\n",
        line.replace(b'{"seq"', b'{ "seq"'),
        line.replace(b"\n", b" \n"),
        line.replace(b"\n", b"\r\n"),
        line.replace(b'"seq": 3', b'"seq": "3"'),
        line.replace(b'"seq": 3', b'"seq": 3.0'),
        line.replace(b'{"seq": 3', b'{"seq": 9, "seq": 3'),
        line.replace(b'"event": {', b'"event": {"text": "other", '),
        line.replace(b'"person"', b'"\\u0070erson"'),
    ]


def test_what_reads_the_same_and_was_not_written_by_a_journal_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    for other in same_words_otherwise(lines[2]):
        if other != lines[2]:
            path.write_bytes(b"".join([*lines[:2], other, *lines[3:]]))
            assert verify(path).problem == "journal_broken", other


@cache
def real_journal(path: Path) -> bytes:
    journal = Journal(path)
    for event in stories.success():
        journal.append(event, "diana")
    journal.close()
    return path.read_bytes()


Lines = list[bytes]


@st.composite
def harms(draw: st.DrawFn) -> Callable[[Lines], Lines]:
    """One thing that somebody may do to the lines of a file: to a byte, to a line, to two lines."""
    kind = draw(st.sampled_from(("byte", "insert", "delete", "remove", "double", "swap", "move", "join", "split")))
    one, two = draw(st.floats(0, 0.999)), draw(st.floats(0, 0.999))
    byte = bytes([draw(st.integers(0, 255))])

    def harm(lines: Lines) -> Lines:
        first = int(one * (len(lines) - (kind in ("remove", "join"))))
        other = int(two * len(lines))
        line = lines[first]
        place = int(two * (len(line) - 1))
        made = list(lines)
        match kind:
            case "byte":
                made[first] = line[:place] + byte + line[place + 1 :]
            case "insert":
                made[first] = line[:place] + byte + line[place:]
            case "delete":
                made[first] = line[:place] + line[place + 1 :]
            case "remove":
                del made[first]
            case "double":
                made.insert(other, line)
            case "swap":
                made[first], made[other] = made[other], made[first]
            case "move":
                made.insert(other, made.pop(first))
            case "join":
                made[first] = line.rstrip(b"\n")
            case _:
                made[first] = line[:place] + b"\n" + line[place:]
        return made

    return harm


@settings(max_examples=250, deadline=None)
@given(harm=harms())
def test_whatever_is_done_to_a_real_journal_is_found(
    tmp_path_factory: pytest.TempPathFactory, harm: Callable[[Lines], Lines]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"harm-{os.getpid()}" / "r1.jsonl"
    path.parent.mkdir(exist_ok=True)
    content = real_journal(tmp_path_factory.getbasetemp() / f"real-{os.getpid()}" / "r1.jsonl")
    harmed = b"".join(harm(content.splitlines(keepends=True)))
    path.write_bytes(harmed)
    assert (verify(path).problem == "") == (harmed == content)
