"""A SQLite file is one database under all its names: what is kept of it, and its lock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diana_agent.lock import run_lock
from diana_agent.run import Run
from diana_config.known import KnownDatabases
from diana_tools.databases.sqlite.place import identity
from diana_tools.errors import LockHeld
from guard.ground import Ground
from guard.test_ground import walk


def said(ground: Ground, text: str) -> Run:
    """A run under the person's own settings."""
    ground.own_file = text
    file = ground.folders.config / "diana.toml"
    file.write_text(text)
    file.chmod(0o600)
    return ground.open()


async def test_a_settings_connection_that_cannot_be_read_stands_in_nobodys_way(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "loop.db").symlink_to(tmp_path / "loop.db")
    own = "".join(
        f'[environments.e{number}]\nlevel = "dev"\ndatabase = "{url}"\n'
        for number, url in enumerate((f"sqlite:///{tmp_path}/loop.db", "NOT_SET", "sqlite://", "postgresql://h/x"))
    )
    run = said(ground, own)
    await walk(run, "detect", "connect")
    assert run.standing.environment is not None
    assert run.standing.environment.because == ("own dev dev",)
    known = KnownDatabases(run.folders.state).same_file(str(ground.database))
    assert known is not None
    assert known.paths == (str(ground.database),)


@pytest.mark.parametrize("words", ['database = "sqlite:///{}"', 'databases = ["{}"]', 'database = "SHOP_URL"'])
async def test_a_file_that_the_settings_name_by_another_path_is_that(
    ground: Ground, tmp_path: Path, words: str
) -> None:
    other = tmp_path / "other.db"
    other.symlink_to(ground.database)
    run = said(ground, f'[environments.qa]\nlevel = "staging"\n{words.format(other)}\n')
    run.environ = {"SHOP_URL": f"sqlite:///{other}"}
    await walk(run, "detect", "connect")
    assert run.standing.environment is not None
    assert run.standing.environment.because == ("same_file qa staging", "own dev dev")


async def test_two_runs_through_two_names_exclude_each_other(ground: Ground, tmp_path: Path) -> None:
    run = ground.open()
    await walk(run, "detect", "connect")
    bench = run.need_bench()
    hard = tmp_path / "hard.db"
    hard.hardlink_to(ground.database)
    url = replace(bench.url, database=str(hard))
    other = replace(bench, url=url, identity=identity(url))
    assert other.identity.digest != bench.identity.digest
    with run_lock(run.folders.state, bench), pytest.raises(LockHeld), run_lock(run.folders.state, other):
        pass
    with run_lock(run.folders.state, other):
        pass
