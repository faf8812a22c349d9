"""Each check of watching a changing command by itself: its lines, its end, and what nobody watches any more."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import cast

import psutil
import pytest

from diana_tools import executor as ex
from diana_tools.executor import ended, still_runs, unwatched


class Looks:
    """A process that is over at the n-th look, and writes a piece of the log before each."""

    def __init__(self, log: Path, *pieces: bytes) -> None:
        self.log, self.pieces, self.looks = log, list(pieces), 0

    def poll(self) -> int | None:
        self.looks += 1
        assert self.looks < 100, "it is over, and nobody notices"
        if self.pieces:
            piece = self.pieces.pop(0)
            if piece:
                with self.log.open("ab") as handle:
                    handle.write(piece)
            return None
        return 0


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ((), []),
        ((b"",), []),
        ((b"one\ntwo\n",), ["one", "two"]),
        ((b"one\ntw", b"o\nthree"), ["one", "two", "three"]),
        ((b"\xc3", b"\xbc\n"), ["ü"]),
        ((b"\xff\n",), ["\ufffd"]),
        ((b"x" * 70_000, b"y"), ["x" * 70_000, "y"]),
        ((b"a\n" + b"x" * 70_000, b"y"), ["a", "x" * 70_000, "y"]),
        ((b"x" * 65_536, b"\n"), ["x" * 65_536]),
        ((b"\n", b"\n"), ["", ""]),
    ],
)
async def test_lines_are_handed_on_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...], lines: list[str]
) -> None:
    log, seen, naps = tmp_path / "log", list[str](), list[float]()

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)
    follow = ex._follow  # pyright: ignore[reportPrivateUsage]  # its edges, without a process
    await follow(log, cast("subprocess.Popen[bytes]", Looks(log, *pieces)), seen.append)
    assert seen == lines
    assert bool(naps) is (pieces == (b"",)), "it waits where there is nothing to read"


async def test_much_output_is_handed_on_whole(tmp_path: Path) -> None:
    log, seen = tmp_path / "log", list[str]()
    log.write_bytes(b"0123456789\n" * 300_000)
    await ex._follow(log, cast("subprocess.Popen[bytes]", Looks(log)), seen.append)  # pyright: ignore[reportPrivateUsage]  # as above
    assert len(seen) == 300_000


def left(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_a_command_that_is_over_is_as_it_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = left(tmp_path, exit_json='{"exit": 3, "seconds": 1.5, "timed_out": true}', output_log="said")
    done = ended(folder).output
    assert (done.exit_code, done.stdout, done.seconds, done.timed_out, done.truncated) == (3, "said", 1.5, True, False)
    (folder / "exit.json").unlink()
    for found in (ended(folder), unwatched(folder)):
        assert (found.output.exit_code, found.output.stdout, found.log) == (ex.UNWATCHED, "said", folder)
    monkeypatch.setattr(ex, "_KEEP_BYTES", 4)
    assert (unwatched(folder).output.stdout, unwatched(folder).output.truncated) == ("said", False)
    left(folder, output_log="saids")
    assert (unwatched(folder).output.stdout, unwatched(folder).output.truncated) == ("sa\n...\nds", True)
    (folder / "output.log").unlink()
    assert (unwatched(folder).output.stdout, unwatched(folder).output.truncated) == ("", False)


@pytest.fixture
def sleeper() -> Generator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    yield child
    child.kill()
    child.wait()


def noted(folder: Path, pid: object, started: object) -> Path:
    return left(folder, pid_json=json.dumps({"pid": pid, "started": started}))


def test_a_command_still_runs_while_it_is_that_one(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    born = psutil.Process(sleeper.pid).create_time()
    assert still_runs(tmp_path) is False, "nothing is noted"
    assert still_runs(noted(tmp_path, sleeper.pid, born))
    assert still_runs(noted(tmp_path, sleeper.pid, born + 9))
    assert still_runs(noted(tmp_path, sleeper.pid, born - 9))
    assert not still_runs(noted(tmp_path, sleeper.pid, born - 10))
    assert not still_runs(noted(tmp_path, sleeper.pid, born + 11)), "another one of the same number"
    assert not still_runs(noted(tmp_path, sleeper.pid, born - 11))
    assert not still_runs(noted(tmp_path, "x", born))
    assert not still_runs(left(tmp_path, pid_json="{}"))
    assert not still_runs(left(tmp_path, pid_json="{"))
    assert not still_runs(noted(tmp_path, 2**22 + 7, born))
    noted(tmp_path, sleeper.pid, born)
    (tmp_path / "exit.json").touch()
    assert not still_runs(tmp_path)
    (tmp_path / "exit.json").unlink()
    sleeper.kill()
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not still_runs(tmp_path), "it ended, and nobody has asked"


class Group:
    """What was done to process groups; `deaf` to the first signal."""

    def __init__(self, child: subprocess.Popen[bytes], *, deaf: bool) -> None:
        self.sent: list[int] = []
        self._child, self._deaf = child, deaf

    def __call__(self, pid: int, sign: int) -> None:
        assert pid == self._child.pid
        self.sent.append(sign)
        if sign == signal.SIGKILL or not self._deaf:
            self._child.kill()


@pytest.mark.parametrize("deaf", [False, True])
async def test_what_nobody_watches_is_ended(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    group, naps, real = Group(sleeper, deaf=deaf), list[float](), asyncio.sleep

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await real(0.002)

    monkeypatch.setattr(os, "killpg", group)
    monkeypatch.setattr(asyncio, "sleep", nap)
    end = ex._end_unwatched  # pyright: ignore[reportPrivateUsage]  # without waiting for a supervisor's death
    await end(tmp_path)
    assert group.sent == [], "nothing is noted"
    await end(noted(tmp_path, sleeper.pid, psutil.Process(sleeper.pid).create_time() + 99))
    assert group.sent == [], "another one of the same number"
    await end(noted(tmp_path, sleeper.pid, psutil.Process(sleeper.pid).create_time()))
    assert group.sent == ([signal.SIGTERM, signal.SIGKILL] if deaf else [signal.SIGTERM])
    assert not still_runs(tmp_path)
    assert (len(naps) >= 100) is deaf, "it is given time"


def test_a_port_that_was_free_is_on_loopback() -> None:
    assert 1024 <= ex.free_port() < 65536
