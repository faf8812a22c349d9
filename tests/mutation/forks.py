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
from dataclasses import dataclass
from pathlib import Path

SURVIVED, KILLED, NOT_LIVE, BROKEN = 0, 10, 11, 12
TIMED_OUT = -1
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do in a copy: `work` gets a folder of its own and returns the exit code; `seconds` of processor."""

    name: str
    work: Callable[[Path], int]
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a copy ended: its exit code, `TIMED_OUT`, or `KILLED` when it broke down; `words` are what it left."""

    name: str
    code: int
    words: str


@dataclass(frozen=True, slots=True)
class _Running:
    job: Job
    folder: Path
    until: float


def run(jobs: Iterable[Job], folder: Path, at_once: int) -> Iterator[Ended]:
    """Do all jobs, a few at once, and give each as it ends; what one leaves behind is ended and removed."""
    running: dict[int, _Running] = {}
    waiting = iter(jobs)
    while True:
        while len(running) < at_once and (job := next(waiting, None)) is not None:
            place = Path(tempfile.mkdtemp(dir=folder))
            running[_fork(job, place)] = _Running(job, place, time.monotonic() + _PATIENCE_S + 2 * job.seconds)
        if not running:
            return
        over = [(pid, status) for pid in running for status in _status(pid, running[pid].until)]
        for pid, status in over:
            yield _ended(running.pop(pid), pid, status)
        if not over:
            time.sleep(0.003)


def _status(pid: int, until: float) -> Iterator[int]:
    """The status of a process that is over, or that had its time."""
    found, status = os.waitpid(pid, os.WNOHANG)
    if found:
        yield status
    elif time.monotonic() > until:
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
    except BaseException as error:  # noqa: BLE001  whatever a mutant does, the copy ends here and says so
        (folder / "words").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)
