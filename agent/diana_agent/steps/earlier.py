"""What earlier runs recorded about this database, read from their journals."""

from __future__ import annotations

from diana_agent.journal import read
from diana_agent.run import Run
from diana_agent.workflow import Standing, fold
from diana_tools.errors import DianaError


def last_change(run: Run) -> Standing | None:
    """Where the newest run stood that changed the connected database; a journal that is broken is passed over."""
    identity = run.need_bench().identity.digest
    paths = sorted(run.journal.path.parent.glob("*.jsonl"), key=lambda path: path.name, reverse=True)
    for path in paths:
        if path == run.journal.path:
            continue
        try:
            standing = fold(entry.event for entry in read(path))
        except DianaError:
            continue
        if standing.change is not None and standing.plan is not None and standing.plan.identity == identity:
            return standing
    return None
