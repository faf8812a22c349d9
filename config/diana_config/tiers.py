"""Reads the five tiers, checks what each may say, and settles every key by the strongest word (guard's design, 16)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from diana_config import environments, keys, policy, values
from diana_config.bmad import BmadWord, words_of
from diana_config.errors import SettingsError
from diana_config.folders import Folders, home
from diana_config.keys import Key, Value
from diana_config.policy import PolicyWords
from diana_config.reading import inside, repository, shown, text_of, toml_of
from diana_config.settings import EnvironmentSetting, Note, PriceSetting, Settings, StoreSetting, Tier
from diana_config.settled import settled
from diana_config.values import Speaker, wrong

FILE = "diana.toml"
VARIABLE = "DIANA_CONFIG"


@dataclass(frozen=True, slots=True)
class Said:
    """Everything one tier said: plain values with their sources, and its tables."""

    tier: Tier
    values: tuple[tuple[str, Value, str], ...] = ()
    environments: tuple[EnvironmentSetting, ...] = ()
    stores: tuple[StoreSetting, ...] = ()
    policy: PolicyWords = field(default_factory=PolicyWords)
    prices: PriceSetting | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class _Places:
    project: Path
    home: Path | None
    state: Path
    user_file: Path

    def speaker(self, tier: Tier, source: str) -> Speaker:
        return Speaker(tier, source, self.project, self.home, self.state)


def gather(
    project: Path, flags: Mapping[str, str | bool | int | float], environ: Mapping[str, str], folders: Folders
) -> Settings:
    """Load all tiers; see `settings.load`."""
    root = Path(os.path.normpath(project.absolute()))
    places = _Places(root, home(environ), folders.state, folders.config / FILE)
    own = [_flags(flags, places), _named(environ, places), _user(places)]
    known = {one.name: one for one in environments.merged(said.environments for said in own)}
    return settled((*own, _project(places, known), _bmad(places)), str(places.user_file))


def _flags(flags: Mapping[str, str | bool | int | float], places: _Places) -> Said:
    found: list[tuple[str, Value, str]] = []
    for spelling, raw in flags.items():
        word = spelling.replace("-", "_")
        if word == "no_rollback":
            word, raw = "rollback_on_failure", _denied(raw, places)
        if word == keys.DRY_RUN:
            found.extend(_dry_run(raw, places.speaker(Tier.FLAG, "flag --dry-run")))
            continue
        key = keys.BY_FLAG.get(word)
        if key is None:
            near = values.nearest(word, tuple(keys.BY_FLAG)).replace("_", "-")
            raise _unknown_flag(shown(spelling), near)
        source = f"flag --{_flag_name(spelling, key)}"
        found.append((key.name, values.checked(key, raw, places.speaker(Tier.FLAG, source)), source))
    return Said(Tier.FLAG, tuple(found))


def _flag_name(spelling: str, key: Key) -> str:
    return "no-rollback" if spelling.replace("-", "_") == "no_rollback" else key.flag


def _denied(raw: object, places: _Places) -> bool:
    return not values.yes_no("no-rollback", raw, places.speaker(Tier.FLAG, "flag --no-rollback"))


def _unknown_flag(flag: str, near: str) -> SettingsError:
    if near:
        return SettingsError("flag_unknown_near", {"flag": flag, "nearest": near})
    return SettingsError("flag_unknown", {"flag": flag})


def _named(environ: Mapping[str, str], places: _Places) -> Said:
    said = environ.get(VARIABLE, "")
    if not said:
        return Said(Tier.NAMED)
    path = places.home / said[2:] if said.startswith("~/") and places.home else Path(said).absolute()
    _outside_project(path, places)
    where = shown(str(path), 300)
    text = text_of(path, own=True)
    if text is None:
        raise SettingsError("settings_missing", {"file": where, "variable": VARIABLE})
    return _file(text, places.speaker(Tier.NAMED, where), {}, where)


def _user(places: _Places) -> Said:
    if not os.path.lexists(places.user_file):
        return Said(Tier.USER)
    _outside_project(places.user_file, places)
    where = shown(str(places.user_file), 300)
    text = text_of(places.user_file, own=True)
    return Said(Tier.USER) if text is None else _file(text, places.speaker(Tier.USER, where), {}, where)


def _outside_project(path: Path, places: _Places) -> None:
    """A file of a person's own tiers never lies where a project could have put it."""
    project = places.project / FILE
    root = repository(places.project)
    # A home folder may be a work tree, or the project itself: then its .config is still the person's own.
    if places.home is not None and inside(places.home, root):
        root = places.project
    homely = places.home is not None and inside(places.home, places.project)
    same = os.path.realpath(path) == os.path.realpath(project)
    if same or (not homely and inside(path, root)):
        raise SettingsError("settings_inside_project", {"file": shown(str(path), 300), "project": str(root)})


