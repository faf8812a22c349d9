"""A real run's record: what its chain finds, what only its anchors find, and what each verb says and shows of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from answers import Node
from diana_agent.events import Noted, UserSaid
from diana_agent.index import runs
from diana_agent.journal import Journal, read
from integration.kept_record import SOURCES, Kept, kept, lived, verdicts

__all__ = ["kept", "lived"]

pytestmark = pytest.mark.integration


def cut(path: Path) -> None:
    """Keep the beginning only, without a trace of the rest: all of it lies before the backup."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]))


def cut_last(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def rewrite(path: Path) -> None:
    """Another whole journal with a consistent chain, in which one word is another one."""
    entries = list(read(path))
    path.unlink()
    times = iter([entry.at + timedelta(seconds=1) for entry in entries])
    journal = Journal(path, lambda: next(times))
    for entry in entries:
        journal.append(entry.event, entry.actor)
    journal.close()


def test_a_whole_record_agrees_with_every_anchor_there_is(kept: Kept) -> None:
    code, found = kept.verify()
    assert (code, found["problem"], found["exit"], found["run"]) == (0, "", 0, kept.run)
    assert {one["source"].text for one in found["anchors"]} == set(SOURCES)
    assert {one["verdict"].text for one in found["anchors"]} == {"agrees"}
    code, out = kept.call("journal", "verify", kept.run[:11])
    assert code == 0
    assert "is whole" in out
    assert out.count("agrees: ") == len(found["anchors"])


@pytest.mark.parametrize("harm", [cut, rewrite])
@pytest.mark.parametrize("source", SOURCES)
def test_one_anchor_is_enough_to_find_a_cut_end_or_a_rewritten_whole(
    kept: Kept, source: str, harm: Callable[[Path], None]
) -> None:
    harm(kept.path)
    kept.only(source)
    code, found = kept.verify()
    assert (code, found["problem"]) == (9, "journal_cut"), found
    assert verdicts(found, source) == {"disagrees"}
    assert all("disagrees" not in verdicts(found, other) for other in SOURCES if other != source)
    code, out = kept.call("journal", "verify")
    assert code == 9
    assert "DISAGREES" in out


def test_the_very_last_line_is_missed_by_what_was_kept_after_it_alone(kept: Kept) -> None:
    cut_last(kept.path)
    code, found = kept.verify()
    assert code == 9
    assert verdicts(found, "heads") == {"disagrees"}
    assert verdicts(found, "manifest") == verdicts(found, "log") == {"agrees"}


def test_without_any_anchor_it_is_said_that_nothing_would_be_seen(kept: Kept) -> None:
    rewrite(kept.path)
    for source in SOURCES:
        for place in kept.places(source):
            place.unlink()
    code, found = kept.verify()
    assert verdicts(found, "log") == verdicts(found, "manifest") == verdicts(found, "store") == {"unreadable"}
    assert (code, found["problem"]) == (0, "")
    assert "not read" in kept.call("journal", "verify")[1]
    cut(kept.path)
    assert "No anchor was found" in kept.call("journal", "verify")[1]
    assert kept.verify("--anchor", "0" * 64)[0] == 0
    code, found = kept.verify("--anchor", "f" * 64, "--anchor", "nonsense")
    assert (code, verdicts(found, "given")) == (9, {"disagrees", "unreadable"})


def test_an_anchor_that_was_spoilt_is_named_and_accuses_nobody(kept: Kept) -> None:
    kept.places("manifest")[0].write_text("{}")
    kept.places("store")[0].write_text('{"backup": {"journal": 5}}')
    kept.places("log")[0].write_text("nothing")
    with kept.places("heads")[0].open("ab") as handle:
        handle.write(b"\xff{]\n")
    kept.places("index")[0].write_bytes(b"not a database at all, but somebody's file")
    code, found = kept.verify()
    assert (code, found["problem"]) == (0, "")
    for source in ("manifest", "store", "log", "heads"):
        assert "unreadable" in verdicts(found, source), source


@pytest.mark.parametrize("harm", [cut, rewrite])
def test_the_index_does_not_forget_a_head_that_is_gone(kept: Kept, harm: Callable[[Path], None]) -> None:
    harm(kept.path)
    for _ in range(2):
        assert [row.problem for row in runs(kept.runs)] == ["journal_cut"]
    kept.only("index")
    assert kept.verify()[0] == 9


def test_a_journal_that_is_gone_is_missed(kept: Kept) -> None:
    run = kept.run
    kept.path.unlink()
    code, found = kept.verify(run)
    assert (code, found["problem"], found["entries"]) == (9, "journal_missing", 0)
    code, found = kept.verify("--all")
    assert code == 9
    assert [one["run"] for one in found["runs"]] == [run]
    assert kept.call("journal", "show", run)[0] == 9
    assert kept.call("journal", "export", run)[0] == 9


def test_all_runs_of_a_database_are_verified_together(kept: Kept) -> None:
    good = kept.run
    other = Journal(kept.runs / "20200101T000000-aaaaaa.jsonl")
    other.append(UserSaid(text="one"), "person")
    other.append(UserSaid(text="two"), "person")
    other.close()
    code, found = kept.verify("--all")
    assert (code, [one["run"].text for one in found["runs"]]) == (0, ["20200101T000000-aaaaaa", good])
    assert [one["run"].text for one in kept.verify("--all", "app.db")[1]["runs"]] == [good]
    assert len(kept.verify("--all", "nobody's")[1]["runs"]) == 0
    other.path.write_bytes(other.path.read_bytes().replace(b"two", b"six"))
    code, out = kept.call("journal", "verify", "--all")
    assert code == 9
    assert "not whole: 1" in out
    assert kept.verify("--all", "app.db")[0] == 0


def test_a_run_is_named_by_the_beginning_of_its_id(kept: Kept) -> None:
    newest = kept.run
    for name in ("20200101T000000-aaaaaa", "20200101T000000-aaaabb"):
        journal = Journal(kept.runs / f"{name}.jsonl")
        journal.append(UserSaid(text=name), "person")
        journal.close()
    assert kept.verify("20200101T000000-aaaab")[1]["run"] == "20200101T000000-aaaabb"
    assert kept.verify()[1]["run"] == newest
    code, found = kept.verify("2020")
    assert (code, found["reason"]) == (2, "run_ambiguous")
    assert "20200101T000000-aaaabb" in found["sentence"].text
    for nobody in ("2019", "../runs", "*", "/etc/passwd"):
        assert kept.verify(nobody)[1]["reason"] == "no_such_run"


def test_what_is_exported_can_be_verified_by_anybody(kept: Kept) -> None:
    import hashlib

    code, out = kept.call("journal", "export")
    head, *entries = [json.loads(line) for line in out.splitlines()]
    assert (code, head["schema"], head["problem"], head["entries"]) == (0, "diana.journal/1", "", len(entries))
    assert {one["verdict"] for one in head["anchors"]} == {"agrees"}
    before = "0" * 64
    for one in entries:
        event = json.dumps(one["event"], sort_keys=True, ensure_ascii=False)
        text = "\n".join((before, str(one["seq"]), one["at"], one["actor"], event))
        assert hashlib.sha256(text.encode()).hexdigest() == one["hash"]
        before = one["hash"]
    assert head["head"] == before
    _, whole = kept.call("journal", "export", "--json")
    assert json.loads(whole)["events"] == entries
    last = entries[-1]["at"]
    _, some = kept.call("journal", "export", "--json", "--kind", "run_ended", "--since", last)
    assert [one["event"]["kind"] for one in json.loads(some)["events"]] == ["run_ended"]


def test_a_broken_record_is_shown_as_far_as_it_is_whole(kept: Kept) -> None:
    lines = kept.path.read_bytes().splitlines(keepends=True)
    kept.path.write_bytes(b"".join([*lines[:8], *lines[9:]]))
    code, out = kept.call("journal", "show")
    assert code == 9
    assert "breaks at line 9" in out
    code, out = kept.call("journal", "export", "--json")
    body = Node(json.loads(out))
    assert (code, body["problem"], len(body["events"])) == (9, "journal_broken", 8)
    assert kept.call("report")[0] != 0, "no log is made of what proves nothing"


HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\u202eevil\u200b\x9b31m\r\nnext\x00 " + "x" * 50_000


def test_hostile_content_drives_no_terminal(kept: Kept) -> None:
    journal = Journal(kept.path)
    journal.append(Noted(message="summary", fields={"text": HOSTILE}), "diana")
    journal.append(Noted(message="no.such.sentence", fields={"text": HOSTILE}), "diana")
    journal.append(UserSaid(text=HOSTILE), "person")
    journal.close()
    for words in (("show",), ("show", "--json"), ("export",), ("export", "--json"), ("verify",)):
        code, out = kept.call("journal", *words)
        assert code == 0
        for mark in ("\x1b", "\x07", "\u202e", "\x9b", "\x00", "\r", "\u200b"):
            assert mark not in out, (words, mark)
    shown = kept.call("journal", "show")[1].splitlines()
    assert max(map(len, shown)) < 600
    assert "(noted)" in shown[-2], "a sentence that nobody knows is its kind"


def test_show_can_be_narrowed(kept: Kept) -> None:
    _, out = kept.call("journal", "show", "--kind", "run_started", "--kind", "run_ended")
    assert [line.split()[-1] for line in out.splitlines()] == ["(run_started)", "(run_ended)"]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert kept.call("journal", "show", "--since", later)[1] == ""
    code, out = kept.call("journal", "show", "--since", "yesterday", "--json")
    assert (code, json.loads(out)["reason"]) == (2, "since_wrong")


def test_the_head_of_every_run_is_kept_privately(kept: Kept) -> None:
    place = kept.places("heads")[0]
    assert place.stat().st_mode & 0o777 == 0o600
    assert os.access(place, os.W_OK)
    [line] = place.read_text().splitlines()
    assert json.loads(line)["head"] == list(read(kept.path))[-1].hash
