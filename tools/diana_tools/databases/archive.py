"""Private files of backups: written under another name, hashed and compressed on the way, renamed when whole."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from diana_tools.errors import BackupError

CHUNK = 1 << 20
_PART = ".part"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LONGEST_NAME = 80
_FOLLOWS = "more bytes after its end"
# Only names that Diana gives: the folder may be one that other programs use too.
_LEFTOVER = re.compile(r"\.?(backup|failed)-[\w.-]+-\d{8}T\d{6}Z[\w.-]*\.part")


@dataclass(frozen=True, slots=True)
class Written:
    """A whole file on disk: absolute path, size in bytes, SHA-256 of exactly those bytes."""

    path: Path
    size: int
    sha256: str


def safe_name(text: str, otherwise: str = "database") -> str:
    """A text as part of a file name: letters, digits, dot, dash and underscore, at most 80 of them."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:_LONGEST_NAME]
    return name or otherwise


def stamp(moment: datetime) -> str:
    """`YYYYMMDDTHHMMSSZ` in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def backup_name(database: str, made: datetime, run: str) -> str:
    """`backup-{database}-{YYYYMMDDTHHMMSSZ}-{run}`: the id of a backup; its files add an extension to it."""
    return f"backup-{safe_name(database)}-{stamp(made)}-{safe_name(run, 'run')}"


def failed(error: OSError, path: Path) -> BackupError:
    """The refusal of a file system as `disk_full` or `backup_file_failed`."""
    code = "disk_full" if error.errno in _NO_ROOM else "backup_file_failed"
    return BackupError(code, {"path": str(path), "folder": str(path.parent), "error": error.strerror or ""})


def require_space(folder: Path, needed: int) -> None:
    """See that `folder` has room for so many bytes before anything is written.

    Raises:
        BackupError: `disk_space` with needed and free bytes; `backup_file_failed` when the folder is not there.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise failed(error, folder / "-") from None
    if free < needed:
        raise BackupError("disk_space", {"folder": str(folder), "needed": str(needed), "free": str(free)})


def measure_file(path: Path, progress: Callable[[int], None] | None = None) -> Written:
    """Read a file to its end in constant memory; `progress` gets the bytes read so far.

    Raises:
        BackupError: `backup_file_failed` with the system's words.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb", buffering=0) as handle:
            while chunk := handle.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if progress is not None:
                    progress(size)
    except OSError as error:
        raise failed(error, path) from None
    return Written(path, size, digest.hexdigest())


class Writer:
    """One private file in the making: `.part`, 0600, locked while it grows; `commit` makes it whole, else it goes.

    Use it as a context manager; leaving without `commit` removes the file. With `compress` the bytes go through
    zstd (level 3, with its own checksum), and size and hash are those of the compressed file. Memory is constant.
    """

    def __init__(self, path: Path, *, compress: bool = False) -> None:
        self.path = path
        self._part = path.with_name(path.name + _PART)
        self._digest, self._size = hashlib.sha256(), 0
        if path.exists():
            raise BackupError("backup_exists", {"path": str(path)})
        try:
            made = _made(self._part, lambda: self._part.touch(mode=0o600, exist_ok=False), os.O_WRONLY)
        except OSError as error:
            raise failed(error, path) from None
        self._handle = os.fdopen(made, "wb", buffering=0)
        self._compressor = None
        if compress:
            from zstandard import ZstdCompressor

            # A thread has megabytes of its own: without the limit a large machine would not be constant memory.
            threads = min(4, os.cpu_count() or 1)
            self._compressor = ZstdCompressor(level=3, threads=threads, write_checksum=True).compressobj()

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            BackupError: `disk_full` or `backup_file_failed`; the unfinished file goes when the context is left.
        """
        self._append(chunk if self._compressor is None else self._compressor.compress(chunk))

    def commit(self) -> Written:
        """Make everything durable under its own name; never takes the place of another file.

        Raises:
            BackupError: as for `write`; `backup_exists` when the name was taken meanwhile.
        """
        if self._compressor is not None:
            self._append(self._compressor.flush())
        try:
            os.fsync(self._handle.fileno())
            if self.path.exists():
                raise BackupError("backup_exists", {"path": str(self.path)})
            self._part.rename(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise failed(error, self.path) from None
        self._handle.close()
        return Written(self.path, self._size, self._digest.hexdigest())

    def _append(self, raw: bytes) -> None:
        view = memoryview(raw)
        try:
            while view:
                done = self._handle.write(view)
                self._digest.update(view[:done])
                self._size += done
                view = view[done:]
        except OSError as error:
            raise failed(error, self.path) from None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._handle.closed:
            self._part.unlink(missing_ok=True)
            with suppress(OSError):
                self._handle.close()


def unpack(path: Path) -> Iterator[bytes]:
    """The content of a zstd file, chunk by chunk, in constant memory.

    Raises:
        BackupError: `backup_damaged` when a byte is wrong or something follows the end, `backup_truncated` when
            the end is missing; `backup_file_failed` when it cannot be read.
    """
    from zstandard import ZstdDecompressor, ZstdError

    reader = ZstdDecompressor().decompressobj()
    try:
        with path.open("rb", buffering=0) as handle:
            while not reader.unused_data and (raw := handle.read(CHUNK // 8)):
                if reader.eof:
                    raise BackupError("backup_damaged", {"path": str(path), "error": _FOLLOWS})
                yield reader.decompress(raw)
    except ZstdError as error:
        raise BackupError("backup_damaged", {"path": str(path), "error": str(error)[:200]}) from None
    except OSError as error:
        raise failed(error, path) from None
    # zstd itself says nothing about an early end: only its end mark tells a whole file from a cut one.
    if not reader.eof:
        raise BackupError("backup_truncated", {"path": str(path)})
    if reader.unused_data:
        raise BackupError("backup_damaged", {"path": str(path), "error": _FOLLOWS})


@contextmanager
def work_folder(parent: Path, name: str) -> Generator[Path]:
    """A private folder (0700) for what is only needed meanwhile; gone afterwards, whatever happens.

    Raises:
        BackupError: `disk_full` or `backup_file_failed`.
    """
    folder = parent / f"{name}{_PART}"
    try:
        held = _made(folder, lambda: folder.mkdir(mode=0o700), os.O_RDONLY)
    except OSError as error:
        raise failed(error, folder) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(folder: Path) -> None:
    """Remove what a killed Diana left half-made: her own `.part` files and folders that nobody holds a lock on."""
    for entry in folder.glob(f"*{_PART}"):
        if _LEFTOVER.fullmatch(entry.name):
            _take_away(entry)


def _take_away(leftover: Path) -> None:
    """Remove a file or folder that no living Diana holds; otherwise leave it."""
    with suppress(OSError):
        held = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        finally:
            os.close(held)


def _made(part: Path, make: Callable[[], object], flags: int) -> int:
    """An open, locked handle on what `make` makes; again when a sweep took it before it was locked."""
    _take_away(part)
    while True:
        make()
        handle = os.open(part, flags | os.O_NOFOLLOW)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
