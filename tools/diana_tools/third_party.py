"""Adapters that other distributions offer: which there are, which a person admitted, and what their source must not do.

Such an adapter is code that runs inside Diana, so that admitting one is a person's act: its distribution stands under
`adapters` in their own settings. Until then only its metadata is read. What lies in the project is never admitted.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec
from pathlib import Path

from diana_tools.errors import ToolError
from diana_tools.files import repository
from diana_tools.redaction import plain
from diana_tools.source_names import imports, names_used

GROUP = "diana.adapters"
FORBIDDEN = frozenset(
    {
        "subprocess", "socket", "pty", "multiprocessing", "ctypes", "cffi", "runpy", "code", "codeop", "imp",
        "importlib.import_module", "importlib.util", "importlib.machinery", "importlib.reload", "importlib.__import__",
        "concurrent.futures.ProcessPoolExecutor", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell",
        "asyncio.subprocess", "asyncio.open_connection", "asyncio.start_server", "http", "urllib.request", "ssl",
        "ftplib", "smtplib", "telnetlib", "xmlrpc", "requests", "httpx", "aiohttp", "urllib3", "paramiko", "fabric",
        "sqlite3", "psycopg", "psycopg2", "psycopg_pool", "asyncpg", "aiosqlite", "sqlalchemy", "pymysql", "MySQLdb",
        "pyodbc", "pymongo", "oracledb", "os.system", "os.popen", "os.fork", "os.forkpty", "os.kill", "os.killpg",
        "os.startfile", "os.environ", "os.environb", "os.getenv", "os.putenv", "diana_agent", "diana_tools.executor",
        "diana_tools.supervisor", "diana_tools.sessions", "diana_tools.registry", "diana_tools.third_party",
        "exec", "eval", "compile", "__import__", "subprocess_exec", "subprocess_shell", "create_subprocess_exec",
        "create_subprocess_shell", "breakpoint",
        *(f"os.{name}" for name in dir(os) if name.startswith(("exec", "spawn", "posix_spawn"))),
    }
)  # fmt: skip
"""What starts processes, opens connections, imports by name or reads the environment: no adapter needs any of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The distribution that an adapter comes from, for people: cleaned and bounded."""

    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An adapter that is installed, from its metadata alone. `why_not` is a message id, empty where it may be used."""

    tool: str
    origin: Origin
    value: str
    place: Path
    why_not: str = ""


@dataclass(slots=True)
class _Admitted:
    names: frozenset[str] = frozenset()
    project: Path | None = None


_admitted = _Admitted()


def admit(names: Sequence[str], project: Path) -> None:
    """Let the distributions that the person named offer adapters, unless they lie in this project's repository."""
    _admitted.names = frozenset(_canonical(name) for name in names)
    _admitted.project = repository(project).resolve()


def offers() -> tuple[Offer, ...]:
    """Every adapter that an installed distribution offers, by its metadata; nothing of it is imported."""
    found: dict[tuple[str, str], Offer] = {}
    for distribution in distributions():
        for entry in distribution.entry_points:
            if entry.group == GROUP:
                name, version = str(distribution.metadata["Name"]), str(distribution.version)
                place = Path(str(distribution.locate_file(""))).resolve()
                offer = Offer(
                    plain(entry.name, 60), Origin(plain(name, 60), plain(version, 30)), entry.value,
                    place, _why_not(name, place),
                )  # fmt: skip
                found.setdefault((_canonical(name), entry.name), offer)
    return tuple(sorted(found.values(), key=lambda one: (one.tool, one.origin.distribution)))


def admitted() -> tuple[Offer, ...]:
    """The offers that may be used."""
    return tuple(offer for offer in offers() if not offer.why_not) if _admitted.names else ()


def _why_not(name: str, place: Path) -> str:
    if _in_project(place):
        return "adapter.in_project"
    return "" if _canonical(name) in _admitted.names else "adapter.not_admitted"


