"""Every driver that an interpreter has, asynchronous ones too: looked at, refused and rehearsed alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.alembic_bench import ASYNC, DRIVERS, MARKER, Bench, at, sqlite_file, stock, tables
from diana_tools.adapters.base import Shape
from servers import PgDatabase, PgServer

pytestmark = pytest.mark.integration

_ASYNCHRONOUS = ("asyncpg", "aiosqlite", "psycopg_async")
_NAMES = [f"{Path(interpreter).parents[1].name}-{driver}" for interpreter, driver in DRIVERS]


def _project(folder: Path, url: str, interpreter: str) -> Bench:
    bench = stock(folder, url, interpreter)
    if url.partition(":")[0].rpartition("+")[2] in _ASYNCHRONOUS:
        bench.write({"migrations/env.py": ASYNC})
    return bench


@pytest.mark.parametrize(("interpreter", "driver"), DRIVERS, ids=_NAMES)
async def test_a_driver_is_held_to_reading_redirected_and_kept_from_the_target(
    tmp_path: Path, pg_server: PgServer, pg_database: PgDatabase, interpreter: str, driver: str
) -> None:
    if driver.startswith("sqlite"):
        await _sqlite(tmp_path, interpreter, driver)
        return
    url = pg_database.url.replace("postgresql+psycopg", driver)
    bench = _project(tmp_path / "shop", url, interpreter)
    probe = await bench.probe()
    assert (probe.error, probe.error_text, probe.shape) == ("", "", Shape.WHOLE_RUN)
    assert probe.url is not None
    assert (probe.url.address, probe.url.password) == (pg_database.target.address, pg_database.password)
    assert probe.server.isdigit()

    env = (bench.root / "migrations/env.py").read_text()
    write = "connection.exec_driver_sql('CREATE TABLE mine (a int)'); context.configure(connection"
    writes = env.replace("context.configure(connection", write)
    assert (await bench.write({"migrations/env.py": writes}).probe()).error == "env_writes"
    bench.write({"migrations/env.py": env})

    scratch = pg_server.create(f"{pg_database.name}_scratch")
    try:
        scratch.execute(
            f"CREATE TABLE diana_scratch_marker (token text); INSERT INTO diana_scratch_marker VALUES ('{MARKER}')"
        )
        seen = await bench.probe(bench.redirected(scratch.target))
        told, _ = bench.rehearse(scratch.target, "c3")
        assert (seen.marker, told.error, told.applied) == (MARKER, "", ("a1", "b2", "c3"))
        hard = env.replace('context.config.get_main_option("sqlalchemy.url")', repr(url)).replace(
            "engine_from_config(section,", f"engine_from_config({{'sqlalchemy.url': {url!r}}},"
        )
        assert hard != env
        seen = await bench.write({"migrations/env.py": hard}).probe(bench.redirected(scratch.target))
        told, output = bench.write({"migrations/env.py": hard}).rehearse(scratch.target, "c3")
        assert (seen.error, seen.marker) == ("", "")
        assert (told.error, output.exit_code) == ("marker_not_seen: postgresql", 1)
    finally:
        pg_server.drop(scratch.name)
    assert pg_database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    bench.write({"migrations/env.py": env})
    assert bench.upgrade("a1").exit_code == 0
    assert (await bench.probe()).current == ("a1",)


async def _sqlite(folder: Path, interpreter: str, driver: str) -> None:
    target, scratch = sqlite_file(folder / "app.db"), sqlite_file(folder / "scratch.db", marker=MARKER)
    before = target.read_bytes()
    bench = _project(folder / "shop", f"{driver}:///{target}", interpreter)
    probe = await bench.probe()
    assert (probe.error, probe.error_text, len(probe.pending)) == ("", "", 3)
    seen = await bench.probe(bench.redirected(at(scratch)))
    told, _ = bench.rehearse(at(scratch), "c3")
    assert (seen.marker, told.error, told.applied) == (MARKER, "", ("a1", "b2", "c3"))
    text = (bench.root / "migrations/env.py").read_text()
    hard = text.replace('context.config.get_main_option("sqlalchemy.url")', repr(f"{driver}:///{target}"))
    told, _ = bench.write({"migrations/env.py": hard}).rehearse(at(scratch), "c3")
    assert told.error == f"marker_not_seen: {target}"
    assert target.read_bytes() == before
    assert "kept" in tables(target)
