"""A connection called one thing that goes to another (libpq's `hostaddr`) is as careful as the more careful one."""

from __future__ import annotations

from pathlib import Path

import pytest

import walking
from servers import PgDatabase
from walking import BASE, Walker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("how", ["in the URL", "in the environment"])
def test_an_address_behind_a_harmless_name_is_production(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase, how: str
) -> None:
    walking.pg_shop(pg_database)
    server, name = pg_database.server, pg_database.name
    walker.say(
        walking.careful_person(tmp_path / "vault")
        + f'[environments.eu]\nlevel = "production"\nhosts = ["{server.host}:{server.port}"]\ndatabases = ["{name}"]\n'
        '[environments.box]\nlevel = "dev"\nhosts = ["devbox"]\n'
    )
    url = f"postgresql+psycopg://{server.user}:{server.password}@devbox:{server.port}/{name}"
    if how == "in the URL":
        url += f"?hostaddr={server.host}"
    else:
        walker.environ["PGHOSTADDR"] = server.host
    text = walking.migration("2b0000000002", BASE, 'op.execute("DELETE FROM audit_log")')
    project, before = walking.project(tmp_path / "shop", url, text), walking.pg_dump(pg_database)
    asked = walker.diana(project, "migrate", "--yes", "--skip-rehearsal", "--trust", "--expected-db", name, "--json")
    assert asked.code == 2, asked
    assert "production" in asked.err, asked
    assert walking.pg_dump(pg_database) == before


def test_what_a_name_resolves_to_need_not_be_named(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    server, name = pg_database.server, pg_database.name
    walker.say(f'[environments.box]\nlevel = "dev"\nhosts = ["localhost:{server.port}"]\ndatabases = ["{name}"]\n')
    url = f"postgresql+psycopg://{server.user}:{server.password}@localhost:{server.port}/{name}"
    text = walking.migration("2b0000000002", BASE, 'op.execute("CREATE TABLE fine (id int)")')
    project = walking.project(tmp_path / "shop", url, text)
    done = walker.diana(project, "plan", "--trust", "--expected-db", name, "--json")
    assert done.code == 0, done
