"""Code behind a link, outside the project or of an odd suffix: changed after the yes, it is not run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import walking
from walking import BASE, Terminal, Walker

pytestmark = pytest.mark.integration

HELPED = walking.migration("2b0000000002", BASE, "import helper\nhelper.go()")
SPELLED_OUT = walking.migration(
    "2b0000000002", BASE,
    'from pathlib import Path\nop.execute((Path(__file__).parent / "change.ddl").read_text())',
)  # fmt: skip
HARMLESS = 'from alembic import op\ndef go():\n    op.execute("CREATE TABLE fine (id INTEGER)")\n'
DROPPING = f'{HARMLESS}    op.execute("DROP TABLE customer")\n'
WORDS = ("--trust", "--environment", "live", "--expected-db", "app.db", "--json")
SKIPPED = (*WORDS, "--skip-rehearsal")

Lay = Callable[[Path, str], tuple[Path, Path]]
"""Writes a project below a folder for a URL; the project, and the file whose words are changed later."""


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def behind_a_link(folder: Path, url: str) -> tuple[Path, Path]:
    project = walking.project(folder / "project", url, HELPED)
    helper = _written(folder / "out/real.py", HARMLESS)
    (project / "helper.py").symlink_to(helper)
    return project, helper


def in_the_repository(folder: Path, url: str) -> tuple[Path, Path]:
    project = walking.project(folder / "project", url, HELPED)
    (folder / ".git").mkdir()
    ini = project / "alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]\n", "[alembic]\nprepend_sys_path = ../common\n", 1))
    return project, _written(folder / "common/helper.py", HARMLESS)


def elsewhere(folder: Path, url: str) -> tuple[Path, Path]:
    head = 'import sys; sys.path.insert(0, __file__.rsplit("/", 3)[0] + "/lib")'
    return walking.project(folder / "project", url, HELPED, head=head), _written(folder / "lib/helper.py", HARMLESS)


def imported_by_env(folder: Path, url: str) -> tuple[Path, Path]:
    head = 'import sys; sys.path.insert(0, __file__.rsplit("/", 3)[0] + "/lib"); import helper; sys.path.pop(0)'
    return walking.project(folder / "project", url, HELPED, head=head), _written(folder / "lib/helper.py", HARMLESS)


def vendored(folder: Path, url: str) -> tuple[Path, Path]:
    head = 'import sys; sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/vendor/site-packages")'
    project = walking.project(folder / "project", url, HELPED, head=head)
    return project, _written(project / "vendor/site-packages/helper.py", HARMLESS)


def of_an_odd_suffix(folder: Path, url: str) -> tuple[Path, Path]:
    project = walking.project(folder / "project", url, SPELLED_OUT)
    return project, _written(project / "migrations/versions/change.ddl", "CREATE TABLE fine (id INTEGER)")


def laid(folder: Path, walker: Walker, lay: Lay) -> tuple[Path, Path, Path]:
    """The project, the file to change, and the database; a person who may sign with a code."""
    database = walking.sqlite_shop(folder / "data/app.db")
    project, path = lay(folder / "work", f"sqlite:///{database}")
    walker.say(
        walking.careful_person(folder / "vault", hmac_in_production=True)
        + f'[environments.live]\nlevel = "production"\ndatabase = "sqlite:///{database}"\nexpected_db = "app.db"\n'
    )
    return project, path, database


@pytest.mark.parametrize("lay", [behind_a_link, in_the_repository, elsewhere])
def test_changed_while_the_question_stands(tmp_path: Path, walker: Walker, lay: Lay) -> None:
    project, path, database = laid(tmp_path, walker, lay)
    before = walking.dump(database)
    with Terminal(walker, project, "migrate", *WORDS) as terminal:
        terminal.sees(walking.CATALOGUE.say("plain.ask.yes_no"))
        path.write_text(DROPPING if path.suffix == ".py" else "DROP TABLE customer")
        terminal.answers("yes_no", "y")
        result = terminal.result()
    assert result.summary["reason"] == "plan_changed", result
    assert walking.dump(database) == before


@pytest.mark.parametrize("lay", [behind_a_link, elsewhere, imported_by_env, vendored, of_an_odd_suffix])
def test_changed_after_an_approval_without_a_rehearsal(tmp_path: Path, walker: Walker, lay: Lay) -> None:
    project, path, database = laid(tmp_path, walker, lay)
    before, request = walking.dump(database), tmp_path / "run.json"
    walker.diana(project, "migrate", "--request", str(request), *SKIPPED)
    with Terminal(walker, project, "approve", str(request)) as terminal:
        place = 0
        for ask in json.loads(request.read_text())["asks"]:
            place = terminal.answers("phrase" if ask["phrase"] else "yes_no", ask["phrase"] or "y", place)
        assert terminal.result().code == 0
    path.write_text(DROPPING if path.suffix == ".py" else "DROP TABLE customer")
    result = walker.diana(project, "migrate", "--approval", str(tmp_path / "run.approval.json"), *SKIPPED)
    assert result.code == 4, result
    assert walking.dump(database) == before


def test_checkouts_at_other_depths_are_one_plan(tmp_path: Path, walker: Walker) -> None:
    """With a helper in the rest of the repository and one elsewhere, and another hash where one of them differs."""
    database = walking.sqlite_shop(tmp_path / "data/app.db")
    hashes: list[str] = []
    for number, folder in enumerate((tmp_path / "one", tmp_path / "far/away/two", tmp_path / "three")):
        project, _ = in_the_repository(folder / "work", f"sqlite:///{database}")
        env = project / "migrations/env.py"
        env.write_text(
            'import sys; sys.path.append(__file__.rsplit("/", 4)[0] + "/lib"); import other\n' + env.read_text()
        )
        _written(folder / "lib/other.py", "changed = True" if number == 2 else "")
        hashes.append(
            walker.diana(project, "plan", "--trust", "--environment", "dev", "--json").summary["plan_hash"].text
        )
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
