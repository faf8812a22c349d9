"""Where env.py lies: what Alembic itself resolves, and whether that is sure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from alembic.config import Config

from diana_tools.adapters.alembic.adapter import Alembic
from diana_tools.adapters.alembic.scripts import LARGEST, Scripts, located
from diana_tools.adapters.base import Project
from diana_tools.connect import executed


def shop(
    folder: Path, ini: str | bytes | None, toml: str = "", section: str = "", config: str = "conf/my.ini"
) -> Project:
    """A project below `folder` whose tool runs in its root and is configured in a folder of its own."""
    for path, text in ((config, ini), ("pyproject.toml", toml)):
        if text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return Project(folder, folder, folder / config, section, folder / "python")


@pytest.mark.parametrize(
    ("ini", "toml", "expected"),
    [
        ("script_location = m", "", "m"),
        ("script_location = ./m/../n", "", "m/../n"),
        ("script_location = %(here)s/m", "", "conf/m"),
        ("loc = m\nscript_location = %(here)s/%(loc)s", "", "conf/m"),
        ("script_location = %(here)s/%(both)s", "", "conf/shared"),
        ("script_location = %(here)s/%(twice)s", "", "conf/conf-shared"),
        ("script_location = a%%b", "", "a%b"),
        ("script_location = /elsewhere/a:b", "", "/elsewhere/a:b"),
        ("script_location = m", 'script_location = "other"', "m"),
        ("other = 1", 'script_location = "%(here)s/a%%b"', "a%b"),
        ("other = 1", 'script_location = "m"', "m"),
    ],
)
def test_it_is_where_alembic_says(tmp_path: Path, ini: str, toml: str, expected: str) -> None:
    text = f"[DEFAULT]\nboth = shared\nword = conf\ntwice = %(word)s-%(both)s\n[alembic]\n{ini}\n"
    project = shop(tmp_path, text, f"[tool.alembic]\n{toml}\n")
    assert located(project) == Scripts(tmp_path / expected, sure=True)
    own = Config(str(project.config), toml_file=str(tmp_path / "pyproject.toml")).get_alembic_option("script_location")
    assert tmp_path / str(own) == tmp_path / expected


def test_a_section_has_its_own_location_and_the_defaults_one_otherwise(tmp_path: Path) -> None:
    text = "[DEFAULT]\nscript_location = one\n[alembic]\n[two]\nscript_location = two\n"
    assert located(shop(tmp_path, text)).folder == tmp_path / "one"
    assert located(shop(tmp_path, text, section="two")).folder == tmp_path / "two"
    assert located(shop(tmp_path, text, section="three")) == Scripts(tmp_path / "conf", sure=True)


def test_a_percent_in_the_folders_own_name_is_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "100%(here)s"
    assert located(shop(folder, "[alembic]\nscript_location = %(here)s/m\n")).folder == folder / "conf/m"


def test_an_ini_beside_comes_before_a_pyproject(tmp_path: Path) -> None:
    table = '[tool.alembic]\nscript_location = "%(here)s/m"\n'
    inside = shop(tmp_path, table, config="conf/pyproject.toml")
    assert located(inside) == Scripts(tmp_path / "conf/m", sure=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/n\n")
    assert located(inside) == Scripts(tmp_path / "n", sure=True)


@pytest.mark.parametrize(
    "text",
    [
        "[alembic]\nscript_location = %(nowhere)s/m\n",
        "[alembic]\nscript_location = 100%\n",
        "[alembic]\nscript_location = m\nscript_location = n\n",
        "no ini",
        b"[alembic]\nscript_location = m\n# \xff\n",
        "[alembic]\nscript_location = m\n#" + "x" * LARGEST,
    ],
    ids=["unknown", "percent", "twice", "broken", "bytes", "large"],
)
def test_what_cannot_be_resolved_is_not_sure(tmp_path: Path, text: str | bytes) -> None:
    assert located(shop(tmp_path, text)) == Scripts(tmp_path / "conf", sure=False)


def test_a_pipe_beside_that_nobody_can_read_is_not_sure(tmp_path: Path) -> None:
    project = shop(tmp_path, "[alembic]\nscript_location = m\n")
    os.mkfifo(tmp_path / "pyproject.toml")
    assert not located(project).sure


@pytest.mark.parametrize("location", ["%(nowhere)s/m", "%(here)d", "%", "%s %s"])
def test_a_pyproject_that_cannot_be_resolved_is_not_sure(tmp_path: Path, location: str) -> None:
    table = f'[tool.alembic]\nscript_location = "{location}"\n'
    assert not located(shop(tmp_path, "[alembic]\n", table)).sure


@pytest.mark.parametrize(
    ("prepend", "toml", "there", "expected"),
    [
        ("", "", ("pkg/__init__.py",), Scripts(Path("pkg/sub/m"), sure=True)),
        (".", "", ("pkg/__init__.py",), Scripts(Path("pkg/sub/m"), sure=True)),
        ("%(here)s/../lib", "", ("lib/pkg/__init__.py",), Scripts(Path("conf/../lib/pkg/sub/m"), sure=True)),
        ("lib", '["other"]', ("lib/pkg/__init__.py",), Scripts(Path("lib/pkg/sub/m"), sure=True)),
        ("", '["%(here)s/lib"]', ("lib/pkg/__init__.py",), Scripts(Path("lib/pkg/sub/m"), sure=True)),
        ("", '["lib", "."]', ("lib/pkg/__init__.py",), Scripts(Path("lib/pkg/sub/m"), sure=False)),
        ("", '"lib"', ("lib/pkg/__init__.py",), Scripts(Path("l/pkg/sub/m"), sure=False)),
        (". lib", "", ("pkg/__init__.py",), Scripts(Path("pkg/sub/m"), sure=False)),
        (".:lib", "", ("pkg/__init__.py",), Scripts(Path("pkg/sub/m"), sure=False)),
        ("lib", "", ("pkg/__init__.py",), Scripts(Path("lib/pkg/sub/m"), sure=False)),
        ("lib", "", ("pkg/sub/m/env.py",), Scripts(Path("pkg/sub/m"), sure=False)),
        ("", "", ("src/pkg/sub/m/env.py",), Scripts(Path("src/pkg/sub/m"), sure=False)),
    ],
)
def test_a_package_is_sure_only_where_python_looks_first(
    tmp_path: Path, prepend: str, toml: str, there: tuple[str, ...], expected: Scripts
) -> None:
    for path in there:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("")
    said = f"prepend_sys_path = {prepend}\n" if prepend else ""
    table = f"[tool.alembic]\nprepend_sys_path = {toml}\n" if toml else ""
    found = located(shop(tmp_path, f"[alembic]\nscript_location = pkg.sub:m\n{said}", table))
    assert found == Scripts(tmp_path / expected.folder, sure=expected.sure)


def test_what_is_not_sure_or_not_there_is_untold(tmp_path: Path) -> None:
    project = shop(tmp_path, "[alembic]\nloc = m\nscript_location = %(here)s/%(loc)s\n")
    project.interpreter.write_text("")
    env = tmp_path / "conf/m/env.py"
    assert executed(Alembic({}), [project]).untold == (str(env),)
    env.parent.mkdir()
    env.write_text("x = 1")
    code = executed(Alembic({}), [project])
    assert (code.untold, str(env) in dict(code.files)) == ((), True)
    project.config.write_text("[alembic]\nscript_location = %(nowhere)s\n")
    (tmp_path / "conf/env.py").write_text("x = 1")
    code = executed(Alembic({}), [project])
    assert (code.untold, str(tmp_path / "conf/env.py") in dict(code.files)) == (("env.py",), True)
    project.config.unlink()
    assert str(project.config) in executed(Alembic({}), [project]).untold


def test_a_relative_path_is_untold_whatever_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = shop(tmp_path, "[alembic]\nscript_location = %(nowhere)s\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "env.py").write_text("x = 1")
    assert "env.py" in executed(Alembic({}), [project]).untold


def test_the_variables_are_those_of_the_env_py_that_runs(tmp_path: Path) -> None:
    project = shop(tmp_path, "[alembic]\nloc = m\nscript_location = %(here)s/%(loc)s\n")
    (tmp_path / "conf/m").mkdir()
    (tmp_path / "conf/m/env.py").write_text("import os\nurl = os.environ['SHOP_DATABASE_URL']\n")
    told = Alembic({"SHOP_DATABASE_URL": "sqlite:///x.db", "OTHER": "sqlite:///y.db"}).probe(project)
    assert told.env["SHOP_DATABASE_URL"] == "sqlite:///x.db"
    assert "OTHER" not in told.env
