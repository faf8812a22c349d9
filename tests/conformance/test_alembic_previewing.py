"""Alembic's own dry run: the whole script, or none and why; never a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.alembic_bench import INTERPRETERS, Bench, own_env, revision, sqlite_file, stock, table
from diana_tools.measured import Preview
from servers import PgDatabase

pytestmark = pytest.mark.integration


async def _preview(bench: Bench, *target: str) -> Preview:
    command = bench.adapter.preview(bench.project, await bench.probe(), target)
    assert command is not None
    return bench.adapter.parse_preview(await bench.query(command))


@pytest.mark.parametrize("interpreter", INTERPRETERS)
async def test_the_script_starts_where_the_database_stands_and_holds_nothing_else(
    tmp_path: Path, interpreter: str
) -> None:
    database = sqlite_file(tmp_path / "app.db")
    bench = stock(tmp_path / "shop", f"sqlite:///{database}", interpreter)
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", table("two")[0] + "\nprint('noise')", "pass")})
    assert bench.upgrade("a1").exit_code == 0
    before = database.read_bytes()
    shown = await _preview(bench, "b2")
    assert (shown.kind, shown.why) == ("offline_sql", "")
    assert "CREATE TABLE two" in shown.sql
    for absent in ("TABLE one", "TABLE three", "noise", "CREATE TABLE alembic_version"):
        assert absent not in shown.sql
    down = await _preview(bench)
    assert "DROP TABLE one" in down.sql
    assert database.read_bytes() == before


async def test_a_script_that_broke_off_is_none_at_all(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    reads = (
        "op.create_table('half', sa.Column('id', sa.Integer))\nop.get_bind().execute(sa.text('SELECT 1')).fetchall()"
    )
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", reads)})
    assert await _preview(bench, "c3") == Preview("offline_sql", "", "offline_failed")
    batch = "with op.batch_alter_table('one') as batch:\n    batch.drop_column('id')"
    bench.write({"migrations/versions/b2_two.py": revision("b2", "a1", batch)})
    assert await _preview(bench, "c3") == Preview("offline_sql", "", "offline_failed")


async def test_a_history_with_branches_has_no_range(tmp_path: Path) -> None:
    bench = stock(tmp_path / "shop", f"sqlite:///{sqlite_file(tmp_path / 'app.db')}")
    probe = await bench.probe()
    assert bench.adapter.preview(bench.project, probe, ("c3", "x9")) is None


async def test_an_env_py_without_an_offline_way_is_held_to_reading(tmp_path: Path, pg_database: PgDatabase) -> None:
    bench = own_env(tmp_path / "shop", f"create_engine({pg_database.url!r})")
    shown = await _preview(bench, "c3")
    assert "CREATE TABLE three" in shown.sql
    text = (bench.root / "migrations/env.py").read_text()
    write = "    connection.exec_driver_sql('CREATE TABLE mine (a int)')\n    context.configure("
    command = bench.adapter.preview(bench.project, await bench.probe(), ("c3",))
    assert command is not None
    bench.write({"migrations/env.py": text.replace("    context.configure(", write)})
    shown = bench.adapter.parse_preview(await bench.query(command))
    assert shown == Preview("offline_sql", "", "offline_failed")
    assert pg_database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
