"""The wheel: all that is needed and nothing else, and it works in a folder that owns our folders' names."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tomllib
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from wheels import ROOT, build_wheel, uv

FOLDERS = ("agent", "tools", "prompts", "config")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DATA = (
    "diana_agent/demo/shop/alembic.ini", "diana_agent/demo/shop/migrations/env.py", "diana_agent/py.typed",
    "diana_agent/tui/screens/chat.tcss", "diana_config/py.typed", "diana_prompts/messages/en/core.toml",
    "diana_prompts/py.typed", "diana_prompts/system/safety.md", "diana_tools/databases/postgresql/catalog.sql",
    "diana_tools/probes/alembic_probe.py", "diana_tools/py.typed",
)  # fmt: skip

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and the dependencies of this one; returns its folder of programs."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, symlinks=True, with_pip=False)
    command = [uv(), "pip", "install", "--offline", "--no-deps", "--python", str(place / "bin/python"), str(wheel)]
    environ = {"PATH": os.environ["PATH"], "HOME": str(place), "UV_CACHE_DIR": str(place / "cache")}
    ran = subprocess.run(command, capture_output=True, text=True, env=environ)
    assert ran.returncode == 0, ran.stderr
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A person's folder with packages of its own by our folders' names, each of which must not be imported."""
    for name in (*FOLDERS, "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('{name} of the person was imported')\n")
    return tmp_path


def _run(folder: Path, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "PYTHONPATH": ".", "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(word) for word in argv], cwd=folder, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL
    )


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    there = {
        str(path.relative_to(ROOT / folder))
        for folder in FOLDERS
        for path in (ROOT / folder / f"diana_{folder}").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in _names(wheel) if ".dist-info/" not in name}
    assert inside == there
    assert set(DATA) <= inside


def test_the_wheel_says_who_it_is(wheel: Path) -> None:
    told = _metadata(wheel)
    assert (told["Name"], told["Version"]) == (PROJECT["name"], PROJECT["version"])
    assert len(told.get_all("Requires-Dist") or []) == len(PROJECT["dependencies"])
    assert "diana" in str(told.get_payload()).lower()
    assert any(name.endswith("licenses/LICENSE") for name in _names(wheel))


def test_it_runs_in_a_folder_that_owns_our_folders_names(installed: Path, crowded: Path) -> None:
    ran = _run(crowded, installed / "diana", "--version")
    assert (ran.returncode, ran.stdout) == (0, f"diana {PROJECT['version']}\n"), ran.stderr


def test_what_is_installed_is_the_wheel_and_not_the_checkout(installed: Path, crowded: Path) -> None:
    code = "import diana_agent, diana_tools, diana_prompts, diana_config as c; print(c.__file__, diana_agent.__file__)"
    ran = _run(crowded, installed / "python", "-c", code)
    assert all(name.startswith(str(installed.parent)) for name in ran.stdout.split()), ran.stdout + ran.stderr


@pytest.mark.parametrize("module", ["diana_agent.tui.app", "diana_agent.headless", "diana_agent.plain_chat"])
def test_every_face_loads_from_the_wheel(installed: Path, crowded: Path, module: str) -> None:
    ran = _run(crowded, installed / "python", "-c", f"import {module}")
    assert ran.returncode == 0, ran.stderr


def test_a_verb_runs_from_the_wheel_with_its_sentences(installed: Path, crowded: Path) -> None:
    ran = _run(crowded, installed / "diana", "config", "show")
    assert ran.returncode == 0, ran.stderr
    assert "timeout = 300" in ran.stdout


def test_the_demo_stands_from_the_wheel_and_is_led_to_its_plan(installed: Path, crowded: Path) -> None:
    ran = _run(crowded, installed / "diana", "demo", "--plain", "--folder", "place")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (crowded / "place/shop/shop.db").exists()
    assert "Plan code" in ran.stdout
