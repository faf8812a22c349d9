"""The fault matrix: whatever goes wrong, no row is lost, nothing untrue is said, and the next call tells the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from answers import Result
from diana_tools import registry
from faults.cells import FAULTS, SHAPES, Cell, cells
from faults.grounds import Ground, Measured, PostgresqlGround, SqliteGround, Traffic, measured
from faults.scene import HEAD, Scene, left_running
from servers import PgDatabase
from shown import shown
from walking import Walker

pytestmark = pytest.mark.integration
CELLS = tuple(cells())
CLAIMS = {0: "applied", 9: "applied", 7: "unchanged", 4: "unchanged", 5: "unchanged", 11: "unchanged"}
"""What an exit code says of the database; 8 says that a person must look."""
_RESTORED, _COMPLETE = "Database restored to pre-migration state", "DATABASE MIGRATION COMPLETE"


def test_every_tool_and_engine_of_the_registry_is_in_the_matrix() -> None:
    here = {(tool, engine) for tool, adapter in registry.adapters().items() for engine in adapter.engines}
    assert here == set(SHAPES)
    assert len(CELLS) >= 40


def truth(before: Measured, now: Measured) -> str:
    """What became of the database, by its own driver alone."""
    if (now.columns, now.rows, now.versions) == (before.columns, before.rows, before.versions):
        return "unchanged"
    return "applied" if now.versions == (HEAD,) else "partial"


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_cell(
    tmp_path: Path, walker: Walker, request: pytest.FixtureRequest, cell: Cell,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    ground = _ground(tmp_path, cell, request)
    ground.person(walker)
    scene, traffic = Scene(walker, ground, tmp_path, cell.shape), Traffic(ground, cell.traffic)
    fault = FAULTS[cell.fault]
    with traffic.going():
        said, more = fault.play(scene)
        told = scene.next_call() if more else None
    now = measured(ground)
    real = truth(scene.before, now)
    if said is not None:
        assert said.code in fault.codes, said
        _judge(said, real, cell, told=more)
    if told is not None:
        _judge(told, real, cell, told=False)
    assert _rows(scene.before) <= _rows(now), "rows of before the run are gone"
    assert traffic.committed <= now.others, "rows of another session are gone"
    assert left_running(tmp_path) == []
    assert walker.leaks() == []
    last = told or said
    row = (*cell.id.split("-"), real, last.code if last is not None else "-")
    record_property("fault", " ".join(str(word).ljust(20) for word in row))
    line = "faults: {cells} cells of " + str(len(CELLS)) + " played, none with a lost row or an untrue word"
    shown(record_property, line, cells=1)


def _ground(folder: Path, cell: Cell, request: pytest.FixtureRequest) -> Ground:
    if cell.engine == "sqlite":
        return SqliteGround(folder)
    database: PgDatabase = request.getfixturevalue("pg_database")
    return PostgresqlGround(database)


def _judge(said: Result, real: str, cell: Cell, *, told: bool) -> None:
    """No claim is untrue: not the exit code's, not the state's, not a sentence's."""
    claim = CLAIMS.get(said.code)
    if claim is not None and not told:
        assert claim == real, (real, said)
    if said.code == 8 and real == "unchanged" and not told:
        assert cell.traffic == "customer", f"nothing is left, and a person is sent to look: {said}"
    state = said.summary.value.get("state") if isinstance(said.summary.value, dict) else None
    recovered = "recovery" in str(said.out) and '"recovered": true' in said.out
    if state in ("applied", "unchanged") and not recovered:
        assert state == real, (real, said)
    assert _COMPLETE not in said.err + said.out or real == "applied", said
    assert _RESTORED not in said.err + said.out or real == "unchanged", said


def _rows(state: Measured) -> set[tuple[str, object, object]]:
    """Table, key and second column of every row: columns that are added behind them may come and go."""
    return {(table, row[0], row[1]) for table, rows in state.rows if table != "half" for row in rows}
