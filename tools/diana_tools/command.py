"""Commands as plain data: what would be run, where, with which environment. Nothing here starts anything."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Command:
    """One process to start, without a shell.

    `env` is what the adapter declares on top of the minimal environment; its values may be secret and are
    never shown, logged or hashed. `timeout` is in seconds. `as_user` drops root to a named user.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    stdin: bytes | None = field(default=None, repr=False)
    timeout: float = 60.0
    as_user: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over argv, folder, names (not values) of the environment, and the hash of stdin."""
        body = {
            "argv": list(self.argv),
            "cwd": str(self.cwd),
            "env": sorted(self.env),
            "stdin": hashlib.sha256(self.stdin or b"").hexdigest(),
            "as_user": self.as_user,
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReadCommand(Command):
    """A command that only looks. `runs_project_code` demands that a person trusted the project."""

    runs_project_code: bool = False


@dataclass(frozen=True, slots=True)
class CaptureCommand(Command):
    """A command that only looks and whose standard output is streamed away (a dump)."""


@dataclass(frozen=True, slots=True)
class WriteCommand(Command):
    """A command that changes something: the executor demands a permit for it."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a finished command said: exit code, bounded text of both streams, wall seconds."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool = False
    truncated: bool = False


class Spec(TypedDict):
    """What the supervisor gets on standard input: the command, its whole environment, and what to mask.

    None of it is in argv. `locks` are open lock files that the command and the supervisor hold until they end;
    `stdin` is Latin-1 for bytes.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    timeout: float
    as_user: str | None
    stdin: str
    locks: list[int]
    secrets: list[str]


class Exit(TypedDict):
    """What a supervisor leaves in `exit.json`: the child's code (negative for a signal) and wall seconds."""

    exit: int
    seconds: float
    timed_out: bool
