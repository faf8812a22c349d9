"""Files that are no SQLite database, or one that cannot be read now: a clear code, and nothing made or changed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from diana_tools import sessions
from diana_tools.databases.sqlite import DATABASE
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ChangeFailed, ConnectionFailed, PermitRefused
from diana_tools.permit import Act, Use
from diana_tools.session_places import session_digest
from integration.sqlite_ground import Ground, another_program, ask, change, ground, url_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path) as made:
        yield made


def refusal(shop: Ground, url: DatabaseUrl) -> str:
    with pytest.raises(ConnectionFailed) as error, shop.doors.sessions.read(url):
        raise AssertionError("it was opened")
    return error.value.code


def test_the_identity_is_the_file(shop: Ground) -> None:
    seen = shop.path.stat()
    with shop.look() as session:
        identity = DATABASE.identity(session, shop.url)
    assert (identity.engine, identity.server, identity.host, identity.name) == ("sqlite", "", "", "app.db")
    assert identity.database == f"{seen.st_dev}:{seen.st_ino}"


def test_another_file_in_its_place_is_another_identity(shop: Ground, tmp_path: Path) -> None:
    with shop.look() as session:
        before = DATABASE.identity(session, shop.url)
    other = tmp_path / "other.db"
    other.write_bytes(shop.path.read_bytes())
    other.replace(shop.path)
    with shop.look() as session:
        assert DATABASE.identity(session, shop.url) != before


def test_a_link_is_the_file_it_leads_to(shop: Ground, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(shop.path)
    with shop.doors.sessions.read(url_of(link)) as session:
        assert (
            DATABASE.identity(session, url_of(link)).database == f"{shop.path.stat().st_dev}:{shop.path.stat().st_ino}"
        )


def test_a_missing_file_is_never_made(shop: Ground, tmp_path: Path) -> None:
    absent = tmp_path / "absent.db"
    assert refusal(shop, url_of(absent)) == "database_missing"
    assert refusal(shop, url_of(tmp_path / "no" / "folder.db")) == "database_missing"
    assert not absent.exists()


@pytest.mark.parametrize("content", [b"hello", b"\0" * 600, b"CREATE TABLE t (a);\n" * 500, os.urandom(8192)])
def test_what_is_no_database_is_refused(shop: Ground, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    assert refusal(shop, url_of(path)) == "not_a_database"
    assert path.read_bytes() == content


def test_a_folder_a_uri_memory_and_an_encrypted_driver_are_refused(shop: Ground, tmp_path: Path) -> None:
    assert refusal(shop, url_of(tmp_path)) == "database_is_folder"
    assert refusal(shop, DatabaseUrl("sqlite", "", "", None, f"file:{shop.path}?vfs=unix-none")) == "database_uri"
    assert (
        refusal(shop, DatabaseUrl("sqlite", "", "", None, str(shop.path), query=(("uri", "true"),))) == "database_uri"
    )
    assert refusal(shop, DatabaseUrl("sqlite", "", "", None, ":memory:")) == "database_in_memory"
    assert refusal(shop, DatabaseUrl("sqlite", "pysqlcipher", "", None, str(shop.path))) == "database_encrypted"


def test_a_pipe_is_not_waited_for(shop: Ground, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    assert refusal(shop, url_of(tmp_path / "pipe.db")) == "database_missing"


def test_an_exclusively_locked_database_is_named(shop: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_SQLITE_PATIENCE_S", 0.3)
    with another_program(shop.path, "exclusive"):
        assert refusal(shop, shop.url) == "database_locked"


def test_odd_paths_are_opened_as_they_are(shop: Ground, tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#b %41 'ж'.db"
    path.write_bytes(shop.path.read_bytes())
    with shop.doors.sessions.read(url_of(path)) as session:
        assert session.one("SELECT count(*) FROM users") == 3


def as_nobody(path: Path) -> str:
    """What a process without rights on the file gets to see. Rights do not bind root, so a child drops them."""
    script = (
        "import os, sys\nfrom diana_tools.sessions import Sessions\nfrom diana_tools.domain import DatabaseUrl\n"
        "from diana_tools.errors import ConnectionFailed\nimport sqlalchemy\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try:\n"
        "    with Sessions(None).read(DatabaseUrl('sqlite', '', '', None, sys.argv[1])): print('opened')\n"
        "except ConnectionFailed as error: print(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


@pytest.fixture
def public(shop: Ground) -> Iterator[Path]:
    """The shop with an unfinished transaction, in a folder that everybody may enter and nobody else may write."""
    with another_program(shop.path, "half"):
        pass
    with tempfile.TemporaryDirectory() as folder:
        for path in shop.path.parent.iterdir():
            (Path(folder) / path.name).write_bytes(path.read_bytes())
            (Path(folder) / path.name).chmod(0o444)
        Path(folder).chmod(0o555)
        yield Path(folder) / shop.path.name
        Path(folder).chmod(0o700)


def test_an_unreadable_file_is_named(public: Path) -> None:
    public.chmod(0o000)
    assert as_nobody(public) == "database_unreadable"


def test_a_transaction_that_may_not_be_taken_back_is_named(public: Path) -> None:
    assert as_nobody(public) == "database_unsettled"


def test_reading_cannot_write(shop: Ground) -> None:
    with shop.look() as session:
        for statement in ("DELETE FROM users", "CREATE TABLE t (a)", "PRAGMA user_version = 3"):
            with pytest.raises(ConnectionFailed):
                session.rows(statement)
    assert ask(shop.path, "PRAGMA user_version") == [(0,)]
    assert shop.state().rows()["users"] == 3


def test_a_dead_writers_transaction_is_taken_back_by_the_engine(shop: Ground) -> None:
    """A killed migration leaves half-written pages and a hot journal, which a read-only connection may not settle."""
    before = shop.state()
    change(shop.path, "CREATE TABLE filler (a)")
    change(shop.path, "DROP TABLE filler")
    raw = shop.path.read_bytes()
    change(shop.path, "INSERT INTO users (id, email) WITH n(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM n WHERE i < 500)"
           " SELECT i, 'mail' || i FROM n")  # fmt: skip
    full = shop.state()
    with another_program(shop.path, "half"):
        pass
    assert shop.path.with_name("app.db-journal").stat().st_size > 0
    assert shop.path.read_bytes() != raw
    assert shop.state() == full
    assert full.rows()["users"] == before.rows()["users"] + 491


def test_a_dead_writers_wal_is_left_out(tmp_path: Path) -> None:
    with ground(tmp_path, wal=True) as shop:
        before = shop.state()
        with another_program(shop.path, "half"):
            pass
        assert shop.state() == before


def test_an_empty_file_is_an_empty_database(shop: Ground, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    path.touch()
    with shop.doors.sessions.read(url_of(path)) as session:
        assert DATABASE.schema(session).objects == ()
    assert path.stat().st_size == 0


def test_changing_opens_only_the_file_the_use_was_declared_for(shop: Ground, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(shop.path.read_bytes())
    use = Use("restore", session_digest(url_of(other)))
    grant = shop.grant(Act.RESTORE, (use,))
    sessions = shop.doors.sessions
    with pytest.raises(ChangeFailed) as error, sessions.change(shop.url, grant.permit, grant.operation, use):
        raise AssertionError("it was opened")
    assert error.value.code == "session_mismatch"
    with sessions.change(url_of(other), grant.permit, grant.operation, use) as session:
        session.run_sqlite("DELETE FROM users WHERE id = ?", (1,))
    with pytest.raises(PermitRefused), sessions.change(url_of(other), grant.permit, grant.operation, use):
        raise AssertionError("it was opened twice")
    assert ask(other, "SELECT count(*) FROM users") == [(2,)]


def test_a_new_file_is_private_and_never_an_existing_one(shop: Ground, tmp_path: Path) -> None:
    fresh, link = tmp_path / "fresh.db", tmp_path / "link.db"
    link.symlink_to(tmp_path / "elsewhere.db")
    before = os.umask(0)
    try:
        for path, problem in ((fresh, None), (shop.path, FileExistsError), (link, FileExistsError)):
            use = Use("make", session_digest(url_of(path)))
            grant = shop.grant(Act.SCRATCH, (use,))
            if problem is None:
                shop.doors.sessions.create_sqlite(url_of(path), grant.permit, grant.operation, use)
            else:
                with pytest.raises(problem):
                    shop.doors.sessions.create_sqlite(url_of(path), grant.permit, grant.operation, use)
    finally:
        os.umask(before)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_second_session_does_not_cost_the_first_its_lock(shop: Ground) -> None:
    """POSIX drops a process's locks on a file when any handle on it is closed: nobody here may open it but SQLite."""
    with shop.look() as first:
        assert first.one("SELECT count(*) FROM users") == 3
        with shop.look() as second:
            DATABASE.identity(second, shop.url)
            DATABASE.facts(second)
            DATABASE.state(second, "alembic_version", (), digests=True)
        script = (
            "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=0.2, isolation_level=None)\n"
            "try: c.execute('DELETE FROM users'); print('written')\nexcept sqlite3.OperationalError as e: print(e)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(shop.path)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "database is locked"
    with closing(sqlite3.connect(shop.path)) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (3,)
