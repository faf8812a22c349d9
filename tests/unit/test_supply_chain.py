"""What is installed is what was locked: every package from the index, by hash, with a lower bound; nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).parents[2]


class Archive(BaseModel):
    """One file of a locked package."""

    model_config = ConfigDict(extra="ignore")

    hash: str = ""


class Package(BaseModel):
    """One package of the lock file."""

    model_config = ConfigDict(extra="ignore")

    name: str
    source: dict[str, str]
    sdist: Archive | None = None
    wheels: list[Archive] = []


class Lock(BaseModel):
    """uv's lock file, as far as it is read here."""

    package: list[Package]


class Project(BaseModel):
    """The project's table of pyproject.toml, as far as it is read here."""

    dependencies: list[str]
    scripts: dict[str, str]


class Declared(BaseModel):
    """pyproject.toml, as far as it is read here."""

    project: Project
    groups: dict[str, list[str]] = Field(alias="dependency-groups")


def locked() -> list[Package]:
    return Lock.model_validate(tomllib.loads((ROOT / "uv.lock").read_text())).package


def declared() -> Declared:
    return Declared.model_validate(tomllib.loads((ROOT / "pyproject.toml").read_text()))


def test_every_package_comes_from_the_index_by_hash() -> None:
    packages = [one for one in locked() if "editable" not in one.source]
    assert len(packages) > 40
    for one in packages:
        assert list(one.source) == ["registry"], one.name
        files = [*one.wheels, *([one.sdist] if one.sdist else [])]
        assert files, one.name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", file.hash) for file in files), one.name


def test_every_direct_dependency_is_bounded_and_locked() -> None:
    names = {one.name for one in locked()}
    for said in declared().project.dependencies:
        name = re.split(r"[\[><=!~ ]", said, maxsplit=1)[0]
        assert name in names
        assert re.search(r">=|==", said), said


def test_set_up_installs_the_lock_and_nothing_newer() -> None:
    recipe = (ROOT / "Makefile").read_text()
    assert "sync --quiet --locked" in recipe
    assert "--strict" in recipe[recipe.index("\naudit:") :]


def test_the_package_puts_one_command_on_the_path() -> None:
    assert declared().project.scripts == {"diana": "diana_agent.cli:main"}
