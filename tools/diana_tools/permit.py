"""Permits: what a change needs in hand. This file describes one and checks nothing; the guard mints."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Act(StrEnum):
    """What kind of change an operation is; the policy has a row for each."""

    APPLY = "apply"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    SCRATCH = "scratch"
    STEAL_LOCK = "steal_lock"
    CANCEL = "cancel"
    DELETE_BACKUPS = "delete_backups"


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that an operation will do: start a command, or open a changing session.

    `digest` is the command's digest, or one of the digests in `session_places`; none can be both.
    `recovery` marks what runs only when the main use failed.
    """

    name: str
    digest: str
    recovery: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A change that a tool wants, complete: what, on which database, for which plan, with which way back."""

    act: Act
    tool: str
    identity: str
    plan_hash: str
    uses: tuple[Use, ...]
    recovery: str
    backup: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over every field, in canonical JSON."""
        body = [
            self.act, self.tool, self.identity, self.plan_hash, self.recovery, self.backup,
            [[use.name, use.digest, use.recovery] for use in self.uses],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Permit:
    """A minted row of the journal, as handed to the executor; worth nothing unless the redeemer knows it."""

    id: str
    act: Act
    operation: str
    identity: str
    backup: str | None
    recovery: str
    expires_at: datetime


class Redeemer(Protocol):
    """The door's keeper, handed in by the runtime; implemented by the guard's mint alone."""

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        """Burn one use of a permit, durably, before the first statement.

        Raises:
            PermitRefused: `permit_unknown`, `permit_spent`, `permit_expired`, `permit_mismatch`.
        """
        ...
