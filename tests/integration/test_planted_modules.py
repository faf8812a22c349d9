"""A clone that holds modules named like libraries: none of it is imported, whatever PYTHONPATH leads to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import walking
from walking import Walker

pytestmark = pytest.mark.integration

NAMES = ("argparse", "json", "yaml", "pydantic", "sqlalchemy", "psycopg", "psutil", "anthropic", "textual")


@pytest.mark.parametrize("where", ["", "{project}/lib"])
def test_nothing_of_a_clone_is_imported_before_trust(tmp_path: Path, walker: Walker, where: str) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    mark = tmp_path / "imported"
    for folder in (project, project / "lib"):
        folder.mkdir(exist_ok=True)
        for name in NAMES:
            (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write(__file__)\n")
    walker.environ["PYTHONPATH"] = os.pathsep.join((where.format(project=project), "/nowhere"))
    in_it = replace(walker, folder=project) if not where else walker
    found = in_it.diana(project, "connect", "--json")
    assert (found.code, found.summary["reason"]) == (2, "project_not_trusted"), found
    assert not mark.exists(), mark.read_text()
