"""The rows of `diana config show`: every setting, its value without secrets, and where it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diana_config.keys import KEYS
from diana_config.reading import shown
from diana_config.settings import EnvironmentSetting, Settings, StoreSetting

MASK = "***"

_SECRET = re.compile(r"(?i)pass|pwd|secret|token|key|credential|sas|signature")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the key (its description is the catalogue's `setting.<about>`), the value, and its source."""

    key: str
    value: str
    source: str
    about: str


def rows(settings: Settings) -> tuple[Row, ...]:
    """Every setting in the order of the documentation, then the tables; no secret is in any of them."""
    return (*_plain(settings), *_environments(settings), *_stores(settings), *_policy(settings), *_prices(settings))


def masked(address: str) -> str:
    """A URL without password, options and fragment; the name of a variable as it is."""
    scheme, slashes, rest = address.partition("://")
    if not slashes:
        return shown(address, 200)
    login, at, place = rest.rpartition("@")
    if re.search(r"[?#]", login):
        # A password with a question mark, or options with an @: nobody can tell, so nothing of it is shown.
        return f"{shown(scheme)}://{MASK}"
    user = login.split(":", 1)[0]
    user = user if re.fullmatch(r"[A-Za-z0-9_.\-]*", user) else MASK
    before = f"{user}:{MASK}@" if ":" in login else f"{user}{at}"
    plain = re.split(r"[?#]", place, maxsplit=1)
    return f"{shown(scheme)}://{before}{shown(plain[0], 200)}" + (f"?{MASK}" if len(plain) > 1 else "")


def _plain(settings: Settings) -> Iterator[Row]:
    for key in KEYS:
        value: object = getattr(settings, key.name)
        yield Row(key.name, _text(key.name, value), settings.source(key.name), key.name)


def _text(key: str, value: object) -> str:
    if key in ("database", "model_endpoint"):
        return masked(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # only child_env is one
    return shown(str(value), 500)


def _environments(settings: Settings) -> Iterator[Row]:
    for one in (*settings.environments, *settings.project_environments):
        for part, value in _parts(one):
            yield Row(f"environments.{one.name}.{part}", value, one.source, f"environments.{part}")


def _parts(one: EnvironmentSetting) -> Iterator[tuple[str, str]]:
    yield "level", one.level
    for part, items in (("hosts", one.hosts), ("databases", one.databases), ("identities", one.identities)):
        if items:
            yield part, ", ".join(items)
    if one.database:
        yield "database", masked(one.database)
    if one.expected_db:
        yield "expected_db", one.expected_db


def _stores(settings: Settings) -> Iterator[Row]:
    for store in settings.stores:
        key = f"stores.{store.name}"
        for part, value in _store(store):
            yield Row(f"{key}.{part}", value, settings.source(key), f"stores.{part.split('.')[0]}")


def _store(store: StoreSetting) -> Iterator[tuple[str, str]]:
    yield "kind", store.kind
    yield "location", masked(store.location)
    yield "remote", "true" if store.remote else "false"
    if store.only:
        yield "only", store.only
    for name, value in store.options:
        yield f"options.{name}", MASK if _SECRET.search(name) else masked(value)


def _policy(settings: Settings) -> Iterator[Row]:
    policy = settings.policy
    values = [(f"policy.least_proof.{level}", grade, "policy.least_proof") for level, grade in policy.least_proof]
    for key in ("remote_copy", "max_backup_age_minutes", "scratch_rows_in_production", "coding_agents",
                "hmac_in_production", "require_ticket", "second_person"):  # fmt: skip
        values.append((f"policy.{key}", _text(key, getattr(policy, key)), f"policy.{key}"))
    values.extend((f"rules.{rule}", severity, "rules") for rule, severity in policy.rules)
    values.extend((f"rules.{rule}", f">= {severity}", "rules") for rule, severity in policy.rule_floors)
    for key, value, about in values:
        yield Row(key, value, settings.source(key), about)


def _prices(settings: Settings) -> Iterator[Row]:
    if settings.prices is not None:
        for key in ("read", "write", "cache_read", "cache_write"):
            yield Row(f"prices.{key}", f"{getattr(settings.prices, key):g}", settings.source("prices"), "prices")
