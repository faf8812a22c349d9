"""Copies of this process, one a mutant: everything is imported and collected already, so that each costs its tests."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SURVIVED, KILLED, NOT_LIVE, BROKEN = 0, 10, 11, 12
TIMED_OUT = -1
_STILL_S = 4.0
"""Whoever used no processor for so long waits for something that never comes; tests of checks wait for nothing."""
_LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do in a copy: `work` gets a folder of its own and returns the exit code; `seconds` of processor.

    One that may hang is ended when it uses none for a while.
    """

    name: str
    work: Callable[[Path], int]
    seconds: float
    may_hang: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """How a copy ended: its exit code, `TIMED_OUT`, or `KILLED` when it broke down; `words` are what it left."""

    name: str
    code: int
    words: str


@dataclass(slots=True)
class _Running:
    job: Job
    folder: Path
    used: float = 0.0
    looked: float = field(default_factory=time.monotonic)
    since: float = field(default_factory=time.monotonic)

    def hangs(self, pid: int) -> bool:
        """Whether it took far too long, or used no processor since it was last looked at, which is a while ago."""
        now = time.monotonic()
        if now - self.looked < _STILL_S:
            return False
        if now - self.since > _LONGEST_S + 2 * self.job.seconds:
            return True
        times = psutil.Process(pid).cpu_times()
        before, self.used, self.looked = self.used, times.user + times.system, now
        return self.used == before


def run(jobs: Iterable[Job], folder: Path, at_once: int) -> Iterator[Ended]:
    """Do all jobs, a few at once, and give each as it ends; what one leaves behind is ended and removed."""
    running: dict[int, _Running] = {}
    waiting = iter(jobs)
    while True:
        while len(running) < at_once and (job := next(waiting, None)) is not None:
            place = Path(tempfile.mkdtemp(dir=folder))
            running[_fork(job, place)] = _Running(job, place)
        if not running:
            return
        over = [(pid, status) for pid in running for status in _status(pid, running[pid])]
        for pid, status in over:
            yield _ended(running.pop(pid), pid, status)
        if not over:
            time.sleep(0.003)


def _status(pid: int, one: _Running) -> Iterator[int]:
    """The status of a process that is over, or that hangs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    if found:
        yield status
    elif one.job.may_hang and one.hangs(pid):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        yield signal.SIGXCPU


def _ended(one: _Running, pid: int, status: int) -> Ended:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    words = one.folder / "words"
    said = words.read_text() if words.exists() else ""
    shutil.rmtree(one.folder, ignore_errors=True)
    if os.WIFSIGNALED(status):
        code = TIMED_OUT if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM) else KILLED
    else:
        code = os.WEXITSTATUS(status)
    return Ended(one.job.name, code, said)


def _fork(job: Job, folder: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = BROKEN
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
        seconds = int(job.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        code = job.work(folder)
    except BaseException as error:  # whatever a mutant does, the copy ends here and says so
        (folder / "words").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)
