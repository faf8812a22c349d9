"""What does not name a database after all: each near miss of a place, by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diana_agent.guard.levels import Claims, kinship, settle
from diana_config.known import Known
from diana_config.settings import EnvironmentSetting, Settings
from diana_tools.domain import Identity

ID = "1" * 32
HERE = Claims(Settings(user_file="/home/ada/diana.toml"), ID, "postgresql", "db.example", "shop")
FILE = replace(HERE, engine="sqlite", host="", database="/srv/shop.db")


def level(claims: Claims, *own: EnvironmentSetting, project: tuple[EnvironmentSetting, ...] = ()) -> str:
    settings = replace(claims.settings, environments=own, project_environments=project)
    found = settle(replace(claims, settings=settings))
    return found.level.value if found else ""


def dev(**place: object) -> EnvironmentSetting:
    return replace(EnvironmentSetting("x", "dev"), **place)


def production(**place: object) -> EnvironmentSetting:
    return replace(EnvironmentSetting("x", "production"), **place)


@pytest.mark.parametrize(
    ("claims", "own", "expected"),
    [
        (HERE, production(hosts=("other",), databases=("shop",)), ""),
        (HERE, production(hosts=("db.example",), databases=("other",)), ""),
        (HERE, dev(database="postgresql://me@elsewhere/shop"), ""),
        (HERE, dev(hosts=("other:5432",)), ""),
        (HERE, dev(hosts=("[d]b.example:5432",)), ""),
        (replace(HERE, host="/var/run/postgresql"), dev(hosts=("*",)), ""),
        (replace(HERE, host="@diana"), dev(hosts=("*",)), ""),
        (replace(HERE, host="", database="SHOP_URL"), dev(database="SHOP_URL"), ""),
        (replace(HERE, database="a/shop"), production(databases=("shop",)), ""),
        (FILE, production(hosts=("*",)), "dev"),
        (FILE, production(), "dev"),
        (FILE, production(databases=("other.db",)), "dev"),
        (FILE, production(databases=("hop.db",)), "dev"),
        (replace(FILE, database="/srv/"), production(databases=("",)), "dev"),
        (FILE, production(databases=("shop.db",)), "production"),
    ],
)
def test_a_place_that_nearly_fits_names_nothing(claims: Claims, own: EnvironmentSetting, expected: str) -> None:
    assert level(claims, own) == expected


def test_a_project_s_place_that_does_not_fit_raises_nothing() -> None:
    assert level(replace(HERE, last=Known("x", "dev")), project=(production(hosts=("other",)),)) == "dev"


def test_a_clone_is_told_apart_by_a_name_and_not_by_a_hint() -> None:
    origin = Known("eu", "production")
    clone = replace(HERE, relative=origin)
    assert level(clone, replace(dev(databases=("shop",)), level="staging")) == "production"
    assert level(replace(clone, host="localhost"), dev(identities=(ID,))) == "dev"


def test_kinship_is_made_of_engine_server_and_database() -> None:
    here = Identity("postgresql", "7301", "16384", "db.example", "shop")
    others = (replace(here, engine="mysql"), replace(here, server="7302"), replace(here, database="16385"))
    assert len({kinship(one) for one in (here, *others)}) == 4
