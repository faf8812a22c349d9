"""Giving a backup's state back over a SQLite file: into the file itself, after the failed state was kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from diana_tools.backup import differences
from diana_tools.databases.archive import require_space, safe_name, stamp, sync_folder, work_folder
from diana_tools.databases.base import Grant
from diana_tools.databases.sqlite.content import state
from diana_tools.databases.sqlite.copies import size_of, unpacked
from diana_tools.databases.sqlite.place import identity
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ChangeFailed, ConnectionFailed
from diana_tools.measured import Backup
from diana_tools.permit import Use
from diana_tools.session_places import session_digest
from diana_tools.sessions import Sessions

RESTORE = "restore"


def uses(url: DatabaseUrl) -> tuple[Use, ...]:
    """The one changing session, bound to the one file."""
    return (Use(RESTORE, session_digest(url)),)


def restore(sessions: Sessions, url: DatabaseUrl, backup: Backup, folder: Path, grant: Grant) -> str:
    """Restore and measure; returns the path of the failed state, a plain SQLite file beside the backup.

    The pages go through the backup API into the live file. Putting another file in its place would leave its old
    write-ahead log behind, which SQLite would then play into the new content.

    Raises:
        ChangeFailed: `identity_changed` and `restore_failed`: nothing was changed. `restore_busy`: another
            connection held the file, nothing was changed. `restored_state_differs`: it was restored, but what was
            measured afterwards is not the backup's state.
    """
    kept = (
        Path(backup.path).parent
        / f"failed-{safe_name(url.address.name)}-{stamp(datetime.now(UTC))}-{grant.permit.id}.sqlite"
    )
    place = url.address.place
    try:
        with work_folder(folder, f"{backup.id}-restore") as work:
            content = work / "content.sqlite"
            unpacked(backup, content)
            _keep(sessions, url, kept, grant)
            try:
                with sessions.change(url, grant.permit, grant.operation, grant.use(RESTORE)) as session:
                    session.load_sqlite(content)
            except BaseException:
                # Nothing was changed, so there is no failed state that would not be in the database itself.
                kept.unlink()
                raise
    except BackupError as error:
        raise ChangeFailed("restore_failed", {"place": place, "error": error.code, "backup": backup.path}) from None
    except ConnectionFailed as error:
        code = "restore_busy" if error.code == "database_locked" else "restore_failed"
        words = error.fields.get("error") or error.code
        raise ChangeFailed(code, {"place": place, "error": words, "backup": backup.path}) from None
    _compare(sessions, url, backup, kept)
    return str(kept)


def _keep(sessions: Sessions, url: DatabaseUrl, kept: Path, grant: Grant) -> None:
    """A copy of the database as it is now, whole and durable before anything is changed."""
    with sessions.read(url) as session:
        if identity(url).digest != grant.operation.identity:
            raise ChangeFailed("identity_changed", {"place": url.address.place})
        require_space(kept.parent, size_of(session))
        with work_folder(kept.parent, kept.stem) as work:
            copy = work / kept.name
            session.copy_sqlite(copy)
            copy.rename(kept)
            sync_folder(kept.parent)


def _compare(sessions: Sessions, url: DatabaseUrl, backup: Backup, kept: Path) -> None:
    fields = {"place": url.address.place, "kept": str(kept), "backup": backup.path}
    try:
        with sessions.read(url) as session:
            found = state(session, backup.version_table, (), digests=True)
    except ConnectionFailed as error:
        raise ChangeFailed("restored_state_differs", fields | {"error": error.code}) from None
    problems = differences(backup.state, found)
    if problems:
        raise ChangeFailed("restored_state_differs", fields | {"error": ", ".join(problems[:5])})
