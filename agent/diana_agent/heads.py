"""The heads that journals had when Diana closed them, in one file beside them: what finds a cut end or a lost journal.

Anybody who can write the journals can write this file too: the anchors that count are those on other machines.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from diana_agent.journal import Journal

HEADS_FILE = "heads.jsonl"


class _Line(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    run: str = Field(pattern=r"^[A-Za-z0-9-]{1,80}$")
    entries: int
    head: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Heads:
    """What the file holds: run and head, oldest first, and how many lines of it cannot be read."""

    kept: tuple[tuple[str, str], ...] = ()
    unreadable: int = 0

    def of(self, run: str) -> tuple[str, ...]:
        """The heads of one run."""
        return tuple(head for name, head in self.kept if name == run)


def keep_head(state: Path, run: str, journal: Journal) -> None:
    """Add the head of a journal that is about to be closed; a full disk must not turn a good end into a bad one."""
    if not journal.entries:
        return
    last = journal.entries[-1]
    line = json.dumps({"run": run, "entries": last.seq, "head": last.hash, "at": last.at.isoformat()})
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(state / HEADS_FILE, flags, 0o600), "ab") as handle:
            handle.write(line.encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())


def kept_heads(state: Path) -> Heads:
    """All heads that were kept.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        lines = (state / HEADS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return Heads()
    kept: list[tuple[str, str]] = []
    for line in lines:
        with suppress(ValidationError):
            one = _Line.model_validate_json(line)
            kept.append((one.run, one.head))
    return Heads(tuple(kept), len(lines) - len(kept))
