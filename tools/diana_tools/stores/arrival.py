"""A backup that comes back from a store: written privately, believed only when its hash is the manifest's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from diana_tools.databases import manifest
from diana_tools.databases.archive import Writer, measure_file
from diana_tools.errors import BackupError
from diana_tools.measured import Backup

Chunks = AbstractContextManager[Iterable[bytes]]


def arrive(store: str, text: bytes, folder: Path, backup_id: str, chunks: Callable[[str], Chunks]) -> Path:
    """Put a manifest and the content it names into `folder`; `chunks` opens the content by its file name.

    Files that are there already are left alone when they are the same. Returns the manifest's path.

    Raises:
        BackupError: `store_mismatch` when manifest or content are not what they should be, `backup_exists` when
            another file has the name, and what a writer raises.
    """
    path = manifest.manifest_path(folder, backup_id)
    try:
        backup = manifest.load(text, path)
    except BackupError as error:
        raise mismatch(store, path.name, f"{error.code} {error.fields['error']}") from None
    content = Path(backup.path)
    if not content.exists() or not _same(content, backup):
        with Writer(content) as writer, chunks(content.name) as pieces:
            for piece in pieces:
                writer.write(piece)
            written = writer.commit()
        if (written.size, written.sha256) != (backup.size, backup.sha256):
            content.unlink()
            raise mismatch(store, content.name, f"sha256 {written.sha256[:12]}, {backup.sha256[:12]}")
    if not path.exists():
        manifest.write(backup)
    return path


def mismatch(store: str, location: str, what: str) -> BackupError:
    """The refusal of something that is not what was sent."""
    return BackupError("store_mismatch", {"store": store, "location": location, "error": what[:300]})


def _same(content: Path, backup: Backup) -> bool:
    found = measure_file(content)
    return (found.size, found.sha256) == (backup.size, backup.sha256)
