"""Tools found from files alone, the project's own files told from others', and nothing executed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from diana_tools import detect as detection_module
from diana_tools.adapters.base import Tree
from diana_tools.detect import detect, listing
from diana_tools.domain import Confidence, Detection

ALEMBIC = {
    "alembic.ini": "[alembic]\nscript_location = migrations\n",
    "migrations/env.py": "raise SystemExit('executed')\n",
    "migrations/versions/a1.py": "raise SystemExit('executed')\n",
}


def _tree(root: Path, files: dict[str, str]) -> Tree:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return listing(root)


def _found(root: Path, files: dict[str, str]) -> tuple[Detection, ...]:
    return detect(_tree(root, files))


OTHERS: list[tuple[str, dict[str, str], int]] = [
    ("prisma", {"prisma/schema.prisma": "datasource db {}", "prisma/migrations/1_a/migration.sql": "x"}, 1),
    ("drizzle", {"drizzle.config.ts": "", "drizzle/0000_a.sql": "", "drizzle/0001_b.sql": ""}, 2),
    ("knex", {"knexfile.js": "", "migrations/20240101_a.js": ""}, 1),
    ("typeorm", {"src/data-source.ts": "export default new DataSource({})", "src/migrations/1700-a.ts": ""}, 1),
    ("sequelize", {".sequelizerc": "", "migrations/2024-a.js": ""}, 1),
    ("django", {"manage.py": "execute_from_command_line()", "shop/migrations/0001_initial.py": ""}, 1),
    ("rails", {"config/application.rb": "class A < Rails::Application", "db/migrate/20240101000001_a.rb": ""}, 1),
    ("flyway", {"flyway.toml": "", "sql/V1__a.sql": "", "sql/R__view.sql": ""}, 2),
    ("flyway", {"src/main/resources/db/migration/V1__a.sql": ""}, 1),
    ("liquibase", {"liquibase.properties": "", "changelog/root.yaml": ""}, 1),
    ("liquibase", {"src/main/resources/db/changelog/db.changelog-master.yaml": ""}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "files", "count"), OTHERS)
def test_a_tool_without_an_adapter_is_named_with_its_evidence(
    tmp_path: Path, tool: str, files: dict[str, str], count: int
) -> None:
    [found] = _found(tmp_path, files)
    assert (found.tool, found.count, found.confidence) == (tool, count, Confidence.CERTAIN)
    assert found.root in ("", ".")
    assert {item.path for item in found.evidence} & set(files)


def test_without_migrations_a_tool_is_only_likely(tmp_path: Path) -> None:
    [found] = _found(tmp_path, {"knexfile.js": ""})
    assert found.confidence is Confidence.LIKELY


def test_a_file_that_only_bears_the_name_is_not_the_tool(tmp_path: Path) -> None:
    assert (
        _found(tmp_path, {"manage.py": "print('a script of ours')", "schema.prisma": "", "config/config.json": "{}"})
        == ()
    )


def test_several_tools_are_all_found_the_nearest_first(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        ALEMBIC | {"web/prisma/schema.prisma": "datasource db {}", "web/prisma/migrations/1/migration.sql": ""},
    )
    assert [(one.tool, one.root) for one in found] == [("alembic", ""), ("prisma", "web")]


def test_a_monorepo_has_one_detection_for_each_service(tmp_path: Path) -> None:
    files = {f"services/{name}/{path}": text for name in ("a", "b") for path, text in ALEMBIC.items()}
    assert [one.root for one in _found(tmp_path, files)] == ["services/a", "services/b"]


@pytest.mark.parametrize(
    "place",
    ["tests/app", "examples/shop", "docs/tutorial", "lib/site-packages/alembic/templates/x", "node_modules/x",
     "{{cookiecutter.name}}", ".venv/lib", "vendor/shop", "src/templates"],
)  # fmt: skip
def test_what_is_not_the_project_s_own_is_no_find(tmp_path: Path, place: str) -> None:
    assert _found(tmp_path, {f"{place}/{path}": text for path, text in ALEMBIC.items()}) == ()


def test_a_project_that_itself_lies_among_tests_is_found(tmp_path: Path) -> None:
    (tmp_path / "tests" / "shop").mkdir(parents=True)
    assert len(_found(tmp_path / "tests" / "shop", ALEMBIC)) == 1


def test_nothing_of_the_project_is_executed_or_imported(tmp_path: Path) -> None:
    before = set(sys.modules)
    assert len(_found(tmp_path, ALEMBIC)) == 1
    added = set(sys.modules) - before
    assert not [name for name in added if name.split(".")[0] in ("alembic", "sqlalchemy", "migrations", "env")]


def test_the_listing_leaves_out_what_is_generated_and_what_leads_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.ini").write_text("[alembic]\nscript_location = x\n")
    root = tmp_path / "shop"
    files = {
        "a.py": "", "node_modules/b.js": "", "sub/__pycache__/c.pyc": "", "env/pyvenv.cfg": "", "env/d.py": "",
        ".git/config": "", "data/e.csv": "", "logs/f.log": "", "sub/g.py": "",
        ".gitignore": "data/\n/logs/\n*.py\n!a.py\n",
    }  # fmt: skip
    _tree(root, files)
    (root / "link.ini").symlink_to(outside / "secret.ini")
    (root / "folder").symlink_to(outside)
    (root / "inner.py").symlink_to(root / "a.py")
    (root / "broken.py").symlink_to(root / "gone.py")
    (root / "loop").symlink_to(root)
    assert listing(root).files == (".gitignore", "a.py", "inner.py", "sub/g.py")


def test_the_listing_is_bounded_and_near_files_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection_module, "MOST_FILES", 3)
    _tree(tmp_path, {"deep/er/z.py": "", "deep/y.py": "", "a.py": "", "b.py": "", "deep/er/x.py": ""})
    assert listing(tmp_path).files == ("a.py", "b.py", "deep/y.py")


def test_an_unreadable_or_missing_folder_is_an_empty_listing(tmp_path: Path) -> None:
    assert listing(tmp_path / "missing").files == ()


def test_links_that_go_round_in_a_circle_are_no_files(tmp_path: Path) -> None:
    tree = _tree(tmp_path, ALEMBIC)
    versions = tmp_path / "migrations" / "versions"
    (versions / "loop.py").symlink_to("loop.py")
    (versions / "there").symlink_to("back")
    (versions / "back").symlink_to("there")
    assert listing(tmp_path).files == tree.files
    [found] = detect(listing(tmp_path))
    assert (found.tool, found.count) == ("alembic", 1)
