"""A plan knows which modules are the project's: one that is called like a harmless one is not taken for it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from diana_agent.call import Call, Said
from diana_agent.runtime import open_run, settings_of
from guard.ground import ScriptedPerson
from guard.test_ground import walk

SAMPLE = Path(__file__).parents[1] / "projects" / "alembic"
MIGRATION = '''"""imports what may be anybody's"""
import statistics

from alembic import op

revision = "1"
down_revision = None


def upgrade():
    statistics.median([1, 2, 3])
    op.execute("CREATE TABLE fresh (id INTEGER)")
'''


async def test_a_module_of_the_project_is_unread_whatever_it_is_called_after(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    for path in (project / "migrations" / "versions").glob("*.py"):
        path.unlink()
    (project / "migrations" / "versions" / "one.py").write_text(MIGRATION)
    with closing(sqlite3.connect(project / "app.db")) as connection:
        connection.execute("CREATE TABLE users (id INTEGER)")
    call = Call(project, {}, os.environ, Said(trust=True))
    run = open_run(call, settings_of(call), ScriptedPerson(behaviour="yes"), "test")
    await walk(run, "detect", "connect", "plan")
    assert not [one.why for one in run.need_plan().unread]
    (project / "statistics.py").write_text("def median(of):\n    return 2\n")
    await walk(run, "detect", "connect", "plan")
    assert [one.why for one in run.need_plan().unread] == ["AC002.imported_module"]
    run.journal.close()
