"""A file that only the migration itself opens: what a rehearsal cleared is void when it changes (guard's design, 4)."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from diana_agent.call import Call, Said
from diana_agent.runtime import open_run, settings_of
from guard.ground import ScriptedPerson
from guard.test_ground import walk

SAMPLE = Path(__file__).parents[1] / "projects" / "alembic"
MIGRATION = '''"""runs a file"""
from pathlib import Path
from alembic import op

revision = "1"
down_revision = None


def upgrade():
    op.execute((Path(__file__).parents[2] / "up.sql").read_text())
'''


async def test_sql_file_that_changes_after_the_rehearsal(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    for path in (project / "migrations" / "versions").glob("*.py"):
        path.unlink()
    (project / "migrations" / "versions" / "one.py").write_text(MIGRATION)
    up = project / "up.sql"
    up.write_text("CREATE TABLE fresh (id INTEGER)")
    connection = sqlite3.connect(project / "app.db")
    connection.execute("CREATE TABLE users (id INTEGER)")
    connection.execute("INSERT INTO users VALUES (1)")
    connection.commit()
    connection.close()
    call = Call(project, {}, os.environ, Said(trust=True))
    person = ScriptedPerson(behaviour="yes")
    run = open_run(call, settings_of(call), person, "test")
    outcome = await walk(run, "detect", "connect", "plan")
    assert outcome.body["destructive"], "what nobody can read counts as destructive"
    await walk(run, "backup", "rehearse")
    assert not run.need_plan().destructive, "the rehearsal showed what it does"
    assert "up.sql" in dict(run.need_plan().opened)
    up.write_text("DROP TABLE users")
    outcome = await walk(run, "migrate")
    assert outcome.reason == "plan_changed"
    assert run.need_plan().destructive
    assert run.standing.rehearsal is None
    run.journal.close()
    connection = sqlite3.connect(project / "app.db")
    assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
    connection.close()
