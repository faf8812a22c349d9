"""A migration tool in one file, for tests of the guard: fast, real processes, a real SQLite file. Run as a program.

What it is about to do to the production database it tells a witness first, a file that Diana does not know: what it
will run, what the database held, which backups and copies lay there, and how long every journal was at that moment.
"""

# It is started thousands of times, and importing pathlib takes longer than what it does.
# ruff: noqa: PTH116, PTH118, PTH120, PTH123, PTH202, PTH208

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import time

DOWN = "-- down: "


def texts_of(folder: str) -> dict[str, str]:
    """The migrations by version, in order; bytes that are no text become question marks."""
    found: dict[str, str] = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".sql"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as handle:
                found[name.removesuffix(".sql")] = handle.read()
    return found


def applied(connection: sqlite3.Connection) -> list[str]:
    """The versions that are applied."""
    has = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'toy_version'").fetchone()[0]
    rows = connection.execute("SELECT version_num FROM toy_version ORDER BY 1").fetchall() if has else []
    return [row[0] for row in rows]


def marker_of(connection: sqlite3.Connection) -> str:
    """The scratch marker, or nothing."""
    try:
        return str(connection.execute("SELECT token FROM diana_scratch_marker").fetchone()[0])
    except sqlite3.Error:
        return ""


def content(connection: sqlite3.Connection) -> str:
    """Schema and rows as one digest, the migration table too; names may be anything (`iterdump` trips over some)."""
    digest = hashlib.sha256()
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall():
        digest.update(ascii((kind, name, sql)).encode())
        if kind == "table":
            quoted = str(name).replace('"', '""')
            for row in connection.execute(f'SELECT * FROM "{quoted}" ORDER BY 1'):
                digest.update(ascii(row).encode())
    return digest.hexdigest()


def _columns(connection: sqlite3.Connection) -> list[str]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    every = "SELECT name FROM pragma_table_info(?)"
    return [f"{table}.{name}" for (table,) in tables for (name,) in connection.execute(every, (table,))]


def _sizes(folder: str) -> list[tuple[str, int]]:
    return [(name, os.path.getsize(os.path.join(folder, name))) for name in os.listdir(folder) if name[-6:] == ".jsonl"]


def _files(top: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of every file below a folder that is no journal."""
    found: list[tuple[str, str]] = []
    for folder, _, names in os.walk(top):
        for name in names:
            with open(os.path.join(folder, name), "rb") as handle:
                found.append((name, hashlib.sha256(handle.read()).hexdigest()))
    return found


def _code(project: str) -> list[tuple[str, str]]:
    """The files of a project, beside the migrations, that a run reads."""
    names = ("helper.py", ".env", "toy.ini", "requirements.txt")
    return [found for found in _files(project) if found[0] in names]


def _tell(ground: str, words: dict[str, object]) -> None:
    with open(os.path.join(ground, "witness"), "a", encoding="utf-8") as handle:
        handle.write(ascii(words) + "\n")


def witnessed(mode: str, database: str, folder: str, connection: sqlite3.Connection, texts: dict[str, str]) -> None:
    """Tell what is about to happen to the production database."""
    ground = os.path.dirname(os.path.dirname(folder))
    home, place = os.path.join(ground, "home"), os.stat(database)
    _tell(
        ground,
        {
            "begin": mode, "database": f"{place.st_dev}:{place.st_ino}", "content": content(connection),
            "columns": _columns(connection),
            "texts": list(texts.items()), "backups": _files(os.path.join(home, "d")),
            "copies": _files(os.path.join(ground, "vault")), "code": _code(os.path.dirname(folder)),
            "journals": _sizes(os.path.join(home, "s", "runs")),
        },
    )  # fmt: skip


def up(connection: sqlite3.Connection, texts: dict[str, str]) -> None:
    """Every pending migration in a transaction of its own, unless its text says otherwise."""
    connection.execute("CREATE TABLE IF NOT EXISTS toy_version (version_num TEXT)")
    for version, text in texts.items():
        sys.stdout.write(f"running {version}\n")
        sys.stdout.flush()
        if "-- slow" in text:
            time.sleep(0.4)
        begin, commit = ("", "") if "-- no transaction" in text else ("BEGIN;", "COMMIT;")
        connection.executescript(f"{begin}{text}\n;INSERT INTO toy_version VALUES ('{version}');{commit}")


def down(connection: sqlite3.Connection, texts: dict[str, str]) -> None:
    """Take the versions back by what stands behind `-- down: `, the last one first."""
    for version, text in reversed(texts.items()):
        sys.stdout.write(f"running {version}\n")
        connection.executescript(text.partition(DOWN)[2])
        connection.execute("DELETE FROM toy_version WHERE version_num = ?", (version,))


def main(mode: str, database: str, folder: str, keep: str = "") -> int:
    """`probe` prints what there is; `apply`, `rehearse` and `down` (what came after `keep`) change it."""
    readable = f"file:{database}?mode=" + ("ro" if mode == "probe" else "rw")
    connection = sqlite3.connect(readable, uri=True, isolation_level=None)
    done, texts = applied(connection), texts_of(folder)
    marker = marker_of(connection)
    if mode == "probe":
        waiting = [version for version in texts if version not in done]
        sys.stdout.write(ascii({"applied": done, "pending": waiting, "marker": marker}))
        return 0
    chosen = {version: text for version, text in texts.items() if (version in done) is (mode == "down")}
    if mode == "down":
        chosen = {version: text for version, text in chosen.items() if version > keep}
    if database == os.path.join(os.path.dirname(folder), "app.db"):
        witnessed(mode, database, folder, connection, chosen)
    try:
        (down if mode == "down" else up)(connection, chosen)
    except sqlite3.Error as error:
        sys.stdout.write(f"{error}\n" + ascii({"marker": marker, "applied": [], "error": str(error)}))
        return 1
    sys.stdout.write(ascii({"marker": marker, "applied": list(chosen), "error": ""}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
