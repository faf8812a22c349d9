"""What a store can do: put, look, get, and mark once. Deleting is not among it; that would need a permit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from diana_tools.measured import Backup, Copy


class Store(Protocol):
    """A place for copies of backups. Each kind is one module with `open_store(name, location, remote, options)`."""

    @property
    def kind(self) -> str:
        """The module's name: local, s3."""
        ...

    @property
    def name(self) -> str:
        """The person's own name for it."""
        ...

    @property
    def remote(self) -> bool:
        """Whether the person's policy counts it as outside the database's failure domain."""
        ...

    def check(self) -> None:
        """See that the store can be reached and written, without leaving anything.

        Raises:
            BackupError: `store_unreachable`, `store_refused`, `store_public`, `store_no_bucket`,
                `store_no_credentials`.
        """
        ...

    def put(self, backup: Backup, progress: Callable[[int], None]) -> Copy:
        """Copy a backup and its manifest, then verify size, hash and the manifest's read-back there.

        `progress` gets bytes sent so far. Never overwrites another backup.

        Raises:
            BackupError: `store_put_failed`, `store_mismatch`, `store_exists`, and as for `check`.
        """
        ...

    def get(self, backup_id: str, folder: Path) -> Path:
        """Fetch a backup and its manifest into `folder`, verified by hash; returns the manifest's path.

        Raises:
            BackupError: `store_missing`, `store_mismatch`.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """A small file that lies beside the backups, whole; None when there is none of that name.

        Raises:
            BackupError: as for `check`; nobody can then tell what stands there.
        """
        ...

    def manifests(self) -> tuple[str, ...]:
        """The names of the manifests that lie there, sorted.

        Raises:
            BackupError: as for `check`; nobody can then tell what stands there.
        """
        ...

    def keep_once(self, name: str, text: bytes) -> bytes:
        """Put a small file there if there is none of that name, durably; returns what stands there afterwards.

        Only who gets its own `text` back was the first. Of several at once at most one is; exactly one where the
        store decides in one step (a folder, an S3 server that honours `If-None-Match`).

        Raises:
            BackupError: `store_put_failed`, and as for `check`.
        """
        ...
