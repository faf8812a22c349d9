"""Interpreters in their order and within their bounds, and the variables that code reads."""

from __future__ import annotations

import sys
from pathlib import Path

from diana_tools.adapters.python_projects import OWN, dotenv, interpreters, repository, variables


def _environment(folder: Path) -> Path:
    program = folder / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text("home = /usr\n")
    return program


def _found(root: Path, tool_root: Path, module: str = "alembic", **environ: str) -> list[Path]:
    return list(interpreters(root, tool_root, environ, module))


def test_the_nearest_environment_comes_first_and_diana_s_own_last(tmp_path: Path) -> None:
    root, service = tmp_path / "repo", tmp_path / "repo" / "services" / "api"
    (root / ".git").mkdir(parents=True)
    far, near, other = _environment(root / ".venv"), _environment(service / "venv"), _environment(service / "env")
    assert _found(service, service) == [near, other, far, OWN]
    assert _found(service, service, "a_module_that_is_not_there") == [near, other, far]


def test_nothing_above_the_repository_is_taken(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    (root / ".git").mkdir(parents=True)
    _environment(tmp_path / ".venv")
    assert _found(root, root) == [OWN]


def test_without_a_repository_the_project_is_the_bound(tmp_path: Path) -> None:
    _environment(tmp_path / ".venv")
    (tmp_path / "shop" / "db").mkdir(parents=True)
    assert repository(tmp_path / "shop") == tmp_path / "shop"
    assert _found(tmp_path / "shop", tmp_path / "shop" / "db") == [OWN]


def test_an_active_environment_counts_only_inside(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    inside, outside = _environment(root / "python"), _environment(tmp_path / "outside")
    assert _found(root, root, VIRTUAL_ENV=str(inside.parents[1])) == [inside, OWN]
    assert _found(root, root, VIRTUAL_ENV=str(outside.parents[1])) == [OWN]


def test_a_folder_that_is_none_or_leads_outside_is_no_environment(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    _environment(tmp_path / "outside")
    (root / "env").mkdir(parents=True)
    (root / ".venv").symlink_to(tmp_path / "outside")
    plain = _environment(root / "venv")
    (root / "venv" / "pyvenv.cfg").unlink()
    assert plain.exists()
    assert _found(root, root) == [OWN]


ENV = """
import os
from decouple import config
from app import settings
from app.core.more import url
from .near import thing
import sqlalchemy
a = os.environ["SHOP_DATABASE_URL"]
b = os.getenv("SHOP_DB", "sqlite:///default.db")
c = config("DB_HOST", default="localhost")
d = os.environ.get("lower_case")
"""
SETTINGS = """
from pydantic_settings import BaseSettings, SettingsConfigDict
class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="APP_")
    database_uri: str = "sqlite:///settings.db"
    class Config:
        env_prefix = "APP_"
class Old(BaseSettings):
    db_password: str
"""


def test_names_are_found_in_the_file_and_in_the_project_s_own_modules(tmp_path: Path) -> None:
    files = {
        "migrations/env.py": ENV, "app/__init__.py": "", "app/settings.py": SETTINGS, "app/core/__init__.py": "",
        "app/core/more.py": "import os\nurl = os.environ['DEEP_DSN']\nimport app.settings\n",
        "near.py": "NAME = 'NEAR_PG_URL'\n", "unrelated.py": "x = 'UNRELATED_URL'\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {one.name: one.default for one in variables(tmp_path / "migrations/env.py", (tmp_path,))}
    assert found == {
        "SHOP_DATABASE_URL": "", "SHOP_DB": "sqlite:///default.db", "DB_HOST": "localhost", "DEEP_DSN": "",
        "APP_DATABASE_URI": "sqlite:///settings.db", "DB_PASSWORD": "", "NEAR_PG_URL": "",
    }  # fmt: skip


def test_code_that_does_not_parse_or_is_not_there_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text("def broken(:\n")
    assert variables(tmp_path / "env.py", (tmp_path,)) == ()
    assert variables(tmp_path / "gone.py", (tmp_path,)) == ()


def test_dotenv_files_are_read_as_plain_lines(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    (tmp_path / "near/.env").write_text("export A_URL='x'\n# B_URL=no\nnot a line\nlower=1\nC_URL=\"a=b\"\n")
    (tmp_path / ".env").write_text("A_URL=far\nD_URL = y\n")
    assert dotenv((tmp_path / "near", tmp_path)) == {"A_URL": "x", "C_URL": "a=b", "D_URL": "y"}
