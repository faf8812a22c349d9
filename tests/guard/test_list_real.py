"""Lines of the list that need real processes, real servers and a real Alembic."""

from __future__ import annotations

import ast
import select
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import walking
from diana_tools.backup import differences
from diana_tools.databases.postgresql import DATABASE
from integration.conftest import walker
from integration.pg_ground import ground
from integration.test_interruptions import DEV, Gate, until
from servers import PgDatabase
from walking import Walker

__all__ = ["walker"]
ROOT = Path(__file__).parents[2]


@pytest.mark.integration
def test_two_dianas_at_once(tmp_path: Path, walker: Walker) -> None:
    """Two processes of one person; while one changes the database the other starts nothing, and says so."""
    database, gate = walking.sqlite_shop(tmp_path / "app.db"), Gate(tmp_path)
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}", gate.migration)
    words = ("migrate", "--skip-rehearsal", *DEV)
    both = [walker.start(project, *words), walker.start(project, *words)]
    until(lambda: any(one.poll() is not None for one in both), "one of them gave way")
    gone = next(one for one in both if one.poll() is not None)
    refused = walker.finish(gone, words)
    assert (refused.code, refused.summary["reason"]) == (11, "database_held"), refused
    gate.gate.touch()
    both.remove(gone)
    done = walker.finish(both[0], words)
    assert (done.code, done.summary["status"], gate.times) == (0, "done", 1), done
    assert walking.rows(database, "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'note'") == [(1,)]


@contextmanager
def tunnel(port: int) -> Generator[int]:
    """A port on loopback that leads to another one, as `ssh -L` makes it; yields its number."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_forward, args=(listening, port), daemon=True).start()
        yield int(listening.getsockname()[1])


def _forward(listening: socket.socket, port: int) -> None:
    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pass, args=(near, far), daemon=True).start()


def _pass(near: socket.socket, far: socket.socket) -> None:
    with near, far, suppress(OSError):
        while True:
            for ready in select.select([near, far], [], [])[0]:
                data = ready.recv(65_536)
                if not data:
                    return
                (far if ready is near else near).sendall(data)


@pytest.mark.integration
def test_ssh_tunnel_on_loopback(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    """Unknown, it is nobody's dev; once its server is known as production it is production, whatever a flag says."""
    walking.pg_shop(pg_database)
    with tunnel(pg_database.port) as port:
        through = walking.project(tmp_path / "through", pg_database.url.replace(f":{pg_database.port}/", f":{port}/"))
        unnamed = walker.diana(through, "connect", "--trust", "--json", "--environment", "dev")
        assert (unnamed.code, unnamed.summary["reason"]) == (2, "environment_unnamed"), unnamed
        vault = walking.careful_person(tmp_path / "vault")
        walker.say(walking.person_of(pg_database.server, **{pg_database.name: "production"}) + vault)
        direct = walking.project(tmp_path / "direct", pg_database.url)
        known = walker.diana(direct, "connect", "--trust", "--json", "--expected-db", pg_database.name)
        assert known.summary["environment"]["level"] == "production", known
        again = walker.diana(
            through, "connect", "--trust", "--json", "--environment", "dev", "--expected-db", pg_database.name
        )
        assert again.summary["environment"]["level"] == "production", again


ESCAPES = r"""
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('1a0000000001');
CREATE TABLE users (id serial PRIMARY KEY, note text);
INSERT INTO users (note) VALUES (E'\! touch {mark}'), (E'
\! touch {mark}
'), (E'\.
\! touch {mark}
');
CREATE TABLE "x
\! touch {mark}
" (id int);
COMMENT ON TABLE users IS E'x
\! touch {mark}
.shell touch {mark}
';
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS E'SELECT 1 /*
\! touch {mark}
*/';
"""


@pytest.mark.integration
async def test_shell_escapes_in_a_database_and_in_its_backup(tmp_path: Path, pg_database: PgDatabase) -> None:
    """Names, comments, bodies and rows that psql would obey (CVE-2025-8714) go through a backup and back as text."""
    mark = tmp_path / "escaped"
    with ground(tmp_path, pg_database, ESCAPES.replace("{mark}", str(mark))) as here:
        made = await here.backup()
        pg_database.execute("DELETE FROM users")
        kept = await DATABASE.restore(here.doors, here.url, made, here.scratch, here.restore_grant(made))
        pg_database.server.drop(kept)
        assert differences(made.state, here.state()) == ()
    assert not mark.exists()


SHELLS = {"psql", "mysql", "mariadb", "sqlcmd", "mongosh", "sqlplus", "sh", "bash", "zsh", "dash", "cmd.exe"}
"""Programs that run what stands in a file of SQL; `sqlite3` is also a module and a scheme, and looked at by hand."""


def programs(source: Path) -> set[str]:
    """What a file's tuples and lists begin with that could be a program: the shape of every argv."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Tuple | ast.List) and node.elts and isinstance(first := node.elts[0], ast.Constant):
            found.add(str(first.value).rpartition("/")[2].split(" ")[0])
        if isinstance(node, ast.Call) and node.args and isinstance(first := node.args[0], ast.Constant):
            found.add(str(first.value).rpartition("/")[2].split(" ")[0])
    return found


@pytest.mark.parametrize(
    "code", ["argv = ('/usr/bin/psql', '-f', file)", "run(['sh', '-c', text])", "found.path('psql')"]
)
def test_a_shell_would_be_seen(tmp_path: Path, code: str) -> None:
    (tmp_path / "one.py").write_text(code)
    assert programs(tmp_path / "one.py") & SHELLS


def test_no_shell_of_any_database_is_ever_started() -> None:
    sources = [path for part in ("agent", "tools") for path in (ROOT / part).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): programs(path) & (SHELLS | {"sqlite3"}) for path in sources}
    used = {path: names for path, names in found.items() if names}
    assert used == {}
