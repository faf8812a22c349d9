"""The person at a plain terminal: asked on the terminal itself, never through piped input (guard's design, 7)."""

from __future__ import annotations

import asyncio
import os
import select
import termios
import threading
import time
import unicodedata
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from diana_agent.person import Person, Question, Reply
from diana_agent.plain_keys import PASTE_OFF, PASTE_ON, Key, Keys, Kind
from diana_prompts.catalogue import Catalogue
from diana_tools.redaction import plain

QUIET_S = 0.7
"""Keys within this time of a question's appearance were meant for something else."""
_ESC_S = 0.06
_TICK_S = 0.1
_LONGEST = 4_096
_MOST_LINES = 50
TERMINAL = Path("/dev/tty")


class NobodyPerson:
    """Where nobody can be asked: every question is answered by nobody."""

    present = False

    async def ask(self, question: Question) -> Reply:
        """No answer, whatever the question."""
        del question
        return Reply(given=False)


def open_person(flags: Mapping[str, str | bool | int | float]) -> Person:
    """The person at this process's terminal in their language, or nobody where there is no terminal."""
    person = PlainPerson(Catalogue(str(flags.get("language", "en"))))
    return person if person.present else NobodyPerson()


class PlainPerson:
    """Asks line by line, only ever appending, with words for every state: good for screen readers and logs."""

    def __init__(self, catalogue: Catalogue, terminal: Path = TERMINAL) -> None:
        self._say = catalogue.say
        self._terminal = terminal
        self._one_at_a_time = threading.Lock()
        self.present = _is_terminal(terminal)

    async def ask(self, question: Question) -> Reply:
        """Show a question and wait; without a terminal in the foreground nobody answers."""
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._ask, question, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _ask(self, question: Question, stop: threading.Event) -> Reply:
        with self._one_at_a_time, suppress(OSError, termios.error), _opened(self._terminal) as file:
            screen = _Screen(file, stop)
            screen.lines(*self._shown(question))
            screen.hush()
            return self._answer(question, screen)
        return Reply(given=False)

    def _shown(self, question: Question) -> Iterator[str]:
        yield ""
        yield self._say("plain.question", title=_line(question.title) or self._say("plain.no_title"))
        if question.danger:
            yield self._say("plain.danger")
        for fact in question.facts:
            yield self._say("plain.fact", fact=_line(fact))
        yield _line(question.text)
        for number, option in enumerate(question.options, 1):
            yield self._say("plain.option", number=number, option=_line(option))
        if question.kind == "phrase":
            yield self._say("plain.phrase", phrase=_line(question.phrase))
        yield self._say("plain.cancel_hint")

    def _answer(self, question: Question, screen: _Screen) -> Reply:
        for _ in range(_MOST_LINES):
            screen.write(self._say(f"plain.ask.{question.kind}"))
            typed = self._line(question, screen)
            if typed is None:
                screen.lines(self._say("plain.cancelled"))
                return Reply(given=False)
            reply = self._taken(question, typed, screen)
            if reply is not None:
                return reply
        return Reply(given=False)

    def _line(self, question: Question, screen: _Screen) -> str | None:
        """One line as it was typed; None when it was cancelled or the terminal went away."""
        typed = ""
        for key in screen.pressed():
            if key.kind is Kind.ENTER:
                screen.lines("")
                return typed
            if key.kind is Kind.CANCEL:
                screen.lines("")
                return None
            if key.kind is Kind.PASTE and question.kind in ("phrase", "yes_no"):
                screen.lines("", self._say("plain.no_paste"))
                screen.write(self._say(f"plain.ask.{question.kind}"))
                typed = ""
            else:
                typed = _edited(typed, key, screen)
        return None

    def _taken(self, question: Question, typed: str, screen: _Screen) -> Reply | None:
        """The line as an answer, or None when the question stands."""
        words = typed.strip(" ")
        match question.kind:
            case "yes_no":
                return self._yes_no(words.lower(), screen)
            case "phrase":
                if words and words != question.phrase:
                    screen.lines(self._say("plain.not_exact"))
                return Reply(given=bool(words), text=typed)
            case "choice":
                return self._choice(question, words, screen)
            case _:
                return Reply(given=bool(words), text=words)

    def _yes_no(self, words: str, screen: _Screen) -> Reply | None:
        if words in ("y", "yes"):
            return Reply(given=True, text="y")
        if words in ("", "n", "no"):
            screen.lines(self._say("plain.no"))
            return Reply(given=True, text="n")
        screen.lines(self._say("plain.y_or_n"))
        return None

    def _choice(self, question: Question, words: str, screen: _Screen) -> Reply | None:
        if not words:
            return Reply(given=False)
        if words.isascii() and words.isdigit() and 1 <= int(words[:6]) <= len(question.options):
            return Reply(given=True, text=question.options[int(words[:6]) - 1])
        for option in question.options:
            if words.lower() == option.lower():
                return Reply(given=True, text=option)
        screen.lines(self._say("plain.which", count=len(question.options)))
        return None


