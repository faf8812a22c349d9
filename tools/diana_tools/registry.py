"""Adapters, databases and stores, found where they lie: one file or folder adds one, no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType, ModuleType
from typing import cast

from diana_tools import adapters as adapters_package
from diana_tools import databases as databases_package
from diana_tools import stores as stores_package
from diana_tools import third_party
from diana_tools.adapters.base import Adapter, Shape
from diana_tools.databases.base import Database
from diana_tools.errors import ToolError
from diana_tools.executor import withheld
from diana_tools.redaction import plain
from diana_tools.stores.base import Store
from diana_tools.third_party import Offer, Origin
from diana_tools.third_party_adapter import ThirdPartyAdapter

OpenStore = Callable[[str, str, bool, dict[str, str]], Store]
"""`open_store(name, location, remote, options)`; opening contacts nothing."""

_ADAPTER = (
    "tool", "title", "engines", "shapes", "child_env", "tested", "can_roll_back", "detect", "interpreters", "version",
    "parse_version", "executed", "probe", "parse_probe", "preview", "parse_preview", "apply", "rollback", "override",
    "rehearse", "parse_rehearsal", "progress", "explain",
)  # fmt: skip
_DECLARED, _CALLED = _ADAPTER[: _ADAPTER.index("detect")], _ADAPTER[_ADAPTER.index("detect") :]
_DATABASE = (
    "engine", "transactional_ddl", "scratch_on_same_server", "identity", "facts", "schema", "state", "loss", "blockers",
    "backup", "read_proof", "scratch", "restore",
)  # fmt: skip


def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its tool's name: Diana's own, then those of other distributions that the person admitted.

    Raises:
        ToolError: `plugin_refused`: one lacks what an adapter declares; `plugin_name_taken`; and as `third_party.load`.
    """
    return _adapters(third_party.admitted())


@cache
def _adapters(admitted: tuple[Offer, ...]) -> Mapping[str, Adapter]:
    found = dict(_own_adapters())
    for offer in admitted:
        source = f"{offer.origin.distribution} {offer.origin.version}"
        candidate, files = third_party.load(offer)
        adapter = ThirdPartyAdapter(accepted(candidate, source), offer.origin, files)
        if adapter.tool in found:
            raise ToolError("plugin_name_taken", {"source": source, "tool": adapter.tool})
        found[adapter.tool] = adapter
    return MappingProxyType(found)


@cache
def _own_adapters() -> Mapping[str, Adapter]:
    """Diana's own adapters."""
    found: dict[str, Adapter] = {}
    for module in _modules(adapters_package):
        if hasattr(module, "ADAPTER"):
            adapter = accepted(module.ADAPTER, module.__name__)
            found[adapter.tool] = adapter
    return MappingProxyType(found)


def origin(tool: str) -> Origin | None:
    """The distribution that a tool's adapter comes from; None for Diana's own."""
    adapter = adapters().get(tool)
    return adapter.origin if isinstance(adapter, ThirdPartyAdapter) else None


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
        ToolError: `plugin_refused` with what is missing, or is not what it must be.
    """
    _complete(candidate, _ADAPTER, source)
    adapter = cast("Adapter", candidate)
    wrong = [name for name in _CALLED if not callable(getattr(candidate, name))]
    wrong += [name for name, good in _facts(candidate).items() if not good]
    if wrong:
        raise _refused(source, ", ".join(wrong))
    for engine in adapter.engines:
        if not isinstance(adapter.shapes.get(engine), Shape):
            raise _refused(source, f"shapes[{engine}]")
    return adapter


def _facts(candidate: object) -> Mapping[str, bool]:
    """Which of the facts that an adapter declares are what they must be: its types promise nothing."""
    tool, title, engines, shapes, variables, tested, back = (getattr(candidate, name) for name in _DECLARED)
    return {
        "tool": isinstance(tool, str) and re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", tool) is not None,
        "title": isinstance(title, str) and 0 < len(title) <= 60 and plain(title, 60) == title,
        "engines": bool(_texts(engines)),
        "shapes": isinstance(shapes, Mapping),
        "child_env": variables == () or (bool(_texts(variables)) and not any(map(withheld, _texts(variables)))),
        "tested": len(_texts(tested)) == 2 and all(re.fullmatch(r"\d+(\.\d+)+", one) for one in _texts(tested)),
        "can_roll_back": isinstance(back, bool),
    }


def _texts(value: object) -> tuple[str, ...]:
    """The value as a tuple of texts; empty for anything else."""
    all_ = cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()
    texts = tuple(one for one in all_ if isinstance(one, str))
    return texts if len(texts) == len(all_) else ()


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
