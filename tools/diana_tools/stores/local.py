"""A folder as a store: another disk, a mounted share. Whether it counts as remote is the person's word, not ours."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from diana_tools.databases import manifest
from diana_tools.databases.archive import CHUNK, Writer, failed, measure_file, sync_folder
from diana_tools.errors import BackupError, SettingsError
from diana_tools.measured import Backup, Copy
from diana_tools.stores.arrival import arrive, mismatch


def open_store(name: str, location: str, remote: bool, options: Mapping[str, str]) -> LocalStore:
    """A store in the folder at `location`, an absolute path; it takes no options. Nothing is touched yet.

    Raises:
        SettingsError: `store_location_wrong`, `store_option_unknown`.
    """
    for option in options:
        raise SettingsError("store_option_unknown", {"store": name, "option": option, "known": "-"})
    folder = Path(location).expanduser()
    if not folder.is_absolute():
        raise SettingsError("store_location_wrong", {"store": name, "location": location, "expected": "/folder"})
    return LocalStore(name, folder, remote)


@dataclass(frozen=True, slots=True)
class LocalStore:
    """See `stores.base.Store`. Files are private (0600) and lie in the folder itself."""

    name: str
    folder: Path
    remote: bool
    kind: str = "local"

    def check(self) -> None:
        """Make and remove an unnamed file in the folder.

        Raises:
            BackupError: `store_unreachable` when there is no such folder, `store_refused` when it takes no file.
        """
        self._there()
        try:
            with tempfile.TemporaryFile(dir=self.folder, prefix=".diana-") as probe:
                probe.write(b"x")
        except OSError as error:
            raise self._refused(error, "") from None

    def put(self, backup: Backup, progress: Callable[[int], None]) -> Copy:
        """Copy, make durable, and read back from there; a copy that is there already is verified again.

        Raises:
            BackupError: `store_unreachable`, `store_exists`, `store_mismatch`, `disk_full`, `backup_file_failed`,
                `store_same_folder` when it is the backup's own folder.
        """
        self._there()
        source, target = Path(backup.path), self.folder / Path(backup.path).name
        checks: list[str] = []
        if target.exists() and target.samefile(source):
            raise BackupError("store_same_folder", {"store": self.name, "location": str(self.folder)})
        if target.exists():
            checks.append("already_there")
        else:
            with Writer(target) as writer:
                for done, chunk in _read(source):
                    writer.write(chunk)
                    progress(done)
                writer.commit()
        self._verify(backup, target, fresh=not checks)
        self._put_manifest(backup)
        checks += ["size", "sha256", "manifest"]
        if self._same_volume(backup):
            checks.append("same_volume")
        return Copy(self.name, str(target), self.remote, verified=True, checks=tuple(checks))

    def get(self, backup_id: str, folder: Path) -> Path:
        """See `stores.base.Store.get`."""
        path = manifest.manifest_path(self.folder, backup_id)
        if not path.is_file():
            raise BackupError("store_missing", {"store": self.name, "location": str(path)})
        text = b"".join(chunk for _, chunk in _read(path))
        return arrive(self.name, text, folder, backup_id, self._chunks)

    def read(self, name: str) -> bytes | None:
        """See `stores.base.Store.read`."""
        self._there()
        try:
            file = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(file, "rb") as handle:
                return handle.read(manifest.LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(error, name) from None

    def manifests(self) -> tuple[str, ...]:
        """See `stores.base.Store.manifests`."""
        self._there()
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError as error:
            raise self._refused(error, "") from None
        return tuple(sorted(name for name in names if manifest.is_name(name)))

    def keep_once(self, name: str, text: bytes) -> bytes:
        """See `stores.base.Store.keep_once`: the file system lets one of many make the file."""
        self._there()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self.folder / name, flags, 0o600), "wb") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            sync_folder(self.folder)
        except FileExistsError:
            return self.read(name) or b""
        except OSError as error:
            raise self._refused(error, name) from None
        return text

    def _refused(self, error: OSError, name: str) -> BackupError:
        fields = {"store": self.name, "location": str(self.folder / name), "error": error.strerror or ""}
        return BackupError("store_refused", fields)

    def _there(self) -> None:
        if not self.folder.is_dir():
            fields = {"store": self.name, "location": str(self.folder), "error": os.strerror(errno.ENOENT)}
            raise BackupError("store_unreachable", fields)

    def _verify(self, backup: Backup, target: Path, *, fresh: bool) -> None:
        """Read the copy itself, not what memory still holds of it; a wrong one that was just made is removed."""
        _forget(target)
        found = measure_file(target)
        if (found.size, found.sha256) == (backup.size, backup.sha256):
            return
        if not fresh:
            raise BackupError("store_exists", {"store": self.name, "location": str(target)})
        target.unlink()
        raise mismatch(self.name, str(target), f"sha256 {found.sha256[:12]}, {backup.sha256[:12]}")

    def _put_manifest(self, backup: Backup) -> None:
        path = manifest.manifest_path(self.folder, backup.id)
        beside = replace(backup, path=str(self.folder / Path(backup.path).name), manifest=str(path))
        if path.exists():
            manifest.update(beside)
        else:
            manifest.write(beside)
        _forget(path)
        if manifest.read(path) != beside:
            raise mismatch(self.name, str(path), path.name)

    def _same_volume(self, backup: Backup) -> bool:
        """Whether the copy shares a volume with the backup's own file, or with a database that is a file."""
        here = self.folder.stat().st_dev
        places = [Path(backup.path)] + ([Path(backup.address.database)] if backup.engine == "sqlite" else [])
        return any(place.exists() and place.stat().st_dev == here for place in places)

    @contextmanager
    def _chunks(self, name: str) -> Generator[Iterator[bytes]]:
        path = self.folder / name
        if not path.is_file():
            raise BackupError("store_missing", {"store": self.name, "location": str(path)})
        yield (chunk for _, chunk in _read(path))


def _read(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file in chunks, each with the bytes read up to its end."""
    done = 0
    try:
        with path.open("rb", buffering=0) as handle:
            while chunk := handle.read(CHUNK):
                done += len(chunk)
                yield done, chunk
    except OSError as error:
        raise failed(error, path) from None


def _forget(path: Path) -> None:
    """Ask the system to drop what it keeps of a file in memory, so that the next read is from the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
