"""Every layout that Alembic's configuration has in the wild, found as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.base import Tree
from diana_tools.domain import Confidence, Detection

LOCATION = "[alembic]\nscript_location = {}\n"


def _found(root: Path, files: dict[str, str]) -> tuple[Detection, ...]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Alembic({}).detect(Tree(root, tuple(sorted(files))))


def _scripts(folder: str, *revisions: str) -> dict[str, str]:
    return {f"{folder}/env.py": "", f"{folder}/versions/__init__.py": "",
            **{f"{folder}/versions/{name}.py": "" for name in revisions or ("a1", "b2")}}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "location", "scripts", "root"),
    [
        ("alembic.ini", "migrations", "migrations", ""),
        ("alembic.ini", "%(here)s/db/alembic", "db/alembic", ""),
        ("api/alembic.ini", "migrations", "api/migrations", "api"),
        ("api/alembic.ini", "%(here)s/migrations", "api/migrations", "api"),
        ("conf/alembic.ini", "migrations", "migrations", ""),
        ("conf/alembic.ini", "%(here)s/../migrations", "migrations", "conf"),
        ("alembic.ini", "shop:migrations", "shop/migrations", ""),
        ("alembic.ini", "shop.core:db/migrations", "src/shop/core/db/migrations", ""),
        ("alembic.ini", "./migrations/", "migrations", ""),
    ],
)
def test_the_location_is_resolved_as_alembic_would(
    tmp_path: Path, config: str, location: str, scripts: str, root: str
) -> None:
    [found] = _found(tmp_path, {config: LOCATION.format(location), **_scripts(scripts)})
    assert (found.tool, found.config, found.section, found.confidence) == (
        "alembic",
        config,
        "alembic",
        Confidence.CERTAIN,
    )
    assert (found.root, found.migrations, found.count) == (root, f"{scripts}/versions", 2)
    assert [(item.path, item.why) for item in found.evidence] == [
        (config, "alembic_ini"), (f"{scripts}/env.py", "env_py"), (f"{scripts}/versions", "versions"),
    ]  # fmt: skip


def test_several_files_and_several_sections_are_several_finds(tmp_path: Path) -> None:
    files = {
        "alembic.ini": LOCATION.format("one") + "[reports]\nscript_location = two\n[alembic:exclude]\ntables = x\n",
        "alembic_prod.ini": LOCATION.format("one"),
        "tox.ini": "[tox]\nenvlist = py\n",
        **_scripts("one"),
        **_scripts("two", "x"),
    }
    found = _found(tmp_path, files)
    assert [(one.config, one.section, one.migrations) for one in found] == [
        ("alembic.ini", "alembic", "one/versions"), ("alembic.ini", "reports", "two/versions"),
        ("alembic_prod.ini", "alembic", "one/versions"),
    ]  # fmt: skip
    assert found[1].evidence[0].why == "alembic_section"


def test_a_default_that_all_sections_inherit_makes_none_of_them_a_find(tmp_path: Path) -> None:
    text = "[DEFAULT]\nscript_location = one\n[alembic]\n[loggers]\nkeys = root\n[prod]\nsqlalchemy.url = x\n"
    found = _found(tmp_path, {"alembic.ini": text, **_scripts("one")})
    assert [one.section for one in found] == ["alembic", "prod"]


def test_a_pyproject_alone_or_beside_an_ini(tmp_path: Path) -> None:
    table = '[tool.alembic]\nscript_location = "%(here)s/migrations"\n'
    [found] = _found(tmp_path, {"pyproject.toml": table, **_scripts("migrations")})
    assert (found.config, found.count, found.evidence[0].why) == ("pyproject.toml", 2, "pyproject_alembic")
    [found] = _found(tmp_path, {"pyproject.toml": table, "alembic.ini": "[alembic]\n", **_scripts("migrations")})
    assert (found.config, found.count, found.confidence) == ("alembic.ini", 2, Confidence.CERTAIN)
    assert [item.why for item in found.evidence[:2]] == ["alembic_ini", "pyproject_alembic"]
    assert _found(tmp_path, {"pyproject.toml": "[tool.ruff]\n"}) == ()


@pytest.mark.parametrize(
    ("name", "text"), [("alembic.ini", "not an ini\n"), ("pyproject.toml", "[tool.alembic]\nscript_location = 'x\n")]
)
def test_a_config_that_cannot_be_read_is_evidence_too(tmp_path: Path, name: str, text: str) -> None:
    [found] = _found(tmp_path, {name: text})
    assert (found.confidence, found.count) == (Confidence.POSSIBLE, 0)
    assert found.evidence[0].why == "config_broken"


def test_versions_may_lie_in_several_places_and_below_folders(tmp_path: Path) -> None:
    text = LOCATION.format("m") + "path_separator = os\nversion_locations = %(here)s/m/versions:core/versions\n"
    files = {"alembic.ini": text, **_scripts("m"), "core/versions/c3.py": "", "core/versions/2024/d4.py": ""}
    [found] = _found(tmp_path, files)
    assert found.count == 3
    [found] = _found(tmp_path, files | {"alembic.ini": text + "recursive_version_locations = true\n"})
    assert found.count == 4
    spaces = LOCATION.format("m") + "version_locations = m/versions, core/versions\n"
    assert _found(tmp_path, files | {"alembic.ini": spaces})[0].count == 3


def test_flask_migrate_is_told_by_its_layout(tmp_path: Path) -> None:
    [found] = _found(tmp_path, {"migrations/alembic.ini": "[alembic]\n", **_scripts("migrations")})
    assert (found.root, found.migrations) == ("", "migrations/versions")
    assert [item.why for item in found.evidence] == ["flask_migrate", "env_py", "versions"]


def test_less_evidence_is_less_sure(tmp_path: Path) -> None:
    [found] = _found(tmp_path, {"alembic.ini": LOCATION.format("gone")})
    assert (found.confidence, found.evidence[1].why) == (Confidence.POSSIBLE, "env_py_missing")
    [found] = _found(tmp_path, {"alembic.ini": LOCATION.format("m"), "m/env.py": ""})
    assert found.confidence is Confidence.LIKELY
    [found] = _found(tmp_path, {"alembic.ini": "[alembic]\nsqlalchemy.url = x\n"})
    assert (found.confidence, found.evidence[0].why) == (Confidence.POSSIBLE, "no_location")


def test_a_location_outside_the_project_is_not_followed(tmp_path: Path) -> None:
    [found] = _found(tmp_path, {"alembic.ini": LOCATION.format("../../etc")})
    assert (found.confidence, found.count) == (Confidence.POSSIBLE, 0)
