"""The level is the highest of everything that was said; nothing but the person names a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from diana_agent.guard.levels import Claims, because_fields, kinship, settle
from diana_config.environments import OBVIOUS
from diana_config.known import Known
from diana_config.settings import GRADES, LEVELS, EnvironmentSetting, Settings, Tier, Word
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Identity, Level
from diana_tools.measured import Grade
from unit.config.settings_place import refused

ID = "1" * 32
HERE = Claims(Settings(user_file="/home/ada/.config/diana/diana.toml"), ID, "postgresql", "db.example", "shop")


def said(*words: tuple[Tier, str], **settings: tuple[EnvironmentSetting, ...]) -> Settings:
    spoken = tuple(Word(tier, name, f"source of {tier}") for tier, name in words)
    return replace(HERE.settings, words=spoken, **settings)


def level(claims: Claims) -> str:
    found = settle(claims)
    return found.level.value if found else ""


def test_the_words_of_both_layers_are_the_same() -> None:
    assert tuple(one.value for one in Level) == LEVELS
    assert tuple(one.value for one in Grade) == GRADES
    assert set(OBVIOUS.values()) == set(LEVELS)


def test_nobody_has_named_it_so_the_person_is_asked() -> None:
    assert settle(HERE) is None
    for host in ("localhost", "127.0.0.1", "::1", "/var/run/postgresql", ""):
        assert settle(replace(HERE, host=host)) is None


@pytest.mark.parametrize("tier", list(Tier))
def test_a_word_alone_never_makes_an_unnamed_database_less_than_production(tier: Tier) -> None:
    for name, expected in (("dev", ""), ("staging", ""), ("production", "production"), ("LIVE", "production")):
        assert level(replace(HERE, settings=said((tier, name)))) == expected


def test_a_file_and_a_server_of_dianas_own_are_dev_without_asking() -> None:
    assert level(replace(HERE, engine="sqlite", host="", database="/srv/shop.db")) == "dev"
    assert level(replace(HERE, started=True, host="127.0.0.1")) == "dev"


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [("dev", "production", "production"), ("production", "dev", "production"), ("dev", "staging", "staging"),
     ("dev", "", ""), ("", "dev", ""), ("production", "", "production"), ("", "production", "production")],
)  # fmt: skip
def test_where_the_socket_goes_counts_like_what_the_host_is_called(name: str, address: str, expected: str) -> None:
    mine = (
        *((EnvironmentSetting("a", name, hosts=("db.example",)),) if name else ()),
        *((EnvironmentSetting("b", address, hosts=("10.0.0.7",)),) if address else ()),
    )
    assert level(replace(HERE, settings=said(environments=mine), hostaddr="10.0.0.7")) == expected


def sources(value: str) -> Iterator[Claims]:
    """One claim of each kind for a level, on a database that is dev otherwise."""
    base = replace(HERE, engine="sqlite", host="", database="/srv/shop.db")
    one = EnvironmentSetting("mine", value)
    yield replace(base, last=Known("mine", value))
    for key, extra in (
        ("environments", replace(one, identities=(ID,))),
        ("environments", replace(one, databases=("/srv/shop.db",))),
        ("environments", replace(one, databases=("shop.db",))),
        ("environments", replace(one, database="sqlite:////srv/shop.db")),
        ("project_environments", replace(one, databases=("/srv/shop.db",))),
    ):
        yield replace(base, settings=said(**{key: (extra,)}))
    for tier in Tier:
        yield replace(base, settings=said((tier, "mine"), environments=(one,)))
        yield replace(base, settings=said((tier, "mine"), project_environments=(one,)))


@pytest.mark.parametrize("value", LEVELS)
def test_every_source_raises(value: str) -> None:
    for claims in sources(value):
        found = settle(claims)
        assert found is not None
        assert found.level.value == value
        assert found.name == ("mine" if value != "dev" else found.name)
        assert any(entry.endswith(f" mine {value}") for entry in found.because)


@pytest.mark.parametrize(("one", "other"), list(product(LEVELS, LEVELS)))
def test_the_highest_of_any_two_sources_wins(one: str, other: str) -> None:
    highest = max(one, other, key=LEVELS.index)
    for first, second in product(sources(one), sources(other)):
        joined = replace(
            first,
            last=second.last or first.last,
            settings=replace(
                first.settings,
                environments=tuple(replace(env, name="one") for env in first.settings.environments)
                + second.settings.environments,
                project_environments=first.settings.project_environments + second.settings.project_environments,
                words=second.settings.words + tuple(replace(word, name=one) for word in first.settings.words),
            ),
        )
        expected = highest
        if second.last is not None and first.last is not None:
            expected = other
        by_identity = [env for env in joined.settings.environments if env.identities]
        places = [env for env in joined.settings.environments if not env.identities and (env.databases or env.database)]
        if by_identity and places:
            expected = by_identity[0].level
        assert level(joined) == expected


def test_the_persons_map_by_identity_comes_before_the_one_by_host_and_name() -> None:
    own = (
        EnvironmentSetting("eu", "production", hosts=("db.example",)),
        EnvironmentSetting("copy", "staging", identities=(ID,)),
    )
    found = settle(replace(HERE, settings=said(environments=own)))
    assert found is not None
    assert (found.name, found.level) == ("copy", Level.STAGING)


@pytest.mark.parametrize(
    ("setting", "host", "expected"),
    [
        (EnvironmentSetting("x", "dev", hosts=("db.example",)), "DB.Example.", "dev"),
        (EnvironmentSetting("x", "dev", hosts=("*.example",)), "db.example", "dev"),
        (EnvironmentSetting("x", "dev", hosts=("db.example",), databases=("shop",)), "db.example", "dev"),
        (EnvironmentSetting("x", "dev", hosts=("db.example",), databases=("other",)), "db.example", ""),
        (EnvironmentSetting("x", "dev", hosts=("other",), databases=("shop",)), "db.example", ""),
        (EnvironmentSetting("x", "dev", databases=("shop",)), "db.example", ""),
        (EnvironmentSetting("x", "production", databases=("shop",)), "db.example", "production"),
        (EnvironmentSetting("x", "dev", hosts=("localhost",)), "localhost", ""),
        (EnvironmentSetting("x", "dev", hosts=("127.0.0.1",)), "127.0.0.1", ""),
        (EnvironmentSetting("x", "dev", hosts=("*",)), "127.9.9.9", ""),
        (EnvironmentSetting("x", "dev", hosts=("*",)), "::ffff:127.0.0.1", ""),
        (EnvironmentSetting("x", "dev", hosts=("*",)), "0.0.0.0", ""),
        (EnvironmentSetting("x", "dev", hosts=("*",)), "db.localhost", ""),
        (EnvironmentSetting("x", "production", hosts=("localhost",)), "localhost", "production"),
        (EnvironmentSetting("x", "dev", hosts=("localhost",), databases=("shop",)), "localhost", ""),
        (EnvironmentSetting("x", "dev", hosts=("localhost:5432",), databases=("shop",)), "localhost", "dev"),
        (EnvironmentSetting("x", "dev", hosts=("[::1]:5432",), databases=("shop",)), "::1", "dev"),
        (EnvironmentSetting("x", "dev", hosts=("db.*:5432",)), "db.example", "dev"),
        (EnvironmentSetting("x", "dev", hosts=("db.example:6543",)), "db.example", ""),
        (EnvironmentSetting("x", "dev", hosts=("localhost:5432",)), "localhost", ""),
        (EnvironmentSetting("x", "dev", hosts=("localhost:5432",), databases=("other",)), "localhost", ""),
        (EnvironmentSetting("x", "dev", database="postgresql://me:pw@db.example/shop?a=b"), "db.example", "dev"),
        (EnvironmentSetting("x", "dev", database="postgresql://me:pw@db.example:5433/shop"), "db.example", ""),
        (EnvironmentSetting("x", "dev", database="postgresql://me@db.example:nope/shop"), "db.example", ""),
        (EnvironmentSetting("x", "dev", database="postgresql://me@db.example/other"), "db.example", ""),
        (EnvironmentSetting("x", "dev", database="SHOP_URL"), "db.example", ""),
        (EnvironmentSetting("x", "dev", database="postgresql://[broken/shop"), "db.example", ""),
        (EnvironmentSetting("x", "dev", identities=(ID,)), "localhost", "dev"),
    ],
)
def test_what_names_a_database_and_what_only_hints(setting: EnvironmentSetting, host: str, expected: str) -> None:
    assert level(replace(HERE, host=host, settings=said(environments=(setting,)))) == expected


def test_a_projects_map_names_nothing() -> None:
    mine = EnvironmentSetting("x", "dev", hosts=("db.example",), databases=("shop",))
    assert settle(replace(HERE, settings=said(project_environments=(mine,)))) is None
    high = replace(mine, level="production")
    assert level(replace(HERE, last=Known("x", "dev"), settings=said(project_environments=(high,)))) == "production"


def test_a_production_identity_stays_one_whatever_else_says_dev() -> None:
    dev = tuple((tier, "dev") for tier in Tier)
    project = (EnvironmentSetting("dev", "dev", hosts=("db.example",)),)
    for claims in (
        replace(HERE, settings=said(*dev, project_environments=project), last=Known("eu", "production")),
        replace(HERE, settings=said(*dev, environments=(EnvironmentSetting("eu", "production", identities=(ID,)),))),
    ):
        found = settle(claims)
        assert found is not None
        assert (found.name, found.level) == ("eu", Level.PRODUCTION)
        assert [entry.split(" ")[0] for entry in found.because if " dev dev" in entry][:1] == ["flag"]


def test_a_tunnel_on_loopback_to_a_known_server_is_that_server() -> None:
    origin = Known("eu", "production")
    mapped = said(environments=(EnvironmentSetting("x", "dev", hosts=("localhost:5432",), databases=("shop",)),))
    tunnel = replace(HERE, host="localhost", settings=mapped)
    assert level(tunnel) == "dev"
    assert level(replace(tunnel, relative=origin)) == "production"
    assert level(replace(HERE, relative=origin)) == "production"
    once = replace(HERE, host="localhost", last=Known("x", "dev", "kin"))
    assert level(replace(once, relative=origin)) == "production"
    found = settle(replace(once, relative=Known("x", "dev", "kin")))
    assert found is not None
    assert found.because == ("last x dev",)


@pytest.mark.parametrize(
    "mine",
    [
        EnvironmentSetting("x", "dev", database="postgresql://me@localhost:5432/shop"),
        EnvironmentSetting("x", "dev", database="postgresql://me@localhost/shop"),
        EnvironmentSetting("x", "dev", hosts=("localhost:5432",), databases=("shop",)),
    ],
)
def test_a_tunnel_on_another_port_is_another_database(mine: EnvironmentSetting) -> None:
    here = replace(HERE, host="localhost", settings=said(environments=(mine,)))
    assert level(here) == level(replace(here, port=5432)) == "dev"
    assert level(replace(here, port=6543)) == ""


def test_a_clone_that_the_person_told_apart_has_a_level_of_its_own() -> None:
    origin = Known("eu", "production")
    clone = said(environments=(EnvironmentSetting("qa", "staging", hosts=("db.example",)),))
    assert level(replace(HERE, settings=clone, relative=origin)) == "staging"
    assert level(replace(HERE, last=Known("qa", "staging"), relative=origin)) == "staging"


FILE = replace(HERE, engine="sqlite", host="", database="/srv/other.db")


@pytest.mark.parametrize("links", [0, 2, 9])
def test_a_file_with_several_names_is_named_by_the_person(links: int) -> None:
    linked = replace(FILE, links=links)
    assert settle(linked) is None
    assert level(replace(linked, last=Known("box", "dev"))) == "dev"
    mine = EnvironmentSetting("box", "dev", databases=("/srv/other.db",))
    assert level(replace(linked, settings=said(environments=(mine,)))) == "dev"
    assert level(replace(linked, started=True)) == "dev"


@pytest.mark.parametrize("value", LEVELS)
def test_what_was_said_of_a_file_by_another_path_raises_it_and_never_names(value: str) -> None:
    mine = EnvironmentSetting("eu", value, databases=("/srv/shop.db",))
    for claims in (replace(FILE, same_file=(mine,)), replace(FILE, same_run=Known("eu", value))):
        assert level(claims) == value
        assert level(replace(claims, links=2)) == ("production" if value == "production" else "")
        assert level(replace(claims, last=Known("box", "staging"))) == max(value, "staging", key=LEVELS.index)


def test_a_file_by_another_path_gives_its_reason_once() -> None:
    mine = EnvironmentSetting("eu", "staging", databases=("/srv/other.db",))
    run = Known("eu", "staging")
    found = settle(replace(FILE, settings=said(environments=(mine,)), same_file=(mine,), last=run, same_run=run))
    assert found is not None
    assert found.because == ("place eu staging", "last eu staging", "own dev dev")
    elsewhere = EnvironmentSetting("eu", "staging", databases=("/srv/shop.db",))
    found = settle(replace(FILE, same_file=(elsewhere,), same_run=Known("x", "production")))
    assert found is not None
    assert (found.name, found.because) == ("x", ("same_file eu staging", "same_run x production", "own dev dev"))


def test_kinship_is_the_servers_own_word_without_its_address() -> None:
    here = Identity("postgresql", "7301", "16384", "db.example", "shop")
    tunnel = replace(here, host="127.0.0.1")
    assert kinship(here) == kinship(tunnel) != ""
    assert here.digest != tunnel.digest
    assert kinship(replace(here, database="16385")) != kinship(here)
    assert kinship(Identity("sqlite", "1", "2", "", "/x.db")) == ""


def test_a_name_that_nobody_mapped_is_an_error_with_the_lines_to_add() -> None:
    error = refused(lambda: settle(replace(HERE, settings=said((Tier.FLAG, "eu-prod")))))
    assert error.code == "environment_unmapped"
    text = Catalogue("en").say(f"error.{error.code}", **error.fields)
    assert '[environments.eu-prod]\nlevel = "production"' in text
    assert "/home/ada/.config/diana/diana.toml" in text


def test_the_flags_name_is_kept_where_its_level_is_the_one() -> None:
    own = (EnvironmentSetting("a", "staging", hosts=("db.example",)), EnvironmentSetting("b", "staging"))
    found = settle(replace(HERE, settings=said((Tier.FLAG, "b"), (Tier.PROJECT, "dev"), environments=own)))
    assert found is not None
    assert found.name == "b"
    assert found.because == ("flag b staging", "place a staging", "project dev dev")


def test_every_reason_has_its_sentence() -> None:
    catalogue = Catalogue("en")
    for who in (
        "flag",
        "named",
        "user",
        "project",
        "bmad",
        "identity",
        "place",
        "project_place",
        "last",
        "relative",
        "same_file",
        "same_run",
        "own",
    ):
        message, fields = because_fields(f"{who} eu-prod production")
        assert "eu-prod" in catalogue.say(message, **fields)
    message, fields = because_fields("person")
    assert catalogue.say(message, **fields)
