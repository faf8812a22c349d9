"""A journal that is gone, or lies under another run's name: whatever still names the run misses it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from diana_agent.events import UserSaid
from diana_agent.journal import Journal
from diana_tools.databases import manifest
from integration.kept_record import Kept, kept, lived

__all__ = ["kept", "lived"]

pytestmark = pytest.mark.integration


def older(kept: Kept) -> str:
    """Another whole journal, of an earlier run."""
    journal = Journal(kept.runs / "20200101T000000-aaaaaa.jsonl")
    journal.append(UserSaid(text="one"), "person")
    journal.close()
    return journal.path.stem


@pytest.mark.parametrize("source", ["heads", "index", "log", "manifest"])
def test_the_newest_run_is_missed_whatever_alone_still_names_it(kept: Kept, source: str) -> None:
    """An older record that is whole must not stand in for the last one."""
    run, path = kept.run, kept.path
    before = older(kept)
    path.unlink()
    kept.only(source)
    place = str(kept.places(source)[0])
    for words in ((), (run,), (run[:13],)):
        code, found = kept.verify(*words)
        assert (code, found["run"], found["problem"], found["exit"]) == (9, run, "journal_missing", 9), words
        assert [one["place"].text for one in found["anchors"] if one["head"].text] == [place]
    code, found = kept.verify("--all")
    assert code == 9
    assert {one["run"].text: one["problem"].text for one in found["runs"]} == {before: "", run: "journal_missing"}
    code, out = kept.call("journal", "verify")
    assert code == 9
    assert f"The journal of the run {run} is missing" in out
    assert place in out.splitlines()[0]
    assert f"{run}: The journal of the run" in kept.call("journal", "verify", "--all")[1]


def test_a_copy_in_a_store_alone_misses_a_run_of_which_nothing_is_left_here(kept: Kept) -> None:
    run, path = kept.run, kept.path
    before = older(kept)
    path.unlink()
    kept.only("store")
    [gone] = kept.places("manifest")
    gone.unlink()
    [copy] = kept.places("store")
    for words in ((), (run,), (run[:13],)):
        code, found = kept.verify(*words)
        assert (code, found["run"], found["problem"]) == (9, run, "journal_missing"), words
        assert [one["place"].text for one in found["anchors"]] == [f"vault/{copy.name}"]
    assert f"stands in vault/{copy.name}" in kept.call("journal", "verify")[1]
    assert kept.verify(before)[0] == 0
    assert kept.verify("2019")[1]["reason"] == "no_such_run"
    copy.write_text(copy.read_text().replace(run, "zz/../x"))
    assert kept.verify()[1]["run"] == before, "what names no run is passed over"
    copy.write_text("{}")
    assert kept.verify()[1]["run"] == before


def test_a_store_that_cannot_be_asked_is_said_to_be_unread(kept: Kept) -> None:
    run = kept.run
    shutil.rmtree(kept.folder / "vault")
    code, found = kept.verify()
    assert (code, found["run"]) == (0, run)
    assert ("vault", "store_unreachable") in {
        (one["place"].text, one["problem"].text) for one in found["anchors"] if one["source"] == "store"
    }  # fmt: skip


def test_no_older_run_is_shown_or_reported_for_the_newest_of_this_machine(kept: Kept) -> None:
    run = kept.run
    kept.path.unlink()
    before = older(kept)
    assert kept.call("journal", "show")[0] == kept.call("journal", "export")[0] == 9
    assert kept.call("report")[0] != 0
    kept.only("log")
    assert kept.verify()[1]["run"] == run
    code, out = kept.call("journal", "export", "--json")
    assert (code, json.loads(out)["run"]) == (0, before), "a log may be of another machine"


def test_a_word_that_is_no_run_names_none(kept: Kept) -> None:
    line = f"diana journal verify {{}} --anchor {'a' * 64}\n"
    log = kept.places("log")[0]
    log.write_text(log.read_text() + line.format("zz") + line.format("../../x") + line.format("<run>"))
    made = manifest.read(kept.places("manifest")[0])
    manifest.update(replace(made, batch="zz/../x"))
    code, found = kept.verify()
    assert (code, found["run"]) == (0, kept.run)
    assert [one["run"].text for one in kept.verify("--all")[1]["runs"]] == [kept.run]


def test_what_cannot_be_read_names_nobody_and_stops_nothing(kept: Kept) -> None:
    kept.places("manifest")[0].write_text("{}")
    kept.places("index")[0].write_bytes(b"not a database at all, but somebody's file")
    log = kept.places("log")[0]
    log.unlink()
    log.mkdir()
    heads = kept.places("heads")[0]
    heads.unlink()
    heads.mkdir()
    assert kept.verify("--all")[1]["runs"][0]["run"] == kept.run
    assert kept.verify()[0] == 0


def test_a_journal_under_another_run_s_name_is_not_that_run_s(kept: Kept) -> None:
    run, path = kept.run, kept.path
    other = path.with_name("20991125T031210-abcdef.jsonl")
    shutil.copy(path, other)
    for words in ((other.stem,), ()):
        code, found = kept.verify(*words)
        assert (code, found["run"], found["problem"]) == (9, other.stem, "journal_of_another_run")
    assert "is another run's" in kept.call("journal", "verify")[1]
    code, found = kept.verify("--all")
    assert {one["run"].text: one["problem"].text for one in found["runs"]} == {
        run: "", other.stem: "journal_of_another_run",
    }  # fmt: skip
    assert kept.call("report", other.stem)[0] != 0
    code, out = kept.call("journal", "export", other.stem, "--json")
    assert (code, json.loads(out)["events"]) == (9, [])
