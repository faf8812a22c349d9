"""Step 9: the migration log, rendered from the journal and never over another file (S9, O16)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from diana_agent.events import Reported
from diana_agent.report import render, write
from diana_agent.run import Outcome, Run
from diana_prompts.catalogue import Catalogue


async def report(run: Run) -> Outcome:
    """Write the log and show where it is.

    Raises:
        DianaError: `log_unwritable`.
    """
    path = await asyncio.to_thread(_written, run)
    run.write(Reported(path=str(path)), "tool")
    run.note("report.written", "good", path=str(path))
    return Outcome("done", {"path": str(path)})


def _written(run: Run) -> Path:
    text = render(run.journal.entries, Catalogue(run.settings.document_language))
    folder = Path(run.settings.output_folder) if run.settings.output_folder else run.folders.state / "logs"
    name = run.settings.log_name or "database-migration-log-{date}.md"
    return write(text, run.project / folder, name.replace("{date}", run.clock().strftime("%Y-%m-%d")))
