"""Trust and known databases: private, durable, safe among several writers, and nothing where they are damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diana_config.known import Known, KnownDatabases, is_same_file
from diana_config.trust import Trust
from unit.config.settings_place import refused

FILES = (("/usr/bin/python3", "a" * 64), ("alembic.ini", "b" * 64))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def test_trust_is_for_the_very_files_at_the_real_path(tmp_path: Path, project: Path) -> None:
    trust = Trust(tmp_path / "state")
    assert not trust.known(project, FILES)
    trust.remember(project, FILES)
    assert trust.known(project, FILES)
    assert trust.known(project, FILES[::-1])
    (tmp_path / "link").symlink_to(project)
    assert trust.known(tmp_path / "link", FILES)
    assert not trust.known(tmp_path / "other", FILES)
    assert not trust.known(project, FILES[:1])
    assert not trust.known(project, (*FILES, ("env.py", "c" * 64)))
    assert not trust.known(project, (FILES[0], ("alembic.ini", "c" * 64)))
    assert not trust.known(project, ())


def test_a_link_that_is_turned_to_another_project_is_not_trusted(tmp_path: Path, project: Path) -> None:
    trust = Trust(tmp_path / "state")
    link = tmp_path / "link"
    link.symlink_to(project)
    trust.remember(link, FILES)
    other = tmp_path / "other"
    other.mkdir()
    link.unlink()
    link.symlink_to(other)
    assert not trust.known(link, FILES)


def test_going_back_to_an_earlier_state_does_not_ask_again(tmp_path: Path, project: Path) -> None:
    trust = Trust(tmp_path / "state")
    states = [(("env.py", f"{number:064}"),) for number in range(40)]
    for state in states:
        trust.remember(project, state)
    assert [trust.known(project, state) for state in states] == [False] * 8 + [True] * 32
    trust.forget(project)
    assert not any(trust.known(project, state) for state in states)


def test_a_folder_whose_name_is_no_text_can_be_trusted(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n"))
    odd.mkdir()
    trust = Trust(tmp_path / "state")
    trust.remember(odd, FILES)
    assert trust.known(odd, FILES)


def test_known_databases_keep_name_level_and_kin(tmp_path: Path) -> None:
    known = KnownDatabases(tmp_path / "state")
    assert known.last("1") is None
    known.remember("1", "qa", "staging", "kin")
    known.remember("2", "eu", "production", "kin")
    known.remember("3", "box", "dev")
    assert known.last("1") == Known("qa", "staging", "kin")
    assert known.relative("kin") == Known("eu", "production", "kin")
    assert known.relative("") is None
    assert known.relative("none") is None
    known.remember("2", "eu", "staging")
    assert known.last("2") == Known("eu", "staging", "kin")
    assert [identity for identity, _ in known.all()] == ["1", "2", "3"]
    known.forget("2")
    assert known.last("2") is None
    with pytest.raises(ValueError, match="prod"):
        known.remember("1", "x", "prod")


def test_a_file_is_known_under_every_path_that_still_leads_to_it(tmp_path: Path) -> None:
    known, file, link = KnownDatabases(tmp_path / "state"), tmp_path / "app.db", tmp_path / "hard.db"
    file.write_text("")
    assert known.same_file(str(file)) is None
    known.remember("1", "eu", "production", path=str(file))
    known.remember("2", "box", "dev", path=str(link))
    link.hardlink_to(file)
    for path in (file, link):
        assert known.same_file(str(path)) == Known("eu", "production", "", (str(file),))
    other = tmp_path / "other.db"
    other.write_text("")
    assert known.same_file(str(other)) is None
    file.unlink()
    assert known.same_file(str(link)) == Known("box", "dev", "", (str(link),))
    link.unlink()
    assert known.same_file(str(link)) is None


def test_the_newest_paths_of_a_file_are_kept_once(tmp_path: Path) -> None:
    known = KnownDatabases(tmp_path)
    for number in (*range(10), 5):
        known.remember("1", "eu", "staging", path=f"/srv/{number}.db")
    known.remember("1", "eu", "staging")
    found = known.last("1")
    assert found is not None
    assert found.paths == tuple(f"/srv/{number}.db" for number in (2, 3, 4, 6, 7, 8, 9, 5))


@pytest.mark.parametrize("other", ["app.db", "/nowhere/app.db", "", "/a\0b"])
def test_what_leads_nowhere_is_no_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    (tmp_path / "app.db").write_text("")
    monkeypatch.chdir(tmp_path)
    assert not is_same_file(str(tmp_path / "app.db"), other)
    assert is_same_file(str(tmp_path / "app.db"), str(tmp_path / "app.db"))


@pytest.mark.parametrize("paths", [None, "x", [], [3, None]])
def test_an_entry_without_paths_is_read_as_before(tmp_path: Path, paths: object) -> None:
    entry = {"name": "eu", "level": "production", "kin": ""} | ({} if paths is None else {"paths": paths})
    (tmp_path / "databases.json").write_text(json.dumps({"1": entry}))
    (tmp_path / "databases.json").chmod(0o600)
    assert KnownDatabases(tmp_path).last("1") == Known("eu", "production")


def test_files_and_folders_are_private(tmp_path: Path, project: Path) -> None:
    state = tmp_path / "a" / "state"
    Trust(state).remember(project, FILES)
    KnownDatabases(state).remember("1", "qa", "staging")
    assert state.stat().st_mode & 0o777 == 0o700
    assert {one.name for one in state.iterdir()} == {"trust.json", "trust.lock", "databases.json", "databases.lock"}
    assert {one.stat().st_mode & 0o777 for one in state.iterdir()} == {0o600}


DAMAGED = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}x", b'{"a": ' * 50_000, b"[" * 100_000, b"9" * 5000,
    b'{"1": {"name": "x", "level": "none"}}', b'{"1": {"name": 3, "level": "dev"}}', b'{"1": []}', b'{"1": null}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_as_if_nothing_were_known(tmp_path: Path, project: Path, content: bytes) -> None:
    for name in ("trust.json", "databases.json"):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    trust, known = Trust(tmp_path), KnownDatabases(tmp_path)
    assert not trust.known(project, FILES)
    assert known.last("1") is None
    assert known.relative("kin") is None
    trust.remember(project, FILES)
    known.remember("2", "qa", "staging")
    assert trust.known(project, FILES)
    assert known.last("2") == Known("qa", "staging")


def test_a_damaged_file_is_set_aside_and_a_damaged_entry_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "databases.json"
    file.write_bytes(b"{half")
    KnownDatabases(tmp_path).remember("1", "eu", "production")
    assert (tmp_path / "databases.damaged").read_bytes() == b"{half"
    kept = json.loads(file.read_bytes())
    file.write_text(json.dumps(kept | {"2": "odd"}))
    KnownDatabases(tmp_path).remember("3", "qa", "staging")
    assert KnownDatabases(tmp_path).last("1") == Known("eu", "production")
    assert json.loads(file.read_bytes())["2"] == "odd"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=100))
def test_any_bytes_are_nothing_known(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trust.json").write_bytes(content)
    assert not Trust(tmp_path).known(tmp_path, FILES)


def _link(path: Path) -> None:
    real = path.with_name("elsewhere.json")
    real.write_text(json.dumps({"1": {"name": "box", "level": "dev", "kin": ""}}))
    real.chmod(0o600)
    path.symlink_to(real)


def _open_to_others(path: Path) -> None:
    path.write_text(json.dumps({"1": {"name": "box", "level": "dev", "kin": ""}}))
    path.chmod(0o666)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, _link, _open_to_others])
def test_what_is_no_private_file_is_not_believed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "databases.json")
    known = KnownDatabases(tmp_path)
    assert known.last("1") is None
    known.remember("2", "eu", "production")
    assert known.last("2") == Known("eu", "production")
    assert known.last("1") is None


def test_a_file_of_another_user_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownDatabases(tmp_path)
    known.remember("1", "box", "dev")
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert known.last("1") is None


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path, project: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(lambda: Trust(tmp_path / "file").remember(project, FILES))
    assert error.code == "folder_unwritable"
    (tmp_path / "trust.lock").mkdir()
    error = refused(lambda: Trust(tmp_path).remember(project, FILES))
    assert (error.code, error.fields["file"]) == ("state_unwritable", str(tmp_path / "trust.json"))


def test_a_full_disk_leaves_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownDatabases(tmp_path)
    known.remember("1", "eu", "production")
    before = (tmp_path / "databases.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert refused(lambda: known.remember("1", "eu", "dev")).fields["error"] == "No space left on device"
    assert (tmp_path / "databases.json").read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"databases.json", "databases.lock"}


WRITER = """
import sys
from pathlib import Path
from diana_config.known import KnownDatabases
for number in range(25):
    KnownDatabases(Path(sys.argv[1])).remember(f"{sys.argv[2]}-{number}", "qa", "staging")
"""


def test_processes_and_threads_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"p{one}"]) for one in range(3)]

    def write(who: int) -> None:
        for number in range(25):
            KnownDatabases(tmp_path).remember(f"t{who}-{number}", "qa", "staging")

    threads = [threading.Thread(target=write, args=(one,)) for one in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(KnownDatabases(tmp_path).all()) == 150
