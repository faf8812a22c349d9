"""Taking a failed run back is a change in flight like the run: nobody stops it, and a kill does not hide it."""

from __future__ import annotations

from diana_agent.events import ChangeFinished, ChangeStarted, Recovered, RecoveryStarted
from diana_agent.workflow import fold, next_verbs
from diana_tools.measured import ChangeResult, RecoveryResult

STARTED = ChangeStarted(permit="p", act="apply", argv=("tool", "up"), log="runs/p-run")
FAILED = ChangeFinished(permit="p", act="apply", result=ChangeResult(1, 0.1, "partial", ("1",), ("2",), "x"))
BACK = RecoveryStarted(permit="p", act="apply", argv=("tool", "down"), log="runs/p-back")
DONE = Recovered(result=RecoveryResult("b", recovered=True))


def test_a_recovery_is_in_flight_until_it_was_measured() -> None:
    assert fold((STARTED, FAILED)).in_flight is None
    during = fold((STARTED, FAILED, BACK))
    assert during.in_flight is not None
    assert (during.in_flight.log, during.change) == ("runs/p-back", FAILED)
    assert "migrate" not in next_verbs(during, "execute")
    after = fold((STARTED, FAILED, BACK, DONE))
    assert (after.in_flight, after.recovered) == (None, DONE)
