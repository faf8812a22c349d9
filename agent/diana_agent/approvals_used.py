"""Which approvals were spent: one small file each in the state folder, made at most once."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path

from diana_tools.errors import DianaError

_NONCE = re.compile(r"[0-9a-f]{32}")


class UsedApprovals:
    """The spent approvals of this person's machine. The file system decides between two that come at once.

    Raises:
        DianaError: `approvals_unreadable` or `approvals_unwritable`; whoever asks must then refuse.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def spent(self, nonce: str) -> bool:
        """Whether an approval was used before."""
        try:
            return self._path(nonce).exists()
        except OSError as error:
            raise self._failed("approvals_unreadable", error) from None

    def latest(self) -> datetime | None:
        """When the last approval was used; a clock that is before it was set back."""
        try:
            paths = [path for path in self._folder.iterdir() if _NONCE.fullmatch(path.name)]
            times = [self._time(path) for path in paths]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("approvals_unreadable", error) from None
        return max((time for time in times if time is not None), default=None)

    def spend(self, nonce: str, run: str, now: datetime) -> str:
        """Mark as used, on disk before this returns: empty, or `approval_replayed` for all but the first."""
        try:
            self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._failed("approvals_unwritable", error) from None
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(self._path(nonce), flags, 0o600), "wb") as handle:
                handle.write(json.dumps({"at": now.isoformat(), "run": run}).encode())
                handle.flush()
                os.fsync(handle.fileno())
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError:
            return "approval_replayed"
        except OSError as error:
            raise self._failed("approvals_unwritable", error) from None
        return ""

    def _path(self, nonce: str) -> Path:
        if not _NONCE.fullmatch(nonce):
            raise DianaError("approvals_unreadable", {"path": str(self._folder), "error": "nonce"})
        return self._folder / nonce

    def _time(self, path: Path) -> datetime | None:
        """When it was used; a file that a crash left empty counts as used all the same."""
        try:
            at = datetime.fromisoformat(str(json.loads(path.read_bytes())["at"]))
        except (ValueError, KeyError, TypeError):
            return None
        return at if at.tzinfo is not None else None

    def _failed(self, code: str, error: OSError) -> DianaError:
        return DianaError(code, {"path": str(self._folder), "error": error.strerror or type(error).__name__})