def _in_project(place: Path) -> bool:
    """Whether a place belongs to the project, or to the folder one stands in, a virtual environment there too."""
    here = [_admitted.project] if _admitted.project is not None else [repository(Path.cwd()).resolve()]
    return any(place.resolve().is_relative_to(folder) for folder in here)


def load(offer: Offer) -> tuple[object, tuple[tuple[Path, str], ...]]:
    """Check an admitted adapter's source, then import it; what was offered, and its files with their SHA-256.

    Raises:
        ToolError: `plugin_source` where its source does what no adapter may, lies in the project, or is not there;
            `plugin_broken` where it cannot be imported.
    """
    files = tuple((path, _checked(offer, path)) for path in _sources(offer))
    entry = EntryPoint(offer.tool, offer.value, GROUP)
    try:
        return entry.load(), files
    except Exception as error:  # noqa: BLE001  somebody else's module may raise anything while it is imported
        raise ToolError("plugin_broken", _fields(offer) | {"error": plain(str(error), 200)}) from None


def _checked(offer: Offer, path: Path) -> str:
    """The SHA-256 of a source that does nothing forbidden.

    A check against mistakes, not against malice: what Python can reach by reflection no source shows.
    """
    if _in_project(path):
        raise ToolError("plugin_source", _fields(offer) | {"file": path.name, "name": "a file of the project"})
    try:
        text = path.read_bytes()
        used = set(names_used(ast.parse(text)))
    except (OSError, SyntaxError, ValueError):
        raise ToolError("plugin_source", _fields(offer) | {"file": path.name, "name": "no readable source"}) from None
    bad = sorted(way for way in FORBIDDEN for name in used if name == way or name.startswith(f"{way}."))
    if bad:
        raise ToolError("plugin_source", _fields(offer) | {"file": path.name, "name": ", ".join(bad[:5])})
    return hashlib.sha256(text).hexdigest()


def _fields(offer: Offer) -> dict[str, str]:
    return {"source": f"{offer.origin.distribution} {offer.origin.version}"}


def _sources(offer: Offer) -> Iterator[Path]:
    """The modules that importing the adapter imports of its own package, found as files: its parents, then the rest."""
    module = offer.value.partition(":")[0].strip()
    top = module.partition(".")[0]
    root = _folder(offer, top)
    seen: set[str] = set()
    left = [".".join(module.split(".")[: count + 1]) for count in range(module.count(".") + 1)]
    while left:
        name = left.pop(0)
        if name in seen or name.partition(".")[0] != top:
            continue
        seen.add(name)
        path = _file(root, name)
        if path is None:
            if name == module:
                raise ToolError("plugin_source", _fields(offer) | {"file": name, "name": "no readable source"})
            continue
        yield path
        left += _imported(path, name)


def _folder(offer: Offer, top: str) -> Path:
    """The folder that a top-level module is found in; asking for it imports nothing."""
    try:
        spec = find_spec(top) if re.fullmatch(r"\w+", top) and top not in sys.stdlib_module_names else None
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if spec is not None and spec.origin and spec.origin.endswith(".py") and not places:
        places = [str(Path(spec.origin).with_suffix(""))]
    if len(places) != 1:
        raise ToolError("plugin_source", _fields(offer) | {"file": plain(top, 60), "name": "no readable source"})
    return Path(places[0]).parent


def _file(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    found = [one for one in (path / "__init__.py", path.with_name(f"{path.name}.py")) if one.is_file()]
    return found[0] if found else None


def _imported(path: Path, name: str) -> list[str]:
    """The modules of the same package that a file imports, by full name; what is no module is left out later."""
    try:
        known = imports(ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return []
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: list[str] = []
    for full in known.values():
        level = len(full) - len(full.lstrip("."))
        base = package[: len(package) - level + 1] if level else []
        parts = [*base, *full.lstrip(".").split(".")]
        found += [".".join(parts[: count + 1]) for count in range(len(parts))]
    return found


def _canonical(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()
