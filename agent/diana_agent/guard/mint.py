"""Mints and redeems permits as rows of the journal; importable by the guard alone."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from diana_agent.events import ChangeFinished, PermitMinted, PermitRedeemed
from diana_agent.journal import Journal
from diana_tools.domain import Level
from diana_tools.errors import PermitRefused
from diana_tools.permit import Operation, Permit, Use

LIFETIME = {
    Level.DEV: timedelta(minutes=60),
    Level.STAGING: timedelta(minutes=60),
    Level.PRODUCTION: timedelta(minutes=15),
}


class Mint:
    """Permits of one run. Only what this very process minted and the journal holds can be redeemed.

    A permit of an earlier process is never good again: a crash burns it (guard's design, 3).
    """

    def __init__(self, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._minted: dict[str, tuple[Permit, Operation, datetime]] = {}
        self._used: dict[str, set[str]] = {}

    def mint(self, operation: Operation, *, level: Level, destructive: bool, grade: str) -> Permit:
        """Write a permit for exactly this operation; the guard calls this after every check has passed."""
        now = self._clock()
        permit = Permit(
            id=secrets.token_hex(8), act=operation.act, operation=operation.digest, identity=operation.identity,
            backup=operation.backup, recovery=operation.recovery, expires_at=now + LIFETIME[level],
        )  # fmt: skip
        self._journal.append(
            PermitMinted(
                permit=permit.id, act=permit.act, operation=permit.operation, identity=permit.identity,
                plan_hash=operation.plan_hash, backup=permit.backup, grade=grade, recovery=permit.recovery,
                level=level, destructive=destructive, expires_at=permit.expires_at,
            ),
            "guard",
        )  # fmt: skip
        with self._lock:
            self._minted[permit.id] = (permit, operation, now)
            self._used[permit.id] = set()
        return permit

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        """Burn one use, in the journal and synced, before the first statement; see `permit.Redeemer`."""
        with self._lock:
            known = self._minted.get(permit.id)
            # Exactly these types: what is derived from them may say that it equals anything.
            if known is None or type(permit) is not Permit or known[0] != permit:
                raise PermitRefused("permit_unknown")
            _, minted, since = known
            if type(operation) is not Operation or operation != minted or operation.digest != permit.operation:
                raise PermitRefused("permit_mismatch")
            if type(use) is not Use or use not in minted.uses:
                raise PermitRefused("permit_mismatch")
            used = self._used[permit.id]
            if use.name in used:
                raise PermitRefused("permit_spent")
            if use.recovery:
                self._may_recover(permit, used)
            # The first use must start in time; what belongs to the same work (loading after making) may take longer.
            elif not used and not since <= self._clock() < permit.expires_at:
                raise PermitRefused("permit_expired")
            used.add(use.name)
            self._journal.append(PermitRedeemed(permit=permit.id, use=use.name, digest=use.digest), "guard")

    def _may_recover(self, permit: Permit, used: set[str]) -> None:
        """Recovery may come late, but only after the main use was started, and never after the change went well."""
        applied = any(
            isinstance(event, ChangeFinished) and event.permit == permit.id and event.result.state == "applied"
            for event in self._journal.events()
        )
        if not used or applied:
            raise PermitRefused("permit_mismatch")

    def burn(self, permit: Permit) -> None:
        """Take a permit back: nothing of it can be redeemed any more."""
        with self._lock:
            self._minted.pop(permit.id, None)
