"""The person at a real terminal: a process of its own on a real pseudo-terminal, and never its standard input."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import pytest

from diana_agent.person import Question, Reply
from diana_agent.plain_person import NobodyPerson, PlainPerson
from diana_prompts.catalogue import Catalogue

PHRASE = "EXECUTE DESTRUCTIVE MIGRATIONS"
CATALOGUE = Catalogue("en")
LIMIT_S = 30.0

CHILD = """
import asyncio, fcntl, json, os, sys, termios
terminal = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
if sys.argv[4] == "background":
    os.setpgid(0, 0) if os.getsid(0) != os.getpid() else None
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.setpgid(0, 0)
from diana_agent.person import Question
from diana_agent.plain_person import PlainPerson
from diana_prompts.catalogue import Catalogue
def question(said):
    return Question(**{name: tuple(value) if isinstance(value, list) else value for name, value in said.items()})
questions = [question(said) for said in json.loads(sys.argv[2])]
async def main():
    person = PlainPerson(Catalogue("en"))
    answers = [(await person.ask(q)) for q in questions]
    with open(sys.argv[3], "w") as out:
        json.dump({"present": person.present, "answers": [[a.given, a.text] for a in answers]}, out)
asyncio.run(main())
"""


class Result(TypedDict):
    """What the child left."""

    present: bool
    answers: list[tuple[bool, str]]


class Terminal:
    """A pseudo-terminal with a process on it that asks; the test sits at the other end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.seen = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *questions: dict[str, object], mode: str = "", term: str = "xterm") -> None:
        arguments = [os.ttyname(self.slave), json.dumps(questions), str(self._folder / "out.json"), mode]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            stdin=subprocess.PIPE, start_new_session=True, env=os.environ | {"TERM": term},
        )  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(b"y\n" * 100 + PHRASE.encode() + b"\n")
        self.process.stdin.flush()

    def wait_for(self, text: str, start: int = 0) -> int:
        """Read until `text` is on the screen after `start`; returns the place behind it."""
        end = time.monotonic() + LIMIT_S
        while (found := self.seen.find(text, start)) < 0:
            assert time.monotonic() < end, f"{text!r} never came; the screen: {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65_536).decode("utf-8", "replace")
        return found + len(text)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def type(self, text: str) -> None:
        """Type as a person does: each character after the echo of the one before."""
        for char in text:
            place = len(self.seen)
            self.send(char.encode())
            self.wait_for(char, place)

    def result(self) -> Result:
        assert self.process is not None
        self.process.wait(LIMIT_S)
        found: Result = json.loads((self._folder / "out.json").read_text())
        return found

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT_S)
        if self.process is not None and self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        for file in (self.master, self.slave):
            if file >= 0:
                os.close(file)


@pytest.fixture
def terminal(tmp_path: Path) -> Generator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.close()


def yes_no(**changed: object) -> dict[str, object]:
    return {"id": "ask.production", "kind": "yes_no", "text": "Continue? [y/N]", "title": "Execute?"} | changed


def phrase(**changed: object) -> dict[str, object]:
    return {"id": "ask.destructive", "kind": "phrase", "text": "Type it:", "phrase": PHRASE, "danger": True} | changed


ASK = {kind: CATALOGUE.say(f"plain.ask.{kind}") for kind in ("yes_no", "phrase", "choice", "text")}


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (b"yex\x7fs\r", (True, "y")), (b"\r", (True, "n")), (b"\x1b", (False, "")), (b"\x03", (False, "")),
        (b"maybe\r\r", (True, "n")),
    ],
)  # fmt: skip
def test_yes_or_no_starts_on_no(terminal: Terminal, keys: bytes, answer: tuple[bool, str]) -> None:
    terminal.start(yes_no(facts=["3 rows", "a backup"]))
    terminal.wait_for(ASK["yes_no"])
    for key in keys:
        terminal.send(bytes([key]))
        time.sleep(0.02)
    assert [tuple(a) for a in terminal.result()["answers"]] == [answer]
    for line in ("Question: Execute?", "  Fact: 3 rows", "  Fact: a backup", "Continue? [y/N]"):
        assert f"{line}\r\n" in terminal.seen