def _project(places: _Places, known: Mapping[str, EnvironmentSetting]) -> Said:
    path = places.project / FILE
    where = shown(str(path), 300)
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(places.project)):
        raise SettingsError("settings_link_outside", {"file": where})
    text = text_of(path)
    if text is None:
        return Said(Tier.PROJECT)
    return _file(text, places.speaker(Tier.PROJECT, where), known, str(places.user_file))


def _file(text: str, speaker: Speaker, known: Mapping[str, EnvironmentSetting], belongs: str) -> Said:
    """One TOML file. `known` are the person's environments, `belongs` the file that a forbidden key belongs in."""
    table = toml_of(text, speaker.source)
    own = speaker.tier.person
    for word in table:
        _allowed_word(word, speaker, belongs)
    return Said(
        tier=speaker.tier,
        values=tuple((name, value, speaker.source) for name, value in _plain(table, speaker, belongs)),
        environments=environments.environments_of(table.get("environments", {}), speaker, known, belongs),
        stores=environments.stores_of(table["stores"], speaker) if own and "stores" in table else (),
        policy=policy.policy_of(table.get("policy", {}), table.get("rules", {}), speaker, belongs),
        prices=policy.prices_of(table["prices"], speaker) if own and "prices" in table else None,
    )


def _allowed_word(word: str, speaker: Speaker, belongs: str) -> None:
    own = speaker.tier.person
    if word in keys.PLANNED:
        if own:
            raise wrong("setting_planned", word, speaker)
        raise wrong("setting_forbidden", word, speaker, belongs=belongs)
    key = keys.BY_SPELLING.get(word)
    never = key is not None and key.project == keys.NEVER
    if not own and (never or word in ("stores", "prices")):
        raise wrong("setting_forbidden", word, speaker, belongs=belongs)
    known = (*keys.BY_SPELLING, *keys.TABLES, keys.DRY_RUN)
    if word not in known:
        raise environments.unknown(word, values.nearest(word, known), speaker)


def _plain(table: Mapping[str, object], speaker: Speaker, belongs: str) -> list[tuple[str, Value]]:
    found: dict[str, Value] = {}
    spelt: dict[str, str] = {}
    for word, raw in table.items():
        pairs: list[tuple[str, Value]] = []
        if word == keys.DRY_RUN:
            pairs = [(name, value) for name, value, _ in _dry_run(raw, speaker)]
        elif word in keys.BY_SPELLING:
            key = keys.BY_SPELLING[word]
            spelling = replace(key, name=word)
            pairs = [(key.name, _may(key, word, values.checked(spelling, raw, speaker), speaker, belongs))]
        for name, value in pairs:
            if name in found:
                raise wrong("setting_twice", word, speaker, other=spelt[name])
            found[name], spelt[name] = value, word
    return list(found.items())


def _may(key: Key, word: str, value: Value, speaker: Speaker, belongs: str) -> Value:
    if not speaker.tier.person and key.project is not None and value not in key.project:
        raise wrong("setting_forbidden", word, speaker, belongs=belongs)
    return value


def _dry_run(raw: object, speaker: Speaker) -> list[tuple[str, Value, str]]:
    """`dry_run: true` is another way to say plan_only; false says nothing (O3)."""
    return [("mode", "plan_only", speaker.source)] if values.yes_no(keys.DRY_RUN, raw, speaker) else []


def _bmad(places: _Places) -> Said:
    words, notes = words_of(places.project)
    found: dict[str, tuple[Value, str]] = {}
    for word in words:
        speaker = places.speaker(Tier.BMAD, word.source)
        try:
            pairs = _bmad_pairs(word, speaker, str(places.user_file))
        except SettingsError as error:
            if error.code == "setting_language":
                notes = (*notes, Note("language_unknown", (("key", word.document), ("file", word.source))))
            elif not word.input or error.code == "setting_forbidden":
                raise
            continue
        for name, value in pairs:
            found.setdefault(name, (value, word.source))
    plain = tuple((name, value, source) for name, (value, source) in found.items())
    return Said(Tier.BMAD, plain, notes=notes)


def _bmad_pairs(word: BmadWord, speaker: Speaker, belongs: str) -> list[tuple[str, Value]]:
    if word.document == keys.DRY_RUN:
        return [(name, value) for name, value, _ in _dry_run(word.raw, speaker)]
    key = keys.BY_DOCUMENT[word.document]
    value = values.checked(replace(key, name=word.document), word.raw, speaker)
    # Its files list every input with its default; a default that stands there says nothing.
    if value == key.default and key.project is not None:
        return []
    return [(key.name, _may(key, word.document, value, speaker, belongs))]
