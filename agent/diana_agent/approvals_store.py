"""That an approval was used, marked in the store that it names: a runner that is thrown away forgets its own folder."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diana_agent.approvals import Approval
from diana_tools.errors import BackupError, PermitRefused
from diana_tools.stores.base import Store


def mark_of(nonce: str) -> str:
    """The file name, beside the backups, of the mark that an approval was used."""
    return f"approval-{nonce}.used.json"


@dataclass(frozen=True, slots=True)
class MarkedThere:
    """The mark of one approval in the store that its request names; no store at all marks nothing.

    Raises:
        PermitRefused: `approval_store_unreachable` when nobody can tell, or write, whether it was used.
    """

    approval: Approval
    store: Store | None

    def spent(self) -> bool:
        """Whether some run used it, on whatever machine."""
        if self.store is None:
            return False
        try:
            return self.store.read(mark_of(self.approval.nonce)) is not None
        except BackupError as error:
            raise self._unreachable(error) from None

    def spend(self, run: str, head: str, now: datetime) -> str:
        """Mark it, durably there before this returns: empty, or `approval_replayed` for all but the first.

        `head` is that of the run's journal, one more anchor that is kept elsewhere.
        """
        if self.store is None:
            return ""
        mark = {"schema": "diana.approval-used/1", "nonce": self.approval.nonce, "run": run, "journal": head,
                "at": now.isoformat(), "mine": secrets.token_hex(16)}  # fmt: skip
        text = json.dumps(mark, indent=1).encode() + b"\n"
        try:
            there = self.store.keep_once(mark_of(self.approval.nonce), text)
        except BackupError as error:
            raise self._unreachable(error) from None
        return "" if there == text else "approval_replayed"

    def _unreachable(self, error: BackupError) -> PermitRefused:
        fields = {"store": self.approval.request.store, "error": error.fields.get("error") or error.code}
        return PermitRefused("approval_store_unreachable", fields)


def marked_there(approval: Approval, stores: Sequence[Store]) -> MarkedThere:
    """The mark in the store that the approval names, out of those that may be used here.

    Raises:
        PermitRefused: `approval_store_unknown` when the person's settings here have no such remote store.
    """
    wanted = approval.request.store
    if not wanted:
        return MarkedThere(approval, None)
    for store in stores:
        if store.name == wanted and store.remote:
            return MarkedThere(approval, store)
    raise PermitRefused("approval_store_unknown", {"store": wanted})
