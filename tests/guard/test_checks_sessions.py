"""Each check of the database's door by itself, on real SQLite files."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from diana_tools import session_places as places
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ChangeFailed, ConnectionFailed, DianaError
from diana_tools.permit import Act, Use
from diana_tools.sessions import Sessions, own_file
from guard.checking import Keeper, granted, handles
from guard.checking_sessions import SERVER, changed


@pytest.fixture
def file(tmp_path: Path) -> DatabaseUrl:
    path = tmp_path / "app.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    connection.close()
    return DatabaseUrl("sqlite", "", "", None, str(path))


def rows(url: DatabaseUrl) -> int:
    connection = sqlite3.connect(url.database)
    try:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
    finally:
        connection.close()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DianaError) as caught:
        call()
    return caught.value.code


def test_a_change_is_redeemed_first(file: DatabaseUrl) -> None:
    use = Use("restore", places.session_digest(file))
    assert refused(lambda: changed(Keeper(good=False), file, Act.RESTORE, use)) == "permit_unknown"
    assert rows(file) == 1
    keeper = Keeper()
    changed(keeper, file, Act.RESTORE, use)
    assert (keeper.redeemed, rows(file)) == ([use], 0)


OTHER = "/srv/other.db"
SOCKET = replace(SERVER, host="/var/run/postgresql")
POSTGRES = replace(SERVER, database="postgres")
OWN = places.OwnServer(Path("/state/scratch"))


@pytest.mark.parametrize(
    ("url", "digest", "act", "place"),
    [
        (SERVER, places.session_digest(replace(SERVER, database="other")), Act.CANCEL, None),
        (SERVER, places.session_digest(replace(SERVER, host="db")), Act.CANCEL, None),
        (SERVER, places.session_digest(replace(SERVER, port=5433)), Act.CANCEL, None),
        (SERVER, places.session_digest(replace(SERVER, engine="mysql")), Act.CANCEL, None),
        (SERVER, places.maintenance_digest(SERVER), Act.CANCEL, None),
        (SERVER, places.session_digest(SERVER), Act.SCRATCH, None),
        (SERVER, places.maintenance_digest(SERVER), Act.RESTORE, places.Beside(SERVER)),
        (POSTGRES, places.session_digest(POSTGRES), Act.RESTORE, places.Beside(SERVER)),
        (POSTGRES, places.maintenance_digest(SERVER), Act.SCRATCH, places.Beside(SERVER)),
        (replace(POSTGRES, port=5433), places.maintenance_digest(SERVER), Act.RESTORE, places.Beside(SERVER)),
        (replace(POSTGRES, host="db"), places.maintenance_digest(SERVER), Act.RESTORE, places.Beside(SERVER)),
        (POSTGRES, places.maintenance_digest(replace(SERVER, engine="mysql")), Act.RESTORE,
         places.Beside(replace(SERVER, engine="mysql"))),
        (replace(SERVER, database="app"), places.maintenance_digest(SERVER), Act.RESTORE, places.Beside(SERVER)),
        (SERVER, places.own_server_digest(OWN.folder), Act.RESTORE, OWN),
        (SERVER, places.own_server_digest(Path("/elsewhere")), Act.SCRATCH, OWN),
        (replace(SERVER, host="localhost"), places.own_server_digest(OWN.folder), Act.SCRATCH, OWN),
        (SOCKET, places.own_server_digest(OWN.folder), Act.SCRATCH, OWN),
        (DatabaseUrl("sqlite", "", "", None, OTHER), places.session_digest(SERVER), Act.RESTORE, None),
        (DatabaseUrl("sqlite", "", "127.0.0.1", None, "postgres"), places.own_server_digest(OWN.folder), Act.SCRATCH,
         OWN),
        (DatabaseUrl("sqlite", "", "", None, "postgres"),
         places.maintenance_digest(DatabaseUrl("sqlite", "", "", None, OTHER)), Act.RESTORE,
         places.Beside(DatabaseUrl("sqlite", "", "", None, OTHER))),
        (SERVER, "", Act.CANCEL, places.Beside(SERVER)),
    ],
)  # fmt: skip
def test_a_session_goes_where_its_use_says(url: DatabaseUrl, digest: str, act: Act, place: places.Place) -> None:
    keeper = Keeper()
    assert refused(lambda: changed(keeper, url, act, Use("x", digest), place)) == "session_mismatch"
    assert not keeper.redeemed, "nothing was burnt"


def test_each_part_of_a_place_is_in_its_digest() -> None:
    others = [
        replace(SERVER, engine="mysql"), replace(SERVER, host="db"), replace(SERVER, port=1),
        replace(SERVER, database="x"),
    ]  # fmt: skip
    found = [digest(url) for digest in (places.session_digest, places.maintenance_digest) for url in (SERVER, *others)]
    found += [places.own_server_digest(Path(name)) for name in ("/a", "/b")]
    assert len(set(found)) == len(found)
    same = replace(SERVER, username="other", password="x", query=(("a", "b"),))
    assert places.session_digest(same) == places.session_digest(SERVER)


def test_another_engine_has_no_lock_of_its_own(file: DatabaseUrl) -> None:
    with Sessions(Keeper()).hold(file, "0" * 16):
        assert rows(file) == 1


def test_a_link_to_the_data_is_the_data(tmp_path: Path) -> None:
    (tmp_path / "real" / "data").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert places.OwnServer(tmp_path / "link").holds(str(tmp_path / "real" / "data"))
    assert places.OwnServer(tmp_path / "real").holds(str(tmp_path / "link" / "data"))


def test_a_scratch_opens_only_the_file_that_was_made_under_it(tmp_path: Path, file: DatabaseUrl) -> None:
    url, keeper = DatabaseUrl("sqlite", "", "", None, str(tmp_path / "scratch.db")), Keeper()
    doors, use = Sessions(keeper), Use("make", places.session_digest(url))
    assert refused(lambda: changed(keeper, url, Act.SCRATCH, use, doors=doors)) == "session_mismatch", "it is not there"
    before = os.umask(0)
    try:
        doors.create_sqlite(url, *granted(Act.SCRATCH, use))
    finally:
        os.umask(before)
    assert Path(url.database).stat().st_mode & 0o777 == 0o600
    assert keeper.redeemed == [use]
    with doors.change(url, *granted(Act.SCRATCH, use)) as session:
        session.run("CREATE TABLE t (a)")
    assert rows(url) == 0
    permit, operation, _ = granted(Act.SCRATCH, use)
    with (
        pytest.raises(ChangeFailed, match="session_mismatch"),
        doors.change(url, replace(permit, id="p2"), operation, use) as session,
    ):
        session.run("DELETE FROM t")
    target = Use("load", places.session_digest(file))
    assert refused(lambda: changed(keeper, file, Act.SCRATCH, target, doors=doors)) == "session_mismatch"
    assert rows(file) == 1
    Path(url.database).unlink()
    Path(url.database).symlink_to(file.database)
    assert refused(lambda: changed(keeper, url, Act.SCRATCH, use, doors=doors)) == "session_mismatch"
    again = Use("restore", places.session_digest(file))
    changed(keeper, file, Act.RESTORE, again, doors=doors)
    assert rows(file) == 0


def test_what_is_no_file_has_no_number_of_its_own(tmp_path: Path, file: DatabaseUrl) -> None:
    link = tmp_path / "link"
    link.symlink_to(file.database)
    for path in (link, tmp_path, tmp_path / "missing"):
        assert places.inode(replace(file, database=str(path))) == (0, 0)
    found = Path(file.database).stat()
    assert places.inode(file) == (found.st_dev, found.st_ino)


@pytest.mark.parametrize("harm", ["permit", "act", "digest", "engine", "there", "link"])
def test_a_file_is_made_by_a_scratch_s_permit_and_never_over_another(
    tmp_path: Path, file: DatabaseUrl, harm: str
) -> None:
    url = DatabaseUrl("sqlite", "", "", None, str(tmp_path / "scratch.db"))
    keeper, act = Keeper(good=harm != "permit"), Act.RESTORE if harm == "act" else Act.SCRATCH
    if harm == "engine":
        url = replace(SERVER, database=str(tmp_path / "scratch.db"))
        act = Act.CANCEL
    if harm == "there":
        url = file
    if harm == "link":
        Path(url.database).symlink_to(tmp_path / "elsewhere")
    use = Use("make", "9" * 64 if harm == "digest" else places.session_digest(url))
    with pytest.raises((DianaError, FileExistsError)):
        Sessions(keeper).create_sqlite(url, *granted(act, use))
    assert bool(keeper.redeemed) is (harm in ("there", "link"))
    assert not (tmp_path / "elsewhere").exists()
    assert rows(file) == 1
    assert (tmp_path / "scratch.db").is_symlink() == (harm == "link")
    assert not (tmp_path / "scratch.db").exists()


def test_making_a_file_leaks_no_handle(tmp_path: Path) -> None:
    url = DatabaseUrl("sqlite", "", "", None, str(tmp_path / "scratch.db"))
    before = handles()
    Sessions(Keeper()).create_sqlite(url, *granted(Act.SCRATCH, Use("make", places.session_digest(url))))
    assert handles() == before


def test_looking_at_a_file_changes_nothing_of_it(file: DatabaseUrl) -> None:
    with Sessions(Keeper()).read(file) as session:
        assert session.one("PRAGMA query_only") == 1
        with pytest.raises(ConnectionFailed):
            session.rows("DELETE FROM t")
        other = sqlite3.connect(file.database, timeout=0)
        other.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.commit()
        other.close()
        assert session.rows("SELECT count(*) FROM t") == [(1,)], "one snapshot"
    assert rows(file) == 1


Connect = Callable[..., sqlite3.Connection]


def modes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modes that files are opened with from now on."""
    seen = list[str]()
    real: Connect = sqlite3.connect

    def connect(database: str, **arguments: object) -> sqlite3.Connection:
        seen.append(database.rpartition("=")[2] if arguments.get("uri") else database)
        return real(database, **arguments)

    monkeypatch.setattr(sqlite3, "connect", connect)
    return seen


