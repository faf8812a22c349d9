"""Owns a changing command's pipe, writes output, pid and exit to its folder, keeps the timeout; nothing else."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict


class Spec(TypedDict):
    """What arrives on standard input: the command and its whole environment (so no secret is in argv).

    `locks` are open lock files that the command and this process hold until they end.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    timeout: float
    as_user: str | None
    stdin: str
    locks: list[int]


class Exit(TypedDict):
    """What is left in `exit.json`: the child's code (negative for a signal) and wall seconds."""

    exit: int
    seconds: float
    timed_out: bool


def read_exit(folder: Path) -> Exit:
    """The exit that a supervisor left; OSError while there is none."""
    exit_file: Exit = json.loads((folder / "exit.json").read_text())
    return exit_file


def _put(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def _supervise(folder: Path, spec: Spec) -> Exit:
    started, owner = time.monotonic(), pwd.getpwnam(spec["as_user"]) if spec["as_user"] else None
    with (folder / "output.log").open("wb", buffering=0) as log:
        os.fchmod(log.fileno(), 0o600)
        try:
            child = subprocess.Popen(
                spec["argv"], cwd=spec["cwd"], env=spec["env"], stdin=subprocess.PIPE, stdout=log, stderr=log,
                user=owner and owner.pw_uid, group=owner and owner.pw_gid, extra_groups=owner and (),
                start_new_session=True, pass_fds=spec["locks"])  # fmt: skip
        except OSError as error:
            log.write(f"{spec['argv'][0]}: {error.strerror}\n".encode())
            return {"exit": 127, "seconds": time.monotonic() - started, "timed_out": False}
        _put(folder / "pid.json", json.dumps({"pid": child.pid, "started": time.time()}))
        timed_out = False
        try:
            child.communicate(spec["stdin"].encode("latin-1"), timeout=spec["timeout"])
        except subprocess.TimeoutExpired:
            timed_out = True
            for sign in (signal.SIGTERM, signal.SIGKILL):
                os.killpg(child.pid, sign)
                try:
                    child.wait(5)
                    break
                except subprocess.TimeoutExpired:
                    continue
    return {"exit": child.wait(), "seconds": time.monotonic() - started, "timed_out": timed_out}


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    where = Path(sys.argv[1])
    _put(where / "exit.json", json.dumps(_supervise(where, json.loads(sys.stdin.buffer.read()))))
