"""The property of the guard's design, played: 2,000 steps in `make test`, 100,000 in `make fuzz`.

Games are played in shards, and each shard has its own seed of the day; a failure says how to play its shard again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from guard.property_machine import Adversary, play
from shown import shown

STEPS = int(os.environ.get("DIANA_STEPS", "2000"))
DAY = int(os.environ.get("DIANA_TEST_DAY", "0"))
SHARDS = 4 if STEPS < 20_000 else 40
LENGTHS = (10, 16, 25, 40)
"""Steps of a game: many short ones, and long ones in which more can come together."""


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_property(shard: int, record_property: Callable[[str, object], None]) -> None:
    length = LENGTHS[shard % len(LENGTHS)]
    machine = type("Adversary", (Adversary,), {"found": list[str]()})
    try:
        tally = play(machine, STEPS // SHARDS, DAY * 1000 + shard, a_game=length)
        if not tally["changes"]:  # a day may be unlucky, and a property that never sees a change proves nothing
            tally += play(machine, STEPS // SHARDS, DAY * 1000 + shard + 500, a_game=length)
    except BaseException as error:
        error.add_note(
            f"Play it again: DIANA_TEST_DAY={DAY} DIANA_STEPS={STEPS} .venv/bin/python -m pytest "
            f"'tests/guard/test_property.py::test_property[{shard}]'"
        )
        raise
    line = "property: {steps} steps in {games} games, {changes} changes, each with the right to happen"
    shown(record_property, line, steps=tally["steps"], games=tally["games"], changes=tally["changes"])
    assert tally["changes"]
