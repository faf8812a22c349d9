"""The policy's file form: a person's file changes the guard's table, a project's file only tightens it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from diana_config import values
from diana_config.environments import only_known, table_of
from diana_config.reading import shown
from diana_config.settings import GRADES, LEVELS, SEVERITIES, PolicySetting, PriceSetting
from diana_config.values import Speaker, wrong

_KEYS = (
    "least_proof",
    "remote_copy",
    "max_backup_age_minutes",
    "scratch_rows_in_production",
    "coding_agents",
    "hmac_in_production",
    "require_ticket",
    "second_person",
)
_PRICES = ("read", "write", "cache_read", "cache_write")
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """What one file says about the policy; None and missing levels mean that it says nothing."""

    source: str = ""
    least_proof: tuple[tuple[str, str], ...] = ()
    remote_copy: tuple[str, ...] | None = None
    max_backup_age_minutes: int | None = None
    scratch_rows_in_production: bool | None = None
    coding_agents: bool | None = None
    hmac_in_production: bool | None = None
    require_ticket: tuple[str, ...] | None = None
    second_person: tuple[str, ...] | None = None
    rules: tuple[tuple[str, str], ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        """The keys it says something about, as they are shown."""
        plain = [f"policy.{key}" for key in _KEYS[1:] if getattr(self, key) is not None]
        grades = [f"policy.least_proof.{level}" for level, _ in self.least_proof]
        return (*grades, *plain, *(f"rules.{rule}" for rule, _ in self.rules))


def policy_of(policy: object, rules: object, speaker: Speaker, belongs: str) -> PolicyWords:
    """Parse `[policy]` and `[rules]`; a project's must not be below the guard's own table.

    Raises:
        SettingsError: with the key and the file; `setting_lowers` for a project.
    """
    table = table_of("policy", policy, speaker)
    only_known("policy", table, _KEYS, speaker)
    words = PolicyWords(
        source=speaker.source,
        least_proof=_grades(table.get("least_proof"), speaker),
        remote_copy=_levels("policy.remote_copy", table.get("remote_copy"), speaker),
        max_backup_age_minutes=_minutes(table.get("max_backup_age_minutes"), speaker),
        scratch_rows_in_production=_yes("scratch_rows_in_production", table, speaker),
        coding_agents=_yes("coding_agents", table, speaker),
        hmac_in_production=_yes("hmac_in_production", table, speaker),
        require_ticket=_levels("policy.require_ticket", table.get("require_ticket"), speaker),
        second_person=_levels("policy.second_person", table.get("second_person"), speaker),
        rules=_severities(rules, speaker),
    )
    if not speaker.tier.person:
        _only_tightens(words, speaker, belongs)
    return words


def effective(own: Iterable[PolicyWords], project: PolicyWords) -> PolicySetting:
    """The table as the person's files changed it (the strongest first), then tightened by the project's."""
    policy = PolicySetting()
    for words in reversed(list(own)):
        policy = _changed(policy, words)
    return _tightened(policy, project)


def prices_of(raw: object, speaker: Speaker) -> PriceSetting:
    """Parse `[prices]`: US dollars for a million tokens.

    Raises:
        SettingsError: with the key and the file.
    """
    table = table_of("prices", raw, speaker)
    only_known("prices", table, _PRICES, speaker)
    read, write, cache_read, cache_write = (
        values.number(f"prices.{key}", table.get(key), speaker, 100_000, zero=True) for key in _PRICES
    )
    return PriceSetting(read, write, cache_read, cache_write)


def _grades(raw: object, speaker: Speaker) -> tuple[tuple[str, str], ...]:
    table = table_of("policy.least_proof", {} if raw is None else raw, speaker)
    only_known("policy.least_proof", table, LEVELS, speaker)
    return tuple(
        (level, values.one_of(f"policy.least_proof.{level}", table[level], GRADES, speaker))
        for level in LEVELS
        if level in table
    )


def _levels(key: str, raw: object, speaker: Speaker) -> tuple[str, ...] | None:
    if raw is None:
        return None
    named = {values.one_of(key, one, LEVELS, speaker) for one in values.texts(key, raw, speaker)}
    return tuple(level for level in LEVELS if level in named)


def _minutes(raw: object, speaker: Speaker) -> int | None:
    return None if raw is None else values.whole("policy.max_backup_age_minutes", raw, speaker, 1, _MINUTES)


def _yes(key: str, table: Mapping[str, object], speaker: Speaker) -> bool | None:
    return values.yes_no(f"policy.{key}", table[key], speaker) if key in table else None


def _severities(raw: object, speaker: Speaker) -> tuple[tuple[str, str], ...]:
    table = table_of("rules", raw, speaker)
    found: list[tuple[str, str]] = []
    for rule, severity in sorted(table.items()):
        if not re.fullmatch(r"[A-Z]{2}[0-9]{3}", rule):
            raise wrong("setting_rule", f"rules.{shown(rule)}", speaker)
        found.append((rule, values.one_of(f"rules.{rule}", severity, SEVERITIES, speaker)))
    return tuple(found)


def _only_tightens(words: PolicyWords, speaker: Speaker, belongs: str) -> None:
    table = PolicySetting()
    for level, grade in words.least_proof:
        least = dict(table.least_proof)[level]
        if GRADES.index(grade) < GRADES.index(least):
            raise _lowers(f"policy.least_proof.{level}", grade, least, speaker, belongs)
    for rule, severity in words.rules:
        if severity == SEVERITIES[0]:
            raise _lowers(f"rules.{rule}", severity, SEVERITIES[1], speaker, belongs)
    for key, said, least in (
        ("remote_copy", words.remote_copy, table.remote_copy),
        ("require_ticket", words.require_ticket, table.require_ticket),
        ("second_person", words.second_person, table.second_person),
    ):
        if said is not None and not set(least) <= set(said):
            raise _lowers(f"policy.{key}", ", ".join(said) or "[]", ", ".join(least), speaker, belongs)
    age, most = words.max_backup_age_minutes, table.max_backup_age_minutes
    if age is not None and age > most:
        raise _lowers("policy.max_backup_age_minutes", str(age), str(most), speaker, belongs)
    for key, said_yes in (
        ("scratch_rows_in_production", words.scratch_rows_in_production),
        ("coding_agents", words.coding_agents),
        ("hmac_in_production", words.hmac_in_production),
    ):
        if said_yes:
            raise _lowers(f"policy.{key}", "true", "false", speaker, belongs)


def _lowers(key: str, value: str, least: str, speaker: Speaker, belongs: str) -> Exception:
    return wrong("setting_lowers", key, speaker, value=value, least=least, belongs=belongs)


def _changed(policy: PolicySetting, words: PolicyWords) -> PolicySetting:
    rows = words.scratch_rows_in_production
    return PolicySetting(
        least_proof=tuple((dict(policy.least_proof) | dict(words.least_proof)).items()),
        remote_copy=policy.remote_copy if words.remote_copy is None else words.remote_copy,
        max_backup_age_minutes=words.max_backup_age_minutes or policy.max_backup_age_minutes,
        scratch_rows_in_production=policy.scratch_rows_in_production if rows is None else rows,
        coding_agents=policy.coding_agents if words.coding_agents is None else words.coding_agents,
        hmac_in_production=policy.hmac_in_production if words.hmac_in_production is None else words.hmac_in_production,
        require_ticket=policy.require_ticket if words.require_ticket is None else words.require_ticket,
        second_person=policy.second_person if words.second_person is None else words.second_person,
        rules=tuple(sorted((dict(policy.rules) | dict(words.rules)).items())),
    )


def _tightened(policy: PolicySetting, words: PolicyWords) -> PolicySetting:
    grades = dict(words.least_proof)
    age = words.max_backup_age_minutes or policy.max_backup_age_minutes
    return PolicySetting(
        least_proof=tuple(
            (level, max(grade, grades.get(level, grade), key=GRADES.index)) for level, grade in policy.least_proof
        ),
        remote_copy=_joined(policy.remote_copy, words.remote_copy),
        max_backup_age_minutes=min(age, policy.max_backup_age_minutes),
        scratch_rows_in_production=policy.scratch_rows_in_production and words.scratch_rows_in_production is not False,
        coding_agents=policy.coding_agents and words.coding_agents is not False,
        hmac_in_production=policy.hmac_in_production and words.hmac_in_production is not False,
        require_ticket=_joined(policy.require_ticket, words.require_ticket),
        second_person=_joined(policy.second_person, words.second_person),
        rules=policy.rules,
        rule_floors=words.rules,
    )


def _joined(mine: tuple[str, ...], theirs: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(level for level in LEVELS if level in mine or level in (theirs or ()))
