"""The names that exist in a run's database and its migrations: what an error may name before a remote model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from diana_agent.models.faults import parts
from diana_agent.workflow import Standing
from diana_tools.domain import Plan
from diana_tools.measured import State


def known_names(standing: Callable[[], Standing], text_of: Callable[[str], str | None]) -> Callable[[], frozenset[str]]:
    """The parts of every name that is known when it is asked, in small letters.

    They are of the measured schemas, of the plan, and in the text of its migrations, which is read once a plan.
    """
    read: dict[str, frozenset[str]] = {}
    last: list[tuple[Standing, frozenset[str]]] = []

    def known() -> frozenset[str]:
        now = standing()
        # A tool may print hundreds of lines, each of which asks.
        if not last or last[0][0] is not now:
            last[:] = [(now, _of_names(_names(now)) | _texts_of(now.plan, text_of, read))]
        return last[0][1]

    return known


def _texts_of(
    plan: Plan | None, text_of: Callable[[str], str | None], read: dict[str, frozenset[str]]
) -> frozenset[str]:
    if plan is None:
        return frozenset()
    if plan.plan_hash not in read:
        read[plan.plan_hash] = _of_names(text_of(one.path) or "" for one in plan.pending)
    return read[plan.plan_hash]


def _of_names(texts: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*map(parts, texts))


def _names(now: Standing) -> Iterator[str]:
    """Names alone: a definition may hold a value (a default, a check)."""
    for state in _states(now):
        yield from (found.name for found in state.schema.objects)
        yield from (table.table for table in state.tables)
    if now.plan is not None:
        yield from now.plan.tables
        yield from (finding.object for finding in now.plan.findings)


def _states(now: Standing) -> Iterator[State]:
    made = now.backup.state if now.backup is not None else None
    tried = (now.rehearsal.before, now.rehearsal.after) if now.rehearsal is not None else ()
    yield from (state for state in (now.before, now.after, made, *tried) if state is not None)
