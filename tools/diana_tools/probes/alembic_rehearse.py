"""The migrations on a scratch database, by the project's own env.py; any other database is refused.

A connection is handed out only after the database behind it has shown the marker: for SQLite before the file is
opened, for PostgreSQL by the driver's own `connect`, so below SQLAlchemy and below what the project believes. While
a migration runs it may neither start programs nor open other network connections. Prints one marked line of JSON a
migration, with the SQL that ran, and one at the end.
"""

import functools
import os
import sys
import time

import alembic_capture as capture
import alembic_child as child
import alembic_doors as doors
import alembic_files as files


def main():
    """Run, report, and end at once; exit code 0 when all migrations passed."""
    kept = child.private_stdout()
    parser = child.new_parser()
    parser.add_argument("--marker", required=True)
    parser.add_argument("--direction", choices=("up", "down"), required=True)
    parser.add_argument("targets", nargs="*")
    chosen = parser.parse_args()
    files.watch_files()
    run = Run(chosen, lambda body: child.report(kept, body))
    end = {"end": True, "marker": "", "failed": "", "error": "", "words": ""}
    try:
        child.like_python_m_alembic()
        run.run()
    except BaseException as error:
        cause = child.refusals[0] if child.refusals else error
        code, words = child.code_of(cause), child.words_of(cause, chosen.root)
        # What fails inside a migration is the migration's failure, whatever env.py's would be called.
        end.update(error="migration_failed" if run.failed and code in _OF_ENV else code, words=words, failed=run.failed)
    end["marker"] = run.marker
    # The config is a copy of Diana's own, for the scratch: what it is made of is in the plan by the look.
    seen = files.loaded_files(chosen.root, besides=[chosen.config])
    end["opened"] = [[name, child.sha256(chosen.root / name)] for name in seen]
    run.tell(end)
    sys.stderr.flush()
    os._exit(1 if end["error"] else 0)


_OF_ENV = ("env_failed", "env_writes", "database_locked", "config_broken", "variable_missing", "connection_refused")


class Run:
    """One rehearsal: what was seen of the marker, and which migration runs or failed."""

    def __init__(self, chosen, tell):
        self.chosen = chosen
        self.tell = tell
        self.recorder = capture.Recorder()
        self.marker = ""
        self.failed = ""
        self.seen = False
        self.open = None

    def run(self):
        """Guard every way to a database, then let the project's env.py run the steps.

        Whatever fails is raised.
        """
        import alembic.runtime.migration as migration
        from alembic.script import ScriptDirectory
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        doors.guard_sqlite(self._must_be_scratch, self.recorder.watch_sqlite, read_only=False)
        doors.hold_postgresql()
        doors.guard_drivers(self.chosen.marker)
        event.listen(Engine, "do_connect", self._before_connect)
        self.recorder.watch_sqlalchemy()
        self.recorder.watch_psycopg()
        doors.guard_steps()
        migration.log = child.announce(migration.log)
        words = ["upgrade" if self.chosen.direction == "up" else "downgrade", "heads"]
        _, config, _ = child.configuration(self.chosen, words)
        script = ScriptDirectory.from_config(config)
        try:
            child.run_environment(config, script, lambda heads, context: self._steps(script, heads, context))
        finally:
            self._close()
        if child.refusals:
            raise child.refusals[0]
        if not self.seen:
            raise child.Refused("env_never_ran", "")

    def _must_be_scratch(self, path):
        if doors.sqlite_marker(path) != self.chosen.marker:
            raise child.refuse("marker_not_seen", path)

    def _before_connect(self, dialect, _record, arguments, parameters):
        doors.before_connect(dialect, arguments, parameters, limits=False)
        if dialect.name != "postgresql" or dialect.driver == "asyncpg" or dialect.driver.startswith("psycopg"):
            return None
        with doors.own_way():
            return doors.admit(dialect.connect(*arguments, **parameters), self.chosen.marker)

    def _steps(self, script, heads, context):
        """Alembic's own steps, each timed and listened to, once the migration's very connection showed the marker."""
        self.seen = True
        self.marker = self._marker_of(context)
        self.recorder.version_table = context.version_table
        if self.marker != self.chosen.marker:
            raise child.refuse("marker_not_seen", "")
        for step in child.steps(script, self.chosen.direction, self.chosen.targets, heads):
            step.migration_fn = self._listened(step, step.migration_fn)
            yield step

    def _marker_of(self, context):
        connection = context.connection
        if connection is None or context.dialect.name not in doors.ENGINES:
            return ""
        if context.dialect.name == "sqlite":
            rows = connection.exec_driver_sql("PRAGMA database_list").fetchall()
            path = next((row[2] for row in rows if row[1] == "main"), "")
            return doors.sqlite_marker(path) if path else ""
        ask = connection.exec_driver_sql
        return doors.converse(doors.marker_questions(), lambda sql: [tuple(row) for row in ask(sql).fetchall()])

    def _listened(self, step, real):
        @functools.wraps(real)
        def migrate(**options):
            self._close()
            started = time.monotonic()
            self.failed = step.revision.revision
            self.recorder.start(step.revision.path)
            try:
                with doors.stepping():
                    real(**options)
                self.failed = ""
            finally:
                seconds = round(time.monotonic() - started, 6)
                self.recorder.rest()
                self.open = {"migration": step.revision.revision, "passed": not self.failed, "seconds": seconds}

        return migrate

    def _close(self):
        """Tell of the last migration, once nothing more can run that belongs to it: env.py may go on after it."""
        if self.open is not None:
            self.tell({**self.open, "statements": self.recorder.finish()})
            self.open = None


if __name__ == "__main__":
    main()
