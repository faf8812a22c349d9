"""Each key in each tier: who wins, what a project may not say, and where every value came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diana_config import keys
from diana_config.keys import KEYS, Key, Kind
from diana_config.settings import Mode, Settings, Tier, resolve_database
from unit.config.settings_place import Place, refused

BY_NAME = {key.name: key for key in KEYS}


def samples(key: Key, root: Path) -> tuple[str, str]:
    """Two good values of a setting, as TOML literals."""
    return {
        Kind.TEXT: ('"one"', '"two"'),
        Kind.NAME: ('"qa"', '"eu-prod"'),
        Kind.TOOL: ('"alembic"', '"django"'),
        Kind.YES_NO: ("true", "false"),
        Kind.WHOLE: ("3", "7"),
        Kind.SECONDS: ("30", "41.5"),
        Kind.CHOICE: tuple(f'"{one}"' for one in key.allowed[:2]),
        Kind.LANGUAGE: ('"de"', '"fr"'),
        Kind.CONNECTION: ('"ONE_URL"', '"postgresql://me:s3cret@host/shop"'),
        Kind.ADDRESS: ('"https://one.example"', '"http://localhost:8080/v1"'),
        Kind.VARIABLES: ('["ONE"]', '["TWO", "THREE"]'),
        Kind.DISTRIBUTIONS: ('["one"]', '["two", "acme-adapter"]'),
        Kind.FOLDER_INSIDE: ('"services/one"', '"services/two"'),
        Kind.OUTPUT_FOLDER: ('"docs"', f'"{root}/project/logs"'),
        Kind.FILE_NAME: ('"one-{date}.md"', '"two.md"'),
        Kind.OWN_PATH: ('"/opt/one"', '"~/two"'),
    }[key.kind][:2]  # pyright: ignore[reportReturnType]  # a slice of two


FILES = (Tier.NAMED, Tier.USER, Tier.PROJECT)


@pytest.mark.parametrize("name", [key.name for key in KEYS])
def test_every_key_is_said_by_every_tier_that_may_say_it(place: Place, name: str) -> None:
    key = BY_NAME[name]
    for tier in FILES:
        for spelling in key.spellings:
            for literal in samples(key, place.root):
                fresh = Place(place.root / f"{tier}-{spelling}-{abs(hash(literal))}")
                literal = literal.replace(str(place.root) + "/project", str(fresh.project))
                file = fresh.write(tier, f"{spelling} = {literal}\n")
                said = literal.strip('"')
                if tier is Tier.PROJECT and key.project is not None and _typed(said) not in key.project:
                    error = refused(fresh.load)
                    assert error.code == "setting_forbidden"
                    assert error.fields["key"] == spelling
                    assert error.fields["where"] == str(file)
                    assert error.fields["belongs"] == str(fresh.folders.config / "diana.toml")
                    assert "s3cret" not in str(error)
                    continue
                settings = fresh.load()
                assert settings.source(name) == str(file)
                assert settings.tier(name) is tier
                assert _matches(getattr(settings, name), literal, fresh)


def _typed(said: str) -> str | bool:
    return {"true": True, "false": False}.get(said, said)


def _matches(value: object, literal: str, place: Place) -> bool:
    text = literal.strip('"')
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]" == literal  # pyright: ignore[reportUnknownVariableType]  # a tuple of anything
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, float | int):
        return float(text) == value
    return str(value) in (text, str(place.project / text), text.replace("~", str(place.root / "home")))


@pytest.mark.parametrize("name", [key.name for key in KEYS])
def test_the_stronger_tier_wins_and_says_so(place: Place, name: str) -> None:
    key = BY_NAME[name]
    first, second = samples(key, place.root)
    place.write(Tier.USER, f"{name} = {first}\n")
    named = place.write(Tier.NAMED, f"{name} = {second}\n")
    if key.project is keys.ANY:
        place.write(Tier.PROJECT, f"{name} = {first}\n")
    settings = place.load()
    assert settings.source(name) == str(named)
    assert _matches(getattr(settings, name), second, place)


@pytest.mark.parametrize("name", [key.name for key in KEYS])
def test_a_flag_wins_by_either_of_its_names(place: Place, name: str) -> None:
    key = BY_NAME[name]
    first, second = samples(key, place.root)
    place.write(Tier.NAMED, f"{name} = {first}\n")
    said = second.strip('"').removeprefix('["').removesuffix('"]').replace('", "', ",")
    for spelling in (name, key.flag):
        settings = place.load({spelling: said})
        assert settings.source(name) == f"flag --{key.flag}"
        assert settings.tier(name) is Tier.FLAG


def test_nothing_said_is_all_defaults(place: Place) -> None:
    settings = place.load()
    bare = Settings(user_file=str(place.folders.config / "diana.toml"), sources=settings.sources)
    assert settings == bare
    assert set(dict(settings.sources).values()) == {"default"}


def test_a_timeout_counts_as_set_by_the_person_only(place: Place) -> None:
    place.write(Tier.PROJECT, "migration_timeout = 900\n")
    assert (place.load().timeout, place.load().timeout_set) == (900.0, False)
    place.write(Tier.USER, "timeout = 60\n")
    assert (place.load().timeout, place.load().timeout_set) == (60.0, True)
    assert place.load({"timeout": 5}).timeout == 5.0


def test_dry_run_is_another_way_to_say_plan_only(place: Place) -> None:
    place.write(Tier.PROJECT, "dry_run = true\n")
    assert place.load().mode is Mode.PLAN_ONLY
    assert place.load({"mode": "execute"}).mode is Mode.EXECUTE
    assert place.load({"dry_run": True}).source("mode") == "flag --dry-run"
    place.write(Tier.PROJECT, "dry_run = false\n")
    assert place.load().mode is Mode.EXECUTE
    place.write(Tier.PROJECT, 'dry_run = true\nmode = "execute"\n')
    assert refused(place.load).code == "setting_twice"


def test_no_rollback_is_the_flag_that_turns_it_off(place: Place) -> None:
    assert not place.load({"no_rollback": True}).rollback_on_failure
    assert not place.load({"no-rollback": "true"}).rollback_on_failure
    assert place.load({"no_rollback": False}).rollback_on_failure
    assert place.load({"no_rollback": True}).source("rollback_on_failure") == "flag --no-rollback"


def test_all_words_for_the_environment_are_kept(place: Place) -> None:
    place.write(Tier.NAMED, 'environment = "a"\n')
    place.write(Tier.USER, 'environment = "b"\n')
    place.write(Tier.PROJECT, 'target_environment = "c"\n')
    place.write(Tier.BMAD, "target_environment: d\n")
    settings = place.load({"environment": "e"})
    assert settings.environment == "e"
    assert [(word.tier, word.name) for word in settings.words] == [
        (Tier.FLAG, "e"),
        (Tier.NAMED, "a"),
        (Tier.USER, "b"),
        (Tier.PROJECT, "c"),
        (Tier.BMAD, "d"),
    ]


URL = "postgresql://me:s3cret@host/shop"


def test_connections_are_resolved_late_and_by_the_strongest_word(place: Place) -> None:
    environ = {"MINE": URL, "THEIRS": URL + "2", "GENERAL": URL + "3"}
    place.write(Tier.USER, '[environments.eu]\nlevel = "production"\ndatabase = "MINE"\n')
    place.write(Tier.PROJECT, 'database = "GENERAL"\n[environments.qa]\nlevel = "staging"\ndatabase = "THEIRS"\n')
    settings = place.load()
    assert resolve_database(settings, "eu", environ) == URL
    assert resolve_database(settings, "qa", environ) == URL + "2"
    assert resolve_database(settings, "other", environ) == URL + "3"
    assert resolve_database(settings, "", environ) == URL + "3"
    assert resolve_database(place.load({"database": "sqlite:///x.db"}), "eu", environ) == "sqlite:///x.db"
    place.write(Tier.NAMED, 'database = "MINE"\n')
    assert resolve_database(place.load(), "qa", environ) == URL
    assert resolve_database(Settings(), "", environ) == ""


def test_a_variable_that_is_not_there_or_no_url_is_named_and_not_quoted() -> None:
    settings = Settings(database="API_KEY", tiers=(("database", Tier.PROJECT),))
    assert refused(lambda: resolve_database(settings, "", {})).code == "variable_unset"
    error = refused(lambda: resolve_database(settings, "", {"API_KEY": "sk-secret"}))
    assert error.code == "variable_not_url"
    assert "sk-secret" not in str(error)


def test_no_secret_is_in_what_settings_show_of_themselves(place: Place) -> None:
    place.write(
        Tier.USER,
        f'database = "{URL}"\nmodel_endpoint = "https://host/s3cret"\n[environments.eu]\nlevel = "production"\n'
        f'database = "{URL}"\n[stores.a]\nkind = "s3"\nlocation = "s3://k:s3cret@b"\noptions.secret_key = "s3cret"\n',
    )
    settings = place.load()
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(replace(settings, database="").sources)
    place.write(Tier.USER, f'database = ["{URL}"]\n')
    error = refused(place.load)
    assert "s3cret" not in str(error) + repr(error) + repr(error.fields)
