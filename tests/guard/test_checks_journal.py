"""Each check of the journal by itself: modes, syncs, handles, locks, and what a torn or locked file comes to."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import stories
from diana_agent.events import AnyEvent, UserSaid
from diana_agent.journal import GENESIS, Entry, Journal, held, read, verify, whole_part
from diana_tools.errors import DianaError
from guard.checking import Syncs, handles

SAID = UserSaid(text="a")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "journal.jsonl"


@pytest.fixture
def no_leak() -> Generator[None]:
    """No handle is open afterwards that was not open before."""
    before = handles()
    yield
    assert handles() == before


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    made = Syncs()
    monkeypatch.setattr(os, "fsync", made)
    return made


def code(call: Callable[[], object]) -> str:
    with pytest.raises(DianaError) as caught:
        call()
    assert "None" not in caught.value.fields.values()
    return caught.value.code


def written(path: Path, count: int = 3) -> bytes:
    journal = Journal(path)
    for number in range(count):
        journal.append(UserSaid(text=f"line {number}"), "person")
    journal.close()
    return path.read_bytes()


def test_a_new_journal_is_private_and_its_folder_synced(path: Path, syncs: Syncs) -> None:
    journal = Journal(path)
    assert [kind for kind, _ in syncs.seen] == ["folder"]
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    journal.append(SAID, "person")
    assert syncs.seen[1:] == [("file", path.stat().st_size)], "the whole line, before anybody hears of it"
    journal.close()


def test_a_journal_that_others_could_read_is_made_private(path: Path) -> None:
    written(path)
    path.chmod(0o644)
    Journal(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_born_private_whatever_the_umask(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    def fchmod(file: int, _mode: int) -> None:
        modes.append(os.fstat(file).st_mode & 0o777)

    monkeypatch.setattr(os, "fchmod", fchmod)
    before = os.umask(0)
    try:
        Journal(path).close()
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_handles_are_given_back(path: Path, no_leak: None) -> None:
    content = written(path)
    path.write_bytes(content[:-5])
    Journal(path).close()
    with Path(path).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert code(lambda: Journal(path)) == "journal_locked"
    path.write_bytes(b"{}\n" + content)
    assert code(lambda: Journal(path)) == "journal_unreadable"
    assert not held(path)


def refusing(number: int) -> Callable[..., None]:
    def call(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("name", ["fchmod", "fsync"])
def test_a_file_that_cannot_be_held_or_synced_is_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, no_leak: None, name: str
) -> None:
    monkeypatch.setattr(os, name, refusing(errno.EROFS))
    assert code(lambda: Journal(path)) == "journal_unwritable"


def test_a_line_that_cannot_be_synced_is_taken_off_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)
    journal.append(SAID, "person")
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    assert code(lambda: journal.append(SAID, "person")) == "journal_unwritable"
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert len(journal.entries) == len(journal.events()) == 1
    journal.append(SAID, "person")
    assert verify(path).entries == 2


def test_a_line_is_written_whole_though_the_system_takes_it_in_pieces(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, real = Journal(path), os.write

    def write(file: int, content: bytes | memoryview) -> int:
        return real(file, bytes(content[:7]))

    monkeypatch.setattr(os, "write", write)
    journal.append(SAID, "person")
    assert verify(path).entries == 1


@pytest.mark.parametrize("name", ["fsync", "ftruncate"])
def test_a_torn_end_that_cannot_be_put_aside_stops_the_resume(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(written(path)[:-5])
    real, calls = os.fsync, list[int]()

    def second(file: int, *_rest: object) -> None:
        calls.append(file)
        if name == "ftruncate" or len(calls) > 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(file)

    monkeypatch.setattr(os, name, second)
    assert code(lambda: Journal(path)) == "journal_unwritable"


def test_a_torn_end_is_put_aside_privately_and_synced_before_it_is_cut(path: Path, syncs: Syncs) -> None:
    content = written(path)
    torn = content.splitlines(keepends=True)[-1][:-5]
    aside = path.with_name("journal.jsonl.torn")
    aside.write_bytes(b"earlier\n")
    path.write_bytes(content[:-5])
    syncs.seen.clear()
    before = os.umask(0)
    try:
        journal = Journal(path)
    finally:
        os.umask(before)
    good = len(content) - len(torn) - 5
    assert syncs.seen[1:] == [("file", len(b"earlier\n") + len(torn) + 1), ("file", good)]
    assert aside.read_bytes() == b"earlier\n" + torn + b"\n"
    assert path.stat().st_size == good
    journal.close()
    aside.unlink()
    path.write_bytes(content[:-5])
    os.umask(0)
    try:
        Journal(path).close()
    finally:
        os.umask(before)
    assert aside.stat().st_mode & 0o777 == 0o600


def test_a_torn_end_is_put_aside_through_no_link(path: Path, tmp_path: Path) -> None:
    content = written(path)
    path.write_bytes(content[:-5])
    path.with_name("journal.jsonl.torn").symlink_to(tmp_path / "elsewhere")
    assert code(lambda: Journal(path)) == "journal_unwritable"
    assert not (tmp_path / "elsewhere").exists()
    assert path.read_bytes() == content[:-5]


def test_it_is_closed_once(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    journal.close()
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_WRONLY)
    journal.close()
    os.write(other, b"still open")
    os.close(other)
    assert code(lambda: journal.append(SAID, "person")) == "journal_unwritable"


def test_what_is_hidden_is_hidden_on_disk_and_before_others_alone(path: Path) -> None:
    journal, told = Journal(path, hide=lambda text: text.replace("secret", "***")), list[AnyEvent]()
    journal.subscribe(lambda entry: told.append(entry.event))
    journal.append(UserSaid(text="the secret"), "person")
    assert journal.events() == (UserSaid(text="the secret"),)
    assert told == [UserSaid(text="the ***")] == [entry.event for entry in read(path)]
    open_ = Journal(path.with_name("other.jsonl"))
    open_.append(UserSaid(text="the secret"), "person")
    assert "the secret" in open_.path.read_text()


def test_a_face_that_cannot_draw_stops_nothing(path: Path) -> None:
    journal, seen = Journal(path), list[Entry]()

    def broken(_entry: Entry) -> None:
        raise ValueError("no screen")

    journal.subscribe(broken)
    journal.subscribe(seen.append)
    journal.append(SAID, "person")
    assert [entry.seq for entry in seen] == [1]
    assert [str(error) for error in journal.face_errors] == ["no screen"]


def test_a_run_is_alive_while_its_journal_is_held(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    assert held(path)
    journal.close()
    assert not held(path)
    assert not held(tmp_path / "missing.jsonl")
    with path.open("rb") as one:
        fcntl.flock(one, fcntl.LOCK_SH)
        assert not held(path), "another who only looks"


def test_a_file_that_cannot_be_read_is_missing_and_so_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DianaError) as caught:
        verify(tmp_path)
    assert caught.value.code == "journal_missing"
    assert caught.value.fields["error"] == "not a file"
    with pytest.raises(DianaError) as caught:
        verify(tmp_path / "none")
    assert caught.value.fields["error"] == os.strerror(errno.ENOENT)


def altered(content: bytes, **change: object) -> bytes:
    """The last line with other parts and whatever hash it had, written as a journal writes."""
    *lines, last = content.splitlines(keepends=True)
    raw = {**json.loads(last), **change}
    return b"".join([*lines, json.dumps(raw, ensure_ascii=False).encode() + b"\n"])


@pytest.mark.parametrize("change", [{"seq": 7}, {"prev": "0" * 64}, {"hash": "1" * 64}, {"actor": "guard"}])
def test_each_part_of_a_line_is_checked_by_itself(path: Path, change: dict[str, object]) -> None:
    content = written(path)
    assert altered(content) == content
    path.write_bytes(altered(content, **change))
    assert verify(path).problem == "journal_broken"


def test_a_line_in_another_order_with_its_own_hash_is_no_journal_s(path: Path) -> None:
    *lines, last = written(path).splitlines(keepends=True)
    raw = json.loads(last)
    event = json.dumps(dict(sorted(raw["event"].items(), reverse=True)))
    parts = (raw["prev"], str(raw["seq"]), raw["at"], raw["actor"], event)
    good = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    start = json.dumps({"seq": raw["seq"], "at": raw["at"], "actor": raw["actor"], "prev": raw["prev"], "hash": good})
    path.write_bytes(b"".join([*lines, f'{start[:-1]}, "event": {event}}}\n'.encode()]))
    assert verify(path).problem == "journal_broken"


def test_an_empty_journal_is_whole(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert verify(path).problem == ""
    journal = Journal(path)
    assert path.read_bytes() == b""
    journal.append(SAID, "person")
    journal.close()
    assert verify(path).entries == 1


def test_a_last_line_that_ended_is_no_torn_one(path: Path) -> None:
    content = written(path)
    path.write_bytes(content + b"{}\n")
    assert verify(path).problem == "journal_unreadable"
    path.write_bytes(content + b"{}")
    assert verify(path).problem == "journal_torn"
    path.write_bytes(content + b"\0\0\n" + content)
    assert verify(path).problem == "journal_unreadable", "holes in the middle are no crash of the last line"


def test_a_broken_chain_keeps_its_own_problem_whatever_the_anchors(path: Path) -> None:
    content = written(path)
    path.write_bytes(content.replace(b"line 1", b"line 9"))
    report = verify(path, ("f" * 64,))
    assert (report.problem, report.line, report.anchors) == ("journal_broken", 2, 1)


def test_a_journal_under_another_run_s_name_is_never_read_or_written_on(tmp_path: Path) -> None:
    """Its chain is whole, and it is still not that run's."""
    own, other = tmp_path / "r1.jsonl", tmp_path / "r2.jsonl"
    stories.told(tmp_path, stories.begin())
    assert verify(own).problem == ""
    other.write_bytes(own.read_bytes())
    report, entries = whole_part(other)
    assert (report.problem, report.line, report.entries, report.head) == ("journal_of_another_run", 1, 0, GENESIS)
    assert entries == []
    assert code(lambda: list(read(other))) == "journal_of_another_run"
    assert code(lambda: Journal(other)) == "journal_of_another_run"
    assert other.read_bytes() == own.read_bytes(), "nothing was cut off or added"
    other.write_bytes(own.read_bytes()[:-20])
    assert code(lambda: Journal(other)) == "journal_of_another_run", "before a torn end is put aside"
