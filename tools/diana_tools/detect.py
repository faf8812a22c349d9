"""Step 2: which migration tools a project has, from its files alone; nothing is imported and nothing is started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from diana_tools import registry
from diana_tools.adapters.base import Tree
from diana_tools.domain import Confidence, Detection, Evidence
from diana_tools.files import bounded_text

MOST_FILES = 50_000
_PRUNED = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", "bower_components", "__pycache__", "site-packages", ".tox", ".nox",
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".venv", ".cache", ".next", ".nuxt", ".gradle",
        ".terraform", ".idea", ".vscode", ".eggs",
    }
)  # fmt: skip
_LOOK_ALIKES = frozenset(
    {
        "test", "tests", "testing", "testdata", "test_data", "spec", "specs", "__tests__", "fixtures", "example",
        "examples", "sample", "samples", "demo", "demos", "docs", "doc", "template", "templates", "vendor",
        "third_party", "dist-packages", "benchmarks",
    }
)  # fmt: skip
_SIMPLE_IGNORE = re.compile(r"/?([\w.\-]+)/\Z")


def listing(root: Path) -> Tree:
    """The project's files, without what is not its own: dependencies, environments, caches, links that lead out.

    Folders that the root's .gitignore names plainly (`data/`) are left out too; patterns are not read. At most
    `MOST_FILES` files, those nearest to the root first.
    """
    ignored = _ignored(root)
    found: list[str] = []
    level = [""]
    while level and len(found) < MOST_FILES:
        below: list[str] = []
        for folder in level:
            for entry, is_folder in _entries(root, folder):
                if not is_folder:
                    found.append(entry)
                elif PurePosixPath(entry).name not in _PRUNED and entry not in ignored:
                    below.append(entry)
        level = below
    return Tree(root, tuple(sorted(found[:MOST_FILES])))


def _entries(root: Path, folder: str) -> Iterator[tuple[str, bool]]:
    """(path, whether it is a folder); nothing for a virtual environment or a folder that cannot be read."""
    try:
        with os.scandir(root / folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return
    if folder and any(entry.name == "pyvenv.cfg" for entry in entries):
        return
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if not entry.is_symlink() and (entry.is_dir() or entry.is_file()):
            yield path, entry.is_dir()
        elif _leads_to_own_file(entry, root):
            yield path, False


def _leads_to_own_file(link: os.DirEntry[str], root: Path) -> bool:
    """Whether a link ends at a file below the root; one that goes round in a circle ends nowhere."""
    try:
        return link.is_file() and Path(link.path).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def _ignored(root: Path) -> frozenset[str]:
    lines = bounded_text(root / ".gitignore", 1_000_000).splitlines()
    return frozenset(found.group(1) for line in lines if (found := _SIMPLE_IGNORE.match(line.strip())))


@dataclass(frozen=True, slots=True)
class Telltale:
    """A file that speaks for a tool: its path, what must stand in it, and which files are its migrations.

    `holds` and `migrations` are regular expressions; the latter are counted below the tool's folder.
    """

    tool: str
    file: str
    holds: str
    migrations: str


_JS = r"(?:[cm]?[jt]s|json)"
_TYPEORM = r"(?:.*/)?migrations?/\d+-[^/]+\.[jt]s"
_SEQUELIZE = r"(?:.*/)?migrations/\d+[^/]*\.[cm]?[jt]s"
OTHERS = (
    Telltale("prisma", r"(?:.*/)?schema\.prisma", r"\bdatasource\b", r"(?:.*/)?migrations/[^/]+/migration\.sql"),
    Telltale("prisma", rf"(?:.*/)?prisma\.config\.{_JS}", "", r"(?:.*/)?migrations/[^/]+/migration\.sql"),
    Telltale("drizzle", rf"(?:.*/)?drizzle\.config\.{_JS}", "", r"(?:.*/)?\d{4}_\w+\.sql"),
    Telltale("knex", rf"(?:.*/)?knexfile\.{_JS}", "", rf"(?:.*/)?migrations/\d+_[^/]+\.{_JS}"),
    Telltale("typeorm", r"(?:.*/)?ormconfig\.(?:[jt]s|json|ya?ml|env|xml)", "", _TYPEORM),
    Telltale("typeorm", r"(?:.*/)?[\w.\-]*data-?source[\w.\-]*\.[cm]?[jt]s", r"new\s+DataSource\s*\(", _TYPEORM),
    Telltale("sequelize", r"(?:.*/)?\.sequelizerc(?:\.[cm]?js)?", "", _SEQUELIZE),
    Telltale("sequelize", r"(?:.*/)?config/config\.json", r'"dialect"', _SEQUELIZE),
    Telltale("django", r"(?:.*/)?manage\.py", r"execute_from_command_line", r"(?:.*/)?migrations/\d+_\w+\.py"),
    Telltale("rails", r"(?:.*/)?config/application\.rb", r"\bRails\b", r"(?:.*/)?db/\w*migrate/\d+_\w+\.rb"),
    Telltale("flyway", r"(?:.*/)?flyway(?:\.user)?\.(?:toml|conf)", "", r"(?:.*/)?[VRU][\d._]*__\w[^/]*\.sql"),
    Telltale("flyway", r"(?:.*/)?db/migration/V[\d._]+__[^/]+\.sql", "", r"(?:.*/)?[VRU][\d._]*__\w[^/]*\.sql"),
    Telltale("liquibase", r"(?:.*/)?liquibase\.properties", "", r"(?:.*/)?changelog/[^/]+\.(?:xml|ya?ml|json|sql)"),
    Telltale(
        "liquibase", r"(?:.*/)?db\.changelog-(?:master|root)\.(?:xml|ya?ml|json|sql)", "",
        r"(?:.*/)?changelog/.+\.(?:xml|ya?ml|json|sql)",
    ),
)  # fmt: skip
"""Tools that have no adapter yet, so that they are named and never guessed past."""


def detect(tree: Tree) -> tuple[Detection, ...]:
    """Every tool in the tree, the surest and nearest to the root first.

    What lies in folders of tests, examples, templates or foreign code is not the project's.
    """
    own = Tree(tree.root, tuple(path for path in tree.files if not _look_alike(path)))
    known = registry.adapters()
    found = [detection for adapter in known.values() for detection in adapter.detect(own)]
    found += _others(own, [telltale for telltale in OTHERS if telltale.tool not in known])
    return tuple(sorted(found, key=_order))


def _order(found: Detection) -> tuple[int, int, str, str, str]:
    depth = found.root.count("/") + bool(found.root)
    return list(Confidence).index(found.confidence), depth, found.tool, found.config, found.section


def _look_alike(path: str) -> bool:
    folders = PurePosixPath(path).parts[:-1]
    return any(folder.lower() in _LOOK_ALIKES or "{{" in folder for folder in folders)


def _others(tree: Tree, telltales: Iterable[Telltale]) -> list[Detection]:
    found: dict[tuple[str, str], Detection] = {}
    for telltale in telltales:
        for path in tree.files:
            if re.fullmatch(telltale.file, path) and (not telltale.holds or re.search(telltale.holds, tree.text(path))):
                detection = _named(tree, telltale, path)
                found.setdefault((telltale.tool, detection.root), detection)
    return list(found.values())


def _named(tree: Tree, telltale: Telltale, path: str) -> Detection:
    root = _home(path)
    prefix = f"{root}/" if root else ""
    migrations = [one for one in tree.files if one.startswith(prefix) and re.fullmatch(telltale.migrations, one)]
    folder = os.path.commonpath([one.rpartition("/")[0] for one in migrations]) if migrations else ""
    evidence = (Evidence(path, "telltale"), *((Evidence(folder, "migrations"),) if migrations else ()))
    return Detection(
        telltale.tool, root, path, folder, len(migrations), evidence,
        Confidence.CERTAIN if migrations else Confidence.LIKELY,
    )  # fmt: skip


def _home(path: str) -> str:
    """The folder a tool is run in: its config's, without the subfolders that only hold such files."""
    folder = path.rpartition("/")[0]
    for inner in ("src/main/resources/db/migration", "src/main/resources/db/changelog", "db/migration", "db/changelog",
                  "prisma", "config", "conf", "src"):  # fmt: skip
        if folder == inner or folder.endswith(f"/{inner}"):
            return folder[: -len(inner)].rstrip("/")
    return folder
