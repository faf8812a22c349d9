"""A small private JSON file that several processes change safely and that no damage can turn into a crash."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from diana_config.errors import SettingsError
from diana_config.folders import private
from diana_config.reading import as_table

_LIMIT = 64 * 1024 * 1024


class Kept:
    """A JSON object in a 0600 file of a 0700 folder; each change is read, made, synced and renamed under a lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Mapping[str, object]:
        """What is kept; nothing where the file is missing, damaged, not the person's, or not a file at all."""
        return self._sound() or {}

    def change(self, change: Callable[[Mapping[str, object]], Mapping[str, object]]) -> None:
        """Replace what is kept by `change` of it. A damaged file is set aside (`.damaged`), not overwritten.

        Raises:
            SettingsError: `state_unwritable` on a full or read-only disk; what was kept stays as it was.
        """
        private(self.path.parent)
        try:
            with self._locked():
                found = self._sound()
                if found is None and os.path.lexists(self.path):
                    self.path.rename(self.path.with_suffix(".damaged"))
                self._write(json.dumps(change(found or {}), ensure_ascii=True, sort_keys=True).encode())
        except OSError as error:
            fields = {"file": str(self.path), "error": error.strerror or ""}
            raise SettingsError("state_unwritable", fields) from None

    def _sound(self) -> Mapping[str, object] | None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with suppress(OSError, ValueError, RecursionError), os.fdopen(descriptor, "rb", closefd=False) as file:
            found = os.fstat(descriptor)
            loose = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not loose and found.st_size < _LIMIT:
                return as_table(json.loads(file.read()))
        return None

    @contextmanager
    def _locked(self) -> Generator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path.with_suffix(".lock"), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, content: bytes) -> None:
        part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(6)}")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
