"""The command: which mutants to try, how many at once, and what is said at the end."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mutation.listing import Listing, due, load
from mutation.mutants import Mutant, told
from mutation.trial import Trial, Verdict

_MEMORY = "/dev/shm"
_PYTEST = (
    "-q", "-s", "-p", "no:cacheprovider", "-p", "no:terminalreporter", "--assert=plain", "--timeout=0",
    "--hypothesis-seed=1",
)  # fmt: skip
_BAD = ("survived", "stale")
PLACES = Path(__file__).with_name("places.py")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line; `part` of `parts` is a sample."""

    only: tuple[str, ...]
    part: int
    parts: int
    at_once: int
    places: Path
    into: Path | None
    verbose: bool
    listed: bool


def main(words: Sequence[str]) -> int:
    """Try the mutants: 0 when all were noticed, 1 when one survived, 2 when the tests fail by themselves."""
    wanted = _wanted(words)
    listing = load(wanted.places)
    every = listing.all()
    todo = [mutant for mutant in every if _is_wanted(mutant, wanted)]
    if wanted.listed:
        sys.stdout.write("".join(f"{mutant.name}\n" for mutant in todo))
        return 0
    gone = set(listing.equivalent) - {mutant.name for mutant in every}
    if gone:
        sys.stderr.write("".join(f"there is no such mutant: {name}\n" for name in sorted(gone)))
        return 2
    started = time.monotonic()
    trial = _tried(todo, wanted, listing.slow)
    if trial.own_failures or len(trial.verdicts) != len(todo):
        sys.stderr.write("\n".join([*trial.own_failures, "not every mutant was tried", ""]))
        return 2
    bad = _said(trial.verdicts, listing, len(every), wanted, time.monotonic() - started)
    return 1 if bad else 0


def _wanted(words: Sequence[str]) -> Wanted:
    parser = argparse.ArgumentParser(prog="tests/mutation")
    parser.add_argument("--only", action="append", default=[], help="a mutant's name, or a pattern of names")
    parser.add_argument("--part", default="0/1", help="K/N: the K-th of N samples")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)) + 2)
    parser.add_argument("--places", type=Path, default=PLACES)
    parser.add_argument("--json", type=Path, help="write the counts there")
    parser.add_argument("--verbose", action="store_true", help="one line a mutant")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    given = parser.parse_args(words)
    part, _, parts = given.part.partition("/")
    return Wanted(
        tuple(given.only), int(part), int(parts), given.jobs, given.places.resolve(), given.json, given.verbose,
        given.list,
    )  # fmt: skip


def _is_wanted(mutant: Mutant, wanted: Wanted) -> bool:
    if wanted.only:
        return any(fnmatch.fnmatchcase(mutant.name, pattern) for pattern in wanted.only)
    return due(mutant, wanted.part, wanted.parts)


def _tried(todo: Sequence[Mutant], wanted: Wanted, slow: Sequence[str]) -> Trial:
    # Memory, where there is some to write to: a journal's sync costs nothing there.
    folder = Path(tempfile.mkdtemp(prefix="mutants-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    trial = Trial(todo, wanted.at_once, folder)
    tests = sorted({test for mutant in todo for test in mutant.source.tests})
    os.environ["DIANA_TEST_ALL"] = "1"
    try:
        pytest.main([*tests, *(f"--deselect={test}" for test in slow), *_PYTEST], plugins=[trial])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return trial


def _said(verdicts: Sequence[Verdict], listing: Listing, every: int, wanted: Wanted, seconds: float) -> bool:
    """Write what was found; True when a mutant survived that should not, or one did not that was said to."""
    files: dict[str, Counter[str]] = {}
    for one in sorted(verdicts, key=lambda verdict: verdict.mutant.name):
        word = _word(one, listing)
        files.setdefault(one.mutant.source.path, Counter())[word] += 1
        if wanted.verbose or word in _BAD:
            sys.stdout.write(f"{word}: {one.mutant.name} {one.by}\n")
        if word in _BAD:
            sys.stdout.write(f"{told(one.mutant)}\n")
    for path, counts in files.items():
        sys.stdout.write(f"{path}: " + ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) + "\n")
    total = sum(files.values(), Counter[str]())
    killed, tried = total["killed"] + total["timed out"], len(verdicts) - total["equivalent"]
    sample = "" if len(verdicts) == every else f" (of {every} in all; a sample)"
    sys.stdout.write(
        f"mutants: {killed} killed of {tried}{sample}, {total['timed out']} of them by the time limit; "
        f"{total['equivalent']} change nothing that matters; {seconds:.0f} s\n"
    )
    if wanted.into is not None:
        counts = {"killed": killed, "tried": tried, "every": every, "equivalent": total["equivalent"]}
        wanted.into.write_text(json.dumps(counts))
    return any(total[word] for word in _BAD)


def _word(one: Verdict, listing: Listing) -> str:
    """What to call what became of a mutant: one that is said to change nothing must survive."""
    if one.mutant.name not in listing.equivalent:
        return one.outcome
    return "equivalent" if one.outcome == "survived" else "stale"