def test_the_phrase_typed_key_by_key_is_taken_as_it_is(terminal: Terminal) -> None:
    terminal.start(phrase())
    terminal.wait_for(ASK["phrase"])
    terminal.type(PHRASE)
    terminal.send(b"\r")
    assert terminal.result() == {"present": True, "answers": [[True, PHRASE]]}
    assert "DANGER:" in terminal.seen
    assert f"Type this line exactly: {PHRASE}" in terminal.seen


def test_what_is_not_the_phrase_is_handed_on_and_said(terminal: Terminal) -> None:
    terminal.start(phrase())
    terminal.wait_for(ASK["phrase"])
    terminal.type(PHRASE.lower())
    terminal.send(b"\r")
    assert terminal.result()["answers"] == [[True, PHRASE.lower()]], "the guard counts the tries"
    terminal.wait_for("Nothing was confirmed.")


def test_an_empty_line_cancels_a_phrase(terminal: Terminal) -> None:
    terminal.start(phrase())
    terminal.wait_for(ASK["phrase"])
    terminal.send(b"\r")
    assert terminal.result()["answers"] == [[False, ""]]


@pytest.mark.parametrize("brackets", [True, False])
def test_a_paste_fills_no_phrase(terminal: Terminal, brackets: bool) -> None:
    terminal.start(phrase(), term="xterm" if brackets else "dumb")
    place = terminal.wait_for(ASK["phrase"])
    assert ("\x1b[?2004h" in terminal.seen) == brackets
    pasted = PHRASE.encode() + b"\r"
    terminal.send(b"\x1b[200~" + pasted + b"\x1b[201~\r" if brackets else pasted)
    place = terminal.wait_for("Pasted text does not count here.", place)
    if brackets:
        assert terminal.result()["answers"] == [[False, ""]], "Enter after a refused paste is an empty line"
    else:
        terminal.wait_for(ASK["phrase"], place)
        terminal.send(b"\x1b")
        assert terminal.result()["answers"] == [[False, ""]]
    assert PHRASE not in terminal.seen[place:], "what was pasted is not echoed"


def test_keys_typed_before_the_question_are_not_an_answer(terminal: Terminal) -> None:
    os.write(terminal.master, b"y\r" * 5)
    terminal.start(yes_no())
    terminal.wait_for("Continue? [y/N]")
    for _ in range(5):
        terminal.send(b"y\r")
    terminal.wait_for(ASK["yes_no"])
    terminal.send(b"\r")
    assert terminal.result()["answers"] == [[True, "n"]]


def test_keys_typed_between_two_questions_answer_neither(terminal: Terminal) -> None:
    terminal.start(yes_no(), yes_no(text="And now?"))
    place = terminal.wait_for(ASK["yes_no"])
    terminal.send(b"y\ry\ry\r")
    place = terminal.wait_for("And now?", place)
    terminal.send(b"y\r")
    terminal.wait_for(ASK["yes_no"], place)
    terminal.send(b"\x1b")
    assert terminal.result()["answers"] == [[True, "y"], [False, ""]]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [(b"2\r", "eu-prod (b)"), (b"9\rQA\r", "qa"), (b"\r", "")],
)
def test_a_choice_by_number_or_name(terminal: Terminal, keys: bytes, answer: str) -> None:
    terminal.start({"id": "ask.tool", "kind": "choice", "text": "Which?", "options": ["qa", "eu-prod (b)"]})
    terminal.wait_for(ASK["choice"])
    assert "  2. eu-prod (b)\r\n" in terminal.seen
    for key in keys:
        terminal.send(bytes([key]))
        time.sleep(0.02)
    assert terminal.result()["answers"] == [[bool(answer), answer]]