def test_a_file_is_opened_as_it_will_be_used(file: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = modes(monkeypatch)
    with Sessions(Keeper()).read(file):
        assert seen == ["ro"]
    changed(Keeper(), file, Act.RESTORE, Use("x", places.session_digest(file)))
    Path(file.database).with_name("app.db-journal").touch()
    changed(Keeper(), file, Act.RESTORE, Use("x", places.session_digest(file)))
    assert seen == ["ro", "rw", "rw"]


def test_what_a_killed_writer_left_is_settled_before_looking(
    file: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(file.database)
    journal = path.with_name("app.db-journal")
    writer = sqlite3.connect(path)
    writer.executescript("PRAGMA cache_size = 1; BEGIN; CREATE TABLE u (b)")
    writer.execute("INSERT INTO t SELECT hex(randomblob(2000)) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8))")
    left, half = journal.read_bytes(), path.read_bytes()
    writer.rollback()
    writer.close()
    path.write_bytes(half)
    journal.write_bytes(left)
    seen = modes(monkeypatch)
    with Sessions(Keeper()).read(file) as session:
        assert session.rows("SELECT a FROM t") == [(1,)]
    assert seen == ["rw", "ro"]
    assert not journal.exists()


def test_settling_only_looks(file: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(file.database)
    path.with_name("app.db-journal").write_bytes(b"")
    statements = list[str]()
    real: Connect = sqlite3.connect

    def connect(database: str, **arguments: object) -> sqlite3.Connection:
        made = real(database, **arguments)
        if database.endswith("=rw"):
            made.set_trace_callback(statements.append)
        return made

    monkeypatch.setattr(sqlite3, "connect", connect)
    with Sessions(Keeper()).read(file):
        assert statements == ["PRAGMA query_only = ON", "SELECT count(*) FROM sqlite_master"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"driver": "pysqlcipher"}, "database_encrypted"), ({"database": ""}, "database_in_memory"),
        ({"database": ":memory:"}, "database_in_memory"), ({"database": "file:/srv/app.db"}, "database_uri"),
        ({"database": "/srv/file:app.db"}, "database_uri"), ({"query": (("uri", "true"),)}, "database_uri"),
        ({"database": "/"}, "database_is_folder"), ({"database": "/nowhere/app.db"}, "database_missing"),
        ({"database": "/dev/null"}, "database_missing"), ({"database": "/" + "x" * 5000}, "database_unreadable"),
    ],
)  # fmt: skip
def test_what_is_no_database_file_is_called_what_it_is(file: DatabaseUrl, change: dict[str, object], code: str) -> None:
    url = replace(file, **change)
    with pytest.raises(ConnectionFailed) as caught, Sessions(Keeper()).read(url):
        pytest.fail("it was opened")
    assert caught.value.code == code
    assert not Path("/nowhere").exists()


