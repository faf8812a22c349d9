"""A migration tool in one file, for tests of the guard: fast, real processes, a real SQLite file. Run as a program."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path


def pending(connection: sqlite3.Connection, folder: Path) -> tuple[list[str], list[Path]]:
    """The versions that are applied, and the files that are not, in order."""
    has = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'toy_version'").fetchone()[0]
    rows = connection.execute("SELECT version_num FROM toy_version ORDER BY 1").fetchall() if has else []
    done: list[str] = [row[0] for row in rows]
    return done, [path for path in sorted(folder.glob("*.sql")) if path.stem not in done]


def marker_of(connection: sqlite3.Connection) -> str:
    """The scratch marker, or nothing."""
    try:
        return str(connection.execute("SELECT token FROM diana_scratch_marker").fetchone()[0])
    except sqlite3.Error:
        return ""


def main(mode: str, database: str, folder: str) -> int:
    """`probe` prints what there is as JSON; `apply` and `rehearse` run every pending file."""
    readable = f"file:{database}?mode=" + ("ro" if mode == "probe" else "rw")
    connection = sqlite3.connect(readable, uri=True, isolation_level=None)
    done, files = pending(connection, Path(folder))
    marker = marker_of(connection)
    if mode == "probe":
        sys.stdout.write(json.dumps({"applied": done, "pending": [path.name for path in files], "marker": marker}))
        return 0
    connection.execute("CREATE TABLE IF NOT EXISTS toy_version (version_num TEXT)")
    for path in files:
        sys.stdout.write(f"running {path.stem}\n")
        connection.executescript(path.read_text())
        connection.execute("INSERT INTO toy_version VALUES (?)", (path.stem,))
    sys.stdout.write(json.dumps({"marker": marker, "applied": [path.stem for path in files]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
