"""Stores that look right in a settings file and cannot be opened are a sentence and exit 2, never a crash."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1] / "projects/alembic"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("kind", "location", "reason"),
    [("gcs", "gs://bucket", "store_kind_unknown"), ("s3", "bucket", "store_location_wrong")],
)
def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path, kind: str, location: str, reason: str) -> None:
    shutil.copytree(PROJECT, tmp_path / "project")
    with closing(sqlite3.connect(tmp_path / "project/app.db")) as made:
        made.execute("CREATE TABLE t (id INTEGER)")
    settings = tmp_path / "diana.toml"
    settings.write_text(f'[stores.elsewhere]\nkind = "{kind}"\nlocation = "{location}"\n')
    settings.chmod(0o600)
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("diana")), "connect", "--trust", "--json"],
        cwd=tmp_path / "project", capture_output=True, text=True, env={**os.environ, "DIANA_CONFIG": str(settings)},
    )  # fmt: skip
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, told["reason"]) == (2, reason), ran.stderr
    assert "elsewhere" in told["sentence"]
