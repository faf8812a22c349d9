"""The manifest beside a backup: everything that is known of it, in a file that outlives Diana's own records.

A backup with the id `backup-shop-20260102T030405Z-ab12` is two files of one folder: its content,
`{id}.{dump|sqlite.zst|...}`, and its manifest, `{id}.json`. The files themselves are made by `archive.Writer`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diana_tools.databases.archive import Writer, failed, safe_name, sync_folder
from diana_tools.errors import BackupError
from diana_tools.measured import Backup

LARGEST = 64 << 20
"""The most bytes of a manifest that are read."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"backup-[A-Za-z0-9._-]{1,200}")


class _Manifest(BaseModel):
    """The file's form; `path` and `manifest` of the backup are bare names, so that both files can be moved."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    format: Literal["diana.backup/1"] = Field(alias="schema")
    backup: Backup


def manifest_path(folder: Path, backup_id: str) -> Path:
    """Where the manifest of a backup lies.

    Raises:
        BackupError: `backup_id_wrong` for what cannot be an id, such as one that leads out of the folder.
    """
    if not _ID.fullmatch(backup_id):
        raise BackupError("backup_id_wrong", {"backup": safe_name(backup_id, "?")})
    return folder / f"{backup_id}.json"


def is_name(name: str) -> bool:
    """Whether a file of that name can be a manifest."""
    return name.endswith(".json") and _ID.fullmatch(name.removesuffix(".json")) is not None


def dump(backup: Backup) -> bytes:
    """The manifest's text, UTF-8; it holds no folder of this machine but the database's own address."""
    bare = replace(backup, path=Path(backup.path).name, manifest=Path(backup.manifest).name)
    text = _Manifest(schema="diana.backup/1", backup=bare).model_dump_json(by_alias=True, indent=1)
    return text.encode() + b"\n"


def load(text: bytes, manifest: Path) -> Backup:
    """A manifest's text as a backup whose files lie beside `manifest`.

    Raises:
        BackupError: `manifest_unreadable` when it is not one, or names files anywhere else.
    """
    try:
        bare = _Manifest.model_validate_json(text).backup
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise BackupError("manifest_unreadable", {"path": str(manifest), "error": words[:300]}) from None
    wrong = _wrong(bare, manifest)
    if wrong:
        raise BackupError("manifest_unreadable", {"path": str(manifest), "error": wrong})
    return replace(bare, path=str(manifest.parent / bare.path), manifest=str(manifest))


def _wrong(bare: Backup, manifest: Path) -> str:
    """The first field that cannot be true; empty when all can."""
    if not _ID.fullmatch(bare.id) or manifest.name != f"{bare.id}.json" or bare.manifest != manifest.name:
        return "id"
    if not re.fullmatch(re.escape(bare.id) + r"(\.[a-z0-9]+){1,2}", bare.path) or bare.path == bare.manifest:
        return "path"
    if not _SHA256.fullmatch(bare.sha256):
        return "sha256"
    return "size" if bare.size < 1 else ""


def write(backup: Backup) -> None:
    """Write the manifest of a new backup at `backup.manifest`, 0600, whole or not at all.

    Raises:
        BackupError: `backup_exists`, `disk_full`, `backup_file_failed`.
    """
    with Writer(Path(backup.manifest)) as writer:
        writer.write(dump(backup))
        writer.commit()


def read(path: Path) -> Backup:
    """The backup that the manifest at `path` describes; its files are those beside it, wherever they were moved.

    Raises:
        BackupError: `manifest_unreadable`.
    """
    try:
        with path.open("rb") as handle:
            text = handle.read(LARGEST)
    except OSError as error:
        raise BackupError("manifest_unreadable", {"path": str(path), "error": error.strerror or ""}) from None
    return load(text, path)


def find(folder: Path) -> tuple[Backup, ...]:
    """All backups of a folder, newest first; manifests that `read` refuses are left out, as are absent folders."""
    found: list[Backup] = []
    for path in folder.glob("backup-*.json"):
        try:
            found.append(read(path))
        except BackupError:
            continue
    return tuple(sorted(found, key=lambda backup: (backup.made_at, backup.id), reverse=True))


def update(backup: Backup) -> None:
    """Put what has become known (proof, copies) into the manifest, in one step.

    Raises:
        BackupError: `manifest_of_another` when id or hash are not those of the manifest there,
            `manifest_unreadable`, `disk_full`, `backup_file_failed`.
    """
    path = Path(backup.manifest)
    there = read(path)
    if (there.id, there.sha256, there.size) != (backup.id, backup.sha256, backup.size):
        raise BackupError("manifest_of_another", {"path": str(path)})
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with Writer(fresh) as writer:
        writer.write(dump(backup))
        writer.commit()
    try:
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise failed(error, path) from None
