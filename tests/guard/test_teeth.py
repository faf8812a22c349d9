"""The property has teeth: with any one check taken out by hand, its games end in a fault that the oracle names."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis.errors import FlakyFailure

from guard.faults import FAULTS
from guard.property_machine import Adversary, play

MOST = 600
"""Steps within which each fault must be noticed."""


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.parametrize("name", FAULTS)
def test_that_it_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted, found = FAULTS[name], list[str]()
    planted.plant(monkeypatch)
    machine = type("Adversary", (Adversary,), {"focus": planted.focus, "found": found})
    for number, length in zip(range(MOST // 100), itertools.cycle((8, 12)), strict=False):
        # A game with threads and processes may end otherwise when it is played again; that it was seen once counts.
        with suppress(AssertionError, FlakyFailure):
            play(machine, 100, number, a_game=length, shrink=False)
        if found:
            return
    pytest.fail(f"nobody noticed within {MOST} steps")
