"""Adapters, databases and stores, found where they lie: one file or folder adds one, no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import cast

from diana_tools import adapters as adapters_package
from diana_tools import databases as databases_package
from diana_tools import stores as stores_package
from diana_tools.adapters.base import Adapter, Shape
from diana_tools.databases.base import Database
from diana_tools.errors import ToolError
from diana_tools.stores.base import Store

OpenStore = Callable[[str, str, bool, dict[str, str]], Store]
"""`open_store(name, location, remote, options)`; opening contacts nothing."""

_GROUP = "diana.adapters"
_ADAPTER = (
    "tool", "title", "engines", "shapes", "child_env", "tested", "can_roll_back", "detect", "interpreters", "version",
    "parse_version", "executed", "probe", "parse_probe", "preview", "parse_preview", "apply", "rollback", "override",
    "rehearse", "parse_rehearsal", "progress", "explain",
)  # fmt: skip
_DATABASE = (
    "engine", "transactional_ddl", "scratch_on_same_server", "identity", "facts", "schema", "state", "loss", "blockers",
    "backup", "read_proof", "scratch", "restore",
)  # fmt: skip


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its tool's name: Diana's own, then those that other distributions offer.

    Raises:
        ToolError: `plugin_refused`: one lacks what an adapter declares, or claims a name that is taken.
    """
    found: dict[str, Adapter] = {}
    for module in _modules(adapters_package):
        if hasattr(module, "ADAPTER"):
            _add(found, accepted(module.ADAPTER, module.__name__), module.__name__)
    for entry in entry_points(group=_GROUP):
        _add(found, accepted(cast("object", entry.load()), entry.name), entry.name)
    return MappingProxyType(found)


@cache
def databases() -> Mapping[str, Database]:
    """Every engine by its name.

    Raises:
        ToolError: `plugin_refused`.
    """
    found: dict[str, Database] = {}
    for module in _modules(databases_package):
        if hasattr(module, "DATABASE"):
            _complete(module.DATABASE, _DATABASE, module.__name__)
            database = cast("Database", module.DATABASE)
            found[database.engine] = database
    return MappingProxyType(found)


@cache
def stores() -> Mapping[str, OpenStore]:
    """How to open a store of each kind; the SDK behind one is imported when it is used."""
    return MappingProxyType(
        {
            module.__name__.rpartition(".")[2]: cast("OpenStore", module.open_store)
            for module in _modules(stores_package)
            if hasattr(module, "open_store")
        }
    )


def accepted(candidate: object, source: str) -> Adapter:
    """The candidate as an adapter, if it declares everything, and a transaction shape for each of its engines.

    Raises:
        ToolError: `plugin_refused` with what is missing.
    """
    _complete(candidate, _ADAPTER, source)
    adapter = cast("Adapter", candidate)
    if not adapter.engines:
        raise _refused(source, "engines")
    for engine in adapter.engines:
        if not isinstance(adapter.shapes.get(engine), Shape):
            raise _refused(source, f"shapes[{engine}]")
    return adapter


def _add(found: dict[str, Adapter], adapter: Adapter, source: str) -> None:
    if adapter.tool in found:
        raise _refused(source, f"tool {adapter.tool}")
    found[adapter.tool] = adapter


def _complete(candidate: object, names: tuple[str, ...], source: str) -> None:
    missing = [name for name in names if not hasattr(candidate, name)]
    if missing:
        raise _refused(source, ", ".join(missing))


def _refused(source: str, what: str) -> ToolError:
    return ToolError("plugin_refused", {"source": source, "what": what})


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        if found.name != "base":
            yield importlib.import_module(f"{package.__name__}.{found.name}")
