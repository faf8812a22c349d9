"""The tables of environments and stores: parsed, checked against who may say them, and merged over the tiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from diana_config import values
from diana_config.errors import SettingsError
from diana_config.reading import as_table, shown
from diana_config.settings import LEVELS, EnvironmentSetting, StoreSetting
from diana_config.values import Speaker, wrong

OBVIOUS = {
    "dev": "dev", "development": "dev", "test": "dev",
    "staging": "staging", "stage": "staging",
    "prod": "production", "production": "production", "live": "production",
}  # fmt: skip
"""Names that say their level by themselves; everything else is mapped by the person."""

_ENVIRONMENT = ("level", "hosts", "databases", "identities", "database", "expected_db")
_OF_PERSON = ("identities", "expected_db")
_STORE = ("kind", "location", "remote", "options", "only")
_LOCAL = "local"


def obvious_level(name: str) -> str:
    """The level that a name says by itself, in any case; "" where it says none."""
    return OBVIOUS.get(name.lower(), "")


def higher(one: str, other: str) -> str:
    """The more careful of two levels; "" is below all."""
    return max(one, other, key=("", *LEVELS).index)


def table_of(key: str, raw: object, speaker: Speaker) -> Mapping[str, object]:
    """A table of settings.

    Raises:
        SettingsError: `setting_table`.
    """
    table = as_table(raw)
    if table is None:
        raise wrong("setting_table", key, speaker)
    return table


def only_known(key: str, table: Mapping[str, object], known: tuple[str, ...], speaker: Speaker) -> None:
    """Refuse a key that is not among `known`.

    Raises:
        SettingsError: `setting_unknown`, or `setting_unknown_near` with the nearest.
    """
    for word in table:
        if word not in known:
            raise unknown(f"{key}.{word}" if key else word, values.nearest(word, known), speaker)


def unknown(key: str, near: str, speaker: Speaker) -> SettingsError:
    """The error for a key that no setting has."""
    if near:
        return wrong("setting_unknown_near", shown(key), speaker, nearest=near)
    return wrong("setting_unknown", shown(key), speaker)


def environments_of(
    raw: object, speaker: Speaker, known: Mapping[str, EnvironmentSetting], belongs: str
) -> tuple[EnvironmentSetting, ...]:
    """Parse `[environments.NAME]`. For a project `known` are the person's own, which it may raise and never lower.

    `belongs` is the person's file, for errors that say where a key belongs.

    Raises:
        SettingsError: with the key and the file; `setting_forbidden`, `setting_lowers`, `environment_contradiction`.
    """
    found: list[EnvironmentSetting] = []
    for name, body in table_of("environments", raw, speaker).items():
        if not values.NAME.fullmatch(name):
            raise wrong("setting_name", f"environments.{shown(name)}", speaker)
        key = f"environments.{name}"
        table = table_of(key, body, speaker)
        only_known(key, table, _ENVIRONMENT, speaker)
        one = _environment(name, key, table, speaker)
        if not speaker.tier.person:
            _only_raises(one, key, table, speaker, known.get(name), belongs)
        found.append(one)
    return tuple(found)


def _environment(name: str, key: str, table: Mapping[str, object], speaker: Speaker) -> EnvironmentSetting:
    said = table.get("level")
    level = obvious_level(name) if said is None else values.one_of(f"{key}.level", said, LEVELS, speaker)
    if not level:
        raise wrong("environment_level_missing", key, speaker)
    if higher(level, obvious_level(name)) != level:
        raise wrong("environment_contradiction", f"{key}.level", speaker, name=name, level=level)
    lists = {part: _list(f"{key}.{part}", table.get(part), speaker) for part in ("hosts", "databases", "identities")}
    return EnvironmentSetting(
        name=name,
        level=level,
        hosts=tuple(host.lower().rstrip(".") for host in lists["hosts"]),
        databases=lists["databases"],
        identities=lists["identities"],
        database=values.connection(f"{key}.database", table.get("database", ""), speaker),
        expected_db=values.text(f"{key}.expected_db", table.get("expected_db", ""), speaker),
        source=speaker.source,
    )


def _list(key: str, raw: object, speaker: Speaker) -> tuple[str, ...]:
    return () if raw is None else values.texts(key, raw, speaker)


def _only_raises(
    one: EnvironmentSetting, key: str, table: Mapping[str, object], speaker: Speaker,
    known: EnvironmentSetting | None, belongs: str,
) -> None:  # fmt: skip
    for part in _OF_PERSON:
        if part in table:
            raise wrong("setting_forbidden", f"{key}.{part}", speaker, belongs=belongs)
    if known is None:
        return
    for part in ("hosts", "databases", "database"):
        if part in table:
            raise wrong("setting_forbidden", f"{key}.{part}", speaker, belongs=belongs)
    if higher(one.level, known.level) != one.level:
        raise wrong("setting_lowers", f"{key}.level", speaker, value=one.level, least=known.level, belongs=belongs)


def merged(tiers: Iterable[tuple[EnvironmentSetting, ...]]) -> tuple[EnvironmentSetting, ...]:
    """The environments of several files, the strongest first: levels only rise, lists are joined.

    A variable may name a file (DIANA_CONFIG), and variables never lower a level; so the highest counts here too.
    """
    found: dict[str, EnvironmentSetting] = {}
    for tier in tiers:
        for one in tier:
            strong = found.get(one.name)
            found[one.name] = one if strong is None else _joined(strong, one)
    return tuple(found.values())


def _joined(strong: EnvironmentSetting, weak: EnvironmentSetting) -> EnvironmentSetting:
    return replace(
        strong,
        level=higher(strong.level, weak.level),
        hosts=_union(strong.hosts, weak.hosts),
        databases=_union(strong.databases, weak.databases),
        identities=_union(strong.identities, weak.identities),
        database=strong.database or weak.database,
        expected_db=strong.expected_db or weak.expected_db,
        source=strong.source if strong.source == weak.source else f"{strong.source}, {weak.source}",
    )


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def stores_of(raw: object, speaker: Speaker) -> tuple[StoreSetting, ...]:
    """Parse `[stores.NAME]` of a person's file. A folder is remote only where the person says so.

    Raises:
        SettingsError: with the key and the file.
    """
    return tuple(_store(name, body, speaker) for name, body in table_of("stores", raw, speaker).items())


def _store(name: str, body: object, speaker: Speaker) -> StoreSetting:
    if not values.NAME.fullmatch(name):
        raise wrong("setting_name", f"stores.{shown(name)}", speaker)
    key = f"stores.{name}"
    table = table_of(key, body, speaker)
    only_known(key, table, _STORE, speaker)
    kind = values.text(f"{key}.kind", table.get("kind", ""), speaker)
    # People say folder, the store's own name is local.
    kind = _LOCAL if kind == "folder" else kind
    location = values.text(f"{key}.location", table.get("location", ""), speaker)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", kind):
        raise wrong("store_kind", f"{key}.kind", speaker)
    if not location:
        raise wrong("store_location", f"{key}.location", speaker)
    options = table_of(f"{key}.options", table.get("options", {}), speaker)
    return StoreSetting(
        name=name,
        kind=kind,
        location=values.own_path(f"{key}.location", location, speaker) if kind == _LOCAL else location,
        remote=values.yes_no(f"{key}.remote", table.get("remote", kind != _LOCAL), speaker),
        options=tuple((word, _option(f"{key}.options.{word}", item, speaker)) for word, item in options.items()),
        only=values.text(f"{key}.only", table.get("only", ""), speaker),
    )


def _option(key: str, raw: object, speaker: Speaker) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, int) else values.text(shown(key), raw, speaker)


def merged_stores(tiers: Iterable[tuple[StoreSetting, ...]]) -> tuple[StoreSetting, ...]:
    """The stores of several files, the strongest first; a store of the same name is taken whole."""
    found: dict[str, StoreSetting] = {}
    for tier in tiers:
        for store in tier:
            found.setdefault(store.name, store)
    return tuple(found.values())