def _edited(typed: str, key: Key, screen: _Screen) -> str:
    """The line after a key, with the screen brought along."""
    if key.kind in (Kind.TEXT, Kind.PASTE):
        added = _line(key.text) if key.kind is Kind.PASTE else key.text
        added = added[: _LONGEST - len(typed)]
        screen.write(added)
        return typed + added
    kept = {Kind.ERASE: typed[:-1], Kind.ERASE_WORD: typed.rstrip(" ").rpartition(" ")[0], Kind.ERASE_LINE: ""}[
        key.kind
    ]
    screen.write("\b \b" * _cells(typed[len(kept) :]))
    return kept


def _cells(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _line(text: str) -> str:
    return " ".join(plain(text).splitlines())


class _Screen:
    """The terminal while a question is open."""

    def __init__(self, file: int, stop: threading.Event) -> None:
        self._file = file
        self._stop = stop
        self._keys = Keys()

    def write(self, text: str) -> None:
        """Write all of a text."""
        left = memoryview(text.encode("utf-8", "replace"))
        while left:
            left = left[os.write(self._file, left) :]

    def lines(self, *lines: str) -> None:
        """Write whole lines."""
        self.write("".join(f"{line}\n" for line in lines))

    def hush(self) -> None:
        """Throw away what was typed before the question could be read."""
        until = time.monotonic() + QUIET_S
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            if select.select([self._file], [], [], min(left, _TICK_S))[0] and not os.read(self._file, 4_096):
                break
        termios.tcflush(self._file, termios.TCIFLUSH)

    def pressed(self) -> Iterator[Key]:
        """Keys until the terminal goes away or the question is taken back."""
        while not self._stop.is_set():
            ready = select.select([self._file], [], [], _ESC_S if self._keys.waiting else _TICK_S)[0]
            if not ready:
                yield from self._keys.settle()
                continue
            chunk = os.read(self._file, 65_536)
            if not chunk:
                return
            yield from self._keys.feed(chunk)


def _is_terminal(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.isatty(file)
    finally:
        os.close(file)


@contextmanager
def _opened(path: Path) -> Generator[int]:
    """The terminal opened afresh, its input emptied, each key handed on at once; as it was before afterwards.

    Raises:
        OSError: there is no terminal, or this process is not in its foreground.
    """
    file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if os.tcgetpgrp(file) != os.getpgrp():
            raise OSError("in the background")
        before = termios.tcgetattr(file)
        raw = termios.tcgetattr(file)
        raw[0] &= ~(termios.IXON | termios.ISTRIP)
        raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        brackets = os.environ.get("TERM", "dumb") != "dumb"
        termios.tcsetattr(file, termios.TCSAFLUSH, raw)
        try:
            if brackets:
                os.write(file, PASTE_ON.encode())
            yield file
        finally:
            with suppress(OSError):
                if brackets:
                    os.write(file, PASTE_OFF.encode())
            termios.tcsetattr(file, termios.TCSAFLUSH, before)
    finally:
        os.close(file)
