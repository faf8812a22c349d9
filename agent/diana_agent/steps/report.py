"""Step 9: the migration log, rendered from the journal and never over another file (S9, O16)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from diana_agent.events import Reported, StepEntered, StepLeft
from diana_agent.report import render, summary, write
from diana_agent.run import Outcome, Run
from diana_config.folders import private
from diana_prompts.catalogue import Catalogue


async def report(run: Run) -> Outcome:
    """Write the log and show where it is.

    Raises:
        DianaError: `log_unwritable`.
    """
    path = await asyncio.to_thread(_written, run)
    run.write(Reported(path=str(path)), "tool")
    run.note("report.written", "good", path=str(path))
    run.write(StepEntered(step=10))
    run.note("summary", text=summary(run.journal.entries, run.catalogue))
    run.write(StepLeft(step=10, outcome="done", seconds=0.0))
    return Outcome("done", {"path": str(path)})


def _written(run: Run) -> Path:
    text = render(run.journal.entries, Catalogue(run.settings.document_language))
    own = run.settings.output_folder
    folder = Path(own) if own else private(run.folders.state / "logs")
    name = run.settings.log_name.replace("{date}", run.clock().strftime("%Y-%m-%d"))
    where = folder / name
    inside = run.project if where.is_relative_to(run.project) else run.folders.state
    return write(text, where.parent, where.name, inside)
