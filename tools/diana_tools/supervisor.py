"""Owns a changing command's pipe, writes masked output, pid and exit to its folder, keeps the timeout; no more."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from diana_tools.command import Exit, Spec
from diana_tools.veil import Veil, drain, pump


def read_exit(folder: Path) -> Exit:
    """The exit that a supervisor left; OSError while there is none."""
    exit_file: Exit = json.loads((folder / "exit.json").read_text())
    return exit_file


def _put(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def _feed(child: subprocess.Popen[bytes], text: bytes) -> None:
    if child.stdin is not None:
        with suppress(OSError), child.stdin as stdin:
            stdin.write(text)


def _supervise(folder: Path, spec: Spec) -> Exit:
    started, owner = time.monotonic(), pwd.getpwnam(spec["as_user"]) if spec["as_user"] else None
    veil, (out, into) = Veil(one.encode("utf-8", "surrogateescape") for one in spec["secrets"]), os.pipe()
    end, signs, at_end = started + spec["timeout"], [0, signal.SIGTERM, signal.SIGKILL], False
    with (folder / "output.log").open("wb", buffering=0) as log:
        os.fchmod(log.fileno(), 0o600)
        try:
            child = subprocess.Popen(
                spec["argv"], cwd=spec["cwd"], env=spec["env"], stdin=subprocess.PIPE, stdout=into, stderr=into,
                user=owner and owner.pw_uid, group=owner and owner.pw_gid, extra_groups=owner and (),
                start_new_session=True, pass_fds=spec["locks"])  # fmt: skip
        except OSError as error:
            log.write(f"{spec['argv'][0]}: {error.strerror}\n".encode())
            return {"exit": 127, "seconds": time.monotonic() - started, "timed_out": False}
        os.close(into)
        _put(folder / "pid.json", json.dumps({"pid": child.pid, "started": time.time()}))
        threading.Thread(target=_feed, args=(child, spec["stdin"].encode("latin-1")), daemon=True).start()
        while signs and child.poll() is None:
            if sign := signs.pop(0):
                os.killpg(child.pid, sign)
                end = time.monotonic() + 5
            at_end = at_end or pump(out, log, veil, end, child.poll)
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, end - time.monotonic()))
        seconds, timed_out = time.monotonic() - started, len(signs) < 2
        at_end = at_end or drain(out, log, veil)
        log.write(veil.rest())
        if not at_end and os.fork() == 0:  # what the command left running goes on writing, and is held up by nobody
            for lock in spec["locks"]:
                os.close(lock)
            pump(out, log, veil)
            os._exit(0)
    return {"exit": child.wait(), "seconds": seconds, "timed_out": timed_out}


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    where = Path(sys.argv[1])
    _put(where / "exit.json", json.dumps(_supervise(where, json.loads(sys.stdin.buffer.read()))))