def test_other_words_of_the_query_are_no_uri(file: DatabaseUrl) -> None:
    with Sessions(Keeper()).read(replace(file, query=(("timeout", "3"),))) as session:
        assert session.one("SELECT count(*) FROM t") == 1


def test_a_file_that_is_no_database_is_refused_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database, and long enough to look at " * 50)
    url = DatabaseUrl("sqlite", "", "", None, str(path))
    before = handles()
    with pytest.raises(ConnectionFailed), Sessions(Keeper()).read(url):
        pytest.fail("it was opened")
    assert handles() == before


def test_a_session_may_go_to_another_thread(file: DatabaseUrl) -> None:
    found: list[object] = []
    with Sessions(Keeper()).read(file) as session:
        thread = threading.Thread(target=lambda: found.append(session.one("SELECT a FROM t")))
        thread.start()
        thread.join()
    assert found == [1]


def test_diana_s_own_files_carry_her_mark(tmp_path: Path, file: DatabaseUrl) -> None:
    path = tmp_path / "index.db"
    path.touch()
    own_file(path).dispose()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone() == (0x4449414E,)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    engine = own_file(path)
    with engine.connect() as again:
        assert again.execute(sqlalchemy.text("SELECT count(*) FROM mine")).scalar_one() == 0
    engine.dispose()


@pytest.mark.parametrize("mark", [0, 7])
def test_a_target_is_none_of_her_files(file: DatabaseUrl, mark: int) -> None:
    connection = sqlite3.connect(file.database)
    connection.execute(f"PRAGMA application_id = {mark}")
    if mark:
        connection.execute("DROP TABLE t")
    connection.close()
    assert refused(lambda: own_file(Path(file.database))) == "not_dianas_file"
    connection = sqlite3.connect(file.database)
    assert connection.execute("PRAGMA application_id").fetchone() == (mark,)
    connection.close()


def test_a_text_is_none_of_her_files_either(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database, and long enough to look at " * 50)
    assert refused(lambda: own_file(path)) == "not_a_database"