def test_text_may_be_pasted_and_edited(terminal: Terminal) -> None:
    terminal.start({"id": "ask.expected_db", "kind": "text", "text": "Which database?"})
    place = terminal.wait_for(ASK["text"])
    terminal.send(b"\x1b[200~shop_eu\n\x1b[31mdb\x1b[201~")
    terminal.wait_for("shop_eu", place)
    terminal.send(b"\x17\x15")
    terminal.type("shop")
    terminal.send(b"\x1b[A\x1b[D\r")
    assert terminal.result()["answers"] == [[True, "shop"]]


def test_what_is_shown_cannot_drive_the_terminal(terminal: Terminal) -> None:
    nasty = "x\x1b]52;c;eA==\x07\x1b[2J\u202e\nQuestion: fake"
    terminal.start(yes_no(facts=[nasty], text=nasty, title=nasty))
    terminal.wait_for(ASK["yes_no"])
    terminal.send(b"\x1b")
    terminal.result()
    shown = terminal.seen.replace("\x1b[?2004h", "").replace("\x1b[?2004l", "")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(re.findall(r"^Question: ", shown, re.M)) == 1


@pytest.mark.parametrize("keys", [b"y\r", b"\x03"])
def test_the_terminal_is_as_it_was_afterwards(terminal: Terminal, keys: bytes) -> None:
    terminal.start(yes_no())
    terminal.wait_for(ASK["yes_no"])
    assert not termios.tcgetattr(terminal.slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    for key in keys:
        terminal.send(bytes([key]))
        time.sleep(0.02)
    terminal.result()
    assert termios.tcgetattr(terminal.slave)[:6] == terminal.before[:6]
    terminal.wait_for("\x1b[?2004l")


def test_a_question_taken_back_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.start(yes_no())
    terminal.wait_for(ASK["yes_no"])
    assert terminal.process is not None
    terminal.process.send_signal(signal.SIGINT)
    terminal.process.wait(LIMIT_S)
    assert termios.tcgetattr(terminal.slave)[:6] == terminal.before[:6]
    assert not (terminal._folder / "out.json").exists()  # pyright: ignore[reportPrivateUsage]  # nothing was answered


def test_a_terminal_that_goes_away_answers_nothing(terminal: Terminal) -> None:
    terminal.start(yes_no())
    terminal.wait_for(ASK["yes_no"])
    assert terminal.process is not None
    os.close(terminal.slave)
    os.close(terminal.master)
    terminal.master = terminal.slave = -1
    assert terminal.process.wait(LIMIT_S) in (0, -signal.SIGHUP)
    out = terminal._folder / "out.json"  # pyright: ignore[reportPrivateUsage]  # where the answer would be
    assert not out.exists() or json.loads(out.read_text())["answers"] == [[False, ""]]


def test_a_process_in_the_background_asks_nobody(terminal: Terminal) -> None:
    terminal.start(yes_no(), mode="background")
    assert terminal.result()["answers"] == [[False, ""]]


def test_without_a_terminal_nobody_is_there() -> None:
    script = (
        "import asyncio; from diana_agent.person import Question; from diana_agent.plain_person import *;"
        "from diana_prompts.catalogue import Catalogue; p = PlainPerson(Catalogue('en'));"
        "q = Question('ask.x', 'yes_no', 't');"
        "print(p.present, asyncio.run(p.ask(q)), type(open_person({})).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"y\n" * 20, capture_output=True, check=True, start_new_session=True
    )
    assert done.stdout.decode().strip() == "False Reply(given=False, text='', wrong=0) NobodyPerson"
    assert done.stderr == b""


async def test_what_is_no_terminal_is_none(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, Path("/dev/null")):
        person = PlainPerson(CATALOGUE, path)
        assert person.present is False
        assert await person.ask(Question("ask.x", "yes_no", "t")) == Reply(given=False)


async def test_nobody_answers_nothing() -> None:
    assert await NobodyPerson().ask(Question("ask.x", "phrase", "t", phrase=PHRASE)) == Reply(given=False)
