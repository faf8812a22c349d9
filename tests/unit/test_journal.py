"""The journal: one writer, nothing lost, nothing half, and every alteration found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diana_agent.events import Answered, Noted, PermitRedeemed, UserSaid
from diana_agent.journal import GENESIS, ChainReport, Entry, Journal, read, verify, whole_part
from diana_tools.errors import DianaError


def written(path: Path, count: int = 5) -> list[bytes]:
    journal = Journal(path)
    for number in range(count):
        journal.append(UserSaid(text=f"line {number} ünd\u2028more"), "person")
    journal.close()
    return path.read_bytes().splitlines(keepends=True)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(DianaError) as caught:
        call()
    return caught.value.code


def test_what_is_appended_is_read_back_and_chained(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "journal.jsonl"
    written(path)
    entries = list(read(path))
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].prev == GENESIS
    assert [entry.prev for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert entries[2].event == UserSaid(text="line 2 ünd\u2028more")
    assert verify(path) == ChainReport(entries=5, head=entries[4].hash)
    assert verify(path, (entries[1].hash, entries[4].hash, GENESIS)) == ChainReport(5, entries[4].hash, anchors=3)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def edit(lines: list[bytes]) -> list[bytes]:
    lines[2] = lines[2].replace(b"line 2", b"line 9")
    return lines


def edit_actor(lines: list[bytes]) -> list[bytes]:
    lines[2] = lines[2].replace(b'"person"', b'"guard"')
    return lines


def edit_time(lines: list[bytes]) -> list[bytes]:
    raw = json.loads(lines[2])
    raw["at"] = "2020-01-01T00:00:00+00:00"
    lines[2] = json.dumps(raw).encode() + b"\n"
    return lines


def edit_and_rehash_one_line(lines: list[bytes]) -> list[bytes]:
    raw = json.loads(lines[2])
    raw["hash"] = "f" * 64
    lines[2] = json.dumps(raw).encode() + b"\n"
    return lines


def remove(lines: list[bytes]) -> list[bytes]:
    return lines[:2] + lines[3:]


def remove_first(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


def swap(lines: list[bytes]) -> list[bytes]:
    lines[2], lines[3] = lines[3], lines[2]
    return lines


def double(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[2], *lines[3:]]


def nonsense(lines: list[bytes]) -> list[bytes]:
    lines[2] = b"\xff\xfe{]\n"
    return lines


def deep(lines: list[bytes]) -> list[bytes]:
    lines[2] = b"[" * 200_000 + b"\n"
    return lines


def unknown_event(lines: list[bytes]) -> list[bytes]:
    lines[2] = lines[2].replace(b"user_said", b"user_sang")
    return lines


def empty_line(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"\n", *lines[2:]]


@pytest.mark.parametrize(
    "harm",
    [edit, edit_actor, edit_time, edit_and_rehash_one_line, remove, swap, double, nonsense, deep, unknown_event,
     empty_line],
)  # fmt: skip
def test_an_alteration_is_found_at_its_line(tmp_path: Path, harm: Callable[[list[bytes]], list[bytes]]) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(harm(written(path))))
    report = verify(path)
    assert report.problem in ("journal_broken", "journal_unreadable")
    assert report.line == (4 if harm is double else 3)
    assert code(lambda: list(read(path))) == report.problem
    assert code(lambda: Journal(path)) == report.problem, "a broken journal is never written on"


def test_a_missing_first_line_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(remove_first(written(path))))
    assert verify(path).problem == "journal_broken"


def test_an_edited_last_line_is_broken_and_not_taken_for_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    lines[-1] = lines[-1].replace(b"line 4", b"line 9")
    path.write_bytes(b"".join(lines))
    assert code(lambda: Journal(path)) == "journal_broken"


def test_a_cut_tail_is_found_against_anchors_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    anchor = list(read(path))[-1].hash
    path.write_bytes(b"".join(lines[:3]))
    assert verify(path).problem == ""
    found = verify(path, (anchor,))
    assert (found.problem, found.line, found.anchors) == ("journal_cut", 3, 1)


def test_a_whole_other_journal_is_found_against_anchors(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl")
    written(tmp_path / "b.jsonl")
    head = list(read(tmp_path / "a.jsonl"))[-1].hash
    (tmp_path / "b.jsonl").replace(tmp_path / "a.jsonl")
    assert verify(tmp_path / "a.jsonl", (head,)).problem == "journal_cut"


def test_there_is_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = Journal(path)
    first.append(UserSaid(text="mine"), "person")
    assert code(lambda: Journal(path)) == "journal_locked"
    assert len(list(read(path))) == 1, "looking needs no lock"
    first.close()
    second = Journal(path)
    second.append(UserSaid(text="again"), "person")
    assert code(lambda: first.append(UserSaid(text="late"), "person")) == "journal_unwritable"
    assert len(list(read(path))) == 2


def test_a_killed_writer_gives_the_lock_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    script = (
        "import os, sys; from pathlib import Path; from diana_agent.journal import Journal;"
        "from diana_agent.events import UserSaid; j = Journal(Path(sys.argv[1]));"
        "j.append(UserSaid(text='last words'), 'person'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    journal = Journal(path)
    assert [entry.event for entry in journal.entries] == [UserSaid(text="last words")]
    assert journal.torn == 0


@pytest.mark.parametrize("keep", [1, 20, -2])
def test_a_torn_last_line_is_put_aside_when_the_run_is_resumed(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    torn = lines[-1][:keep]
    path.write_bytes(b"".join(lines[:-1]) + torn)
    assert verify(path).problem == "journal_torn"
    assert code(lambda: list(read(path))) == "journal_torn", "never accepted in silence"
    journal = Journal(path)
    assert journal.torn == len(torn)
    assert len(journal.entries) == 4
    assert (tmp_path / "journal.jsonl.torn").read_bytes() == torn + b"\n"
    journal.append(Noted(message="journal.torn", fields={"bytes": str(journal.torn)}), "diana")
    journal.close()
    assert verify(path).problem == ""
    assert Journal(path).torn == 0


def test_a_last_line_of_holes_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:10] + bytes(300) + b"\n")
    assert Journal(path).torn > 300


def test_a_whole_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(written(path)).rstrip(b"\n"))
    assert verify(path).problem == ""
    journal = Journal(path)
    assert (journal.torn, len(journal.entries)) == (0, 5)
    journal.append(UserSaid(text="next"), "person")
    assert len(list(read(path))) == 6


def test_the_whole_part_of_a_broken_journal_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    assert whole_part(path)[0].problem == ""
    path.write_bytes(b"".join([*lines[:3], lines[4]]))
    report, entries = whole_part(path)
    assert (report.problem, report.line, report.entries) == ("journal_broken", 4, 3)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert report.head == entries[-1].hash


def test_a_torn_line_in_the_middle_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = written(path)
    path.write_bytes(b"".join([*lines[:2], lines[2][:30] + b"\n", *lines[3:]]))
    assert code(lambda: Journal(path)) == "journal_unreadable"


FILL = """
import resource, signal, sys
from pathlib import Path
from diana_agent.events import UserSaid
from diana_agent.journal import Journal
from diana_tools.errors import DianaError
path = Path(sys.argv[1])
journal = Journal(path)
journal.append(UserSaid(text="first"), "person")
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        journal.append(UserSaid(text="x" * 1000), "person")
        sys.exit("the disk was not full")
    except DianaError as error:
        assert error.code == "journal_unwritable", error
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(UserSaid(text="second"), "person")
assert [e.seq for e in journal.entries] == [1, 2]
"""


def test_a_disk_that_fills_up_leaves_a_usable_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [entry.event for entry in read(path)] == [UserSaid(text="first"), UserSaid(text="second")]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert code(lambda: Journal(tmp_path / "file" / "journal.jsonl")) == "journal_unwritable"
    (tmp_path / "elsewhere.jsonl").write_text("")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    assert code(lambda: Journal(tmp_path / "link.jsonl")) == "journal_unwritable", "links are not followed"
    (tmp_path / "folder.jsonl").mkdir()
    assert code(lambda: Journal(tmp_path / "folder.jsonl")) == "journal_unwritable"
    assert code(lambda: verify(tmp_path / "folder.jsonl")) == "journal_missing"
    assert code(lambda: list(read(tmp_path / "nothing.jsonl"))) == "journal_missing"


@pytest.mark.parametrize("harm", ["truncated", "appended", "removed"])
def test_what_somebody_does_to_the_open_file_stops_the_writer(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(UserSaid(text="one"), "person")
    journal.append(UserSaid(text="two"), "person")
    if harm == "truncated":
        os.truncate(path, 40)
    elif harm == "appended":
        with path.open("ab") as other:
            other.write(b"{}\n")
    else:
        path.unlink()
    assert code(lambda: journal.append(UserSaid(text="three"), "person")) == "journal_changed"
    assert len(journal.entries) == 2


@pytest.mark.parametrize("harm", ["edited", "replaced"])
def test_no_permit_stands_on_a_record_that_somebody_edited_without_changing_its_length(
    tmp_path: Path, harm: str
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(UserSaid(text="one"), "person")
    other = path.read_bytes().replace(b"one", b"two")
    if harm == "edited":
        path.write_bytes(other)
    else:
        (tmp_path / "other").write_bytes(other)
        (tmp_path / "other").replace(path)
    redeemed = PermitRedeemed(permit="p", use="run", digest="d")
    assert code(lambda: journal.append(redeemed, "guard")) == "journal_changed"
    assert len(journal.entries) == 1


def test_a_permit_stands_on_a_record_that_was_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for text in ("one", "two"):
        journal = Journal(path)
        journal.append(UserSaid(text=text), "person")
        journal.append(PermitRedeemed(permit=text, use="run", digest="d"), "guard")
        journal.close()
    assert len(list(read(path))) == 4


def test_stray_bytes_in_a_name_are_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(Noted(message="x", fields={"path": os.fsdecode(b"/a/\xff\n\x00\x1b[31m")}), "diana")
    journal.append(UserSaid(text="after"), "person")
    assert len(list(read(path))) == 2
    assert verify(path, (journal.head,)).problem == ""


def test_a_subscriber_gets_every_entry_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(UserSaid(text="before"), "person")
    seen: list[Entry] = []
    journal.subscribe(seen.append)
    journal.append(UserSaid(text="after"), "person")
    assert [entry.seq for entry in seen] == [1, 2]
    assert seen == journal.entries


def test_threads_append_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    seen: list[int] = []

    def write(name: int) -> None:
        for number in range(25):
            journal.append(UserSaid(text=f"{name}.{number}"), "person")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    journal.subscribe(lambda entry: seen.append(entry.seq))
    for thread in threads:
        thread.join()
    assert verify(path).entries == 100
    assert sorted(seen) == list(range(1, 101)), "nothing twice, nothing missed"


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


def test_a_clock_set_back_changes_nothing_in_the_chain(tmp_path: Path) -> None:
    clock = Clock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    journal = Journal(tmp_path / "journal.jsonl", clock)
    journal.append(UserSaid(text="one"), "person")
    clock.now -= timedelta(days=400)
    journal.append(UserSaid(text="two"), "person")
    assert verify(journal.path).problem == ""
    assert [entry.at.year for entry in read(journal.path)] == [2026, 2025]


def test_ten_thousand_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    # Ten thousand real syncs take a minute on a slow disk; that each line is synced is counted instead.
    monkeypatch.setattr(os, "fsync", syncs.append)
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for number in range(5_000):
        journal.append(PermitRedeemed(permit=f"p{number}", use="run", digest="d"), "guard")
        journal.append(Answered(question="q", matched=False, plan_hash="h"), "person")
    assert len(syncs) >= 10_000, "each line is synced before anybody hears of it"
    journal.close()
    assert verify(path).entries == 10_000
    again = Journal(path)
    assert again.append(UserSaid(text="on"), "person").seq == 10_001
