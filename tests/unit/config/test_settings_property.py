"""Whatever stands in a project's files: nothing gets less careful, and nothing but a plain error comes out."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from diana_agent.guard.levels import Claims, settle
from diana_config.bmad import CONFIG, WORKFLOW
from diana_config.errors import SettingsError
from diana_config.keys import BY_DOCUMENT, BY_SPELLING, KEYS, NEVER, PLANNED, TABLES
from diana_config.known import Known
from diana_config.settings import GRADES, LEVELS, SEES, SEVERITIES, Mode, Settings, Tier
from diana_config.show import rows
from diana_tools.domain import Environment, Level
from unit.config.settings_place import Place, sentence

PERSON = """\
model_sees = "counts"
stores.mine = {kind = "s3", location = "s3://mine", remote = true}
environments.eu = {level = "production", hosts = ["db.eu"], databases = ["shop"], expected_db = "shop"}
environments.qa = {level = "staging", hosts = ["db.qa"]}
environments.box = {level = "dev", hosts = ["db.box"]}
policy.least_proof = {dev = "restored"}
policy.coding_agents = true
policy.max_backup_age_minutes = 20
policy.remote_copy = ["dev", "production"]
rules = {DL003 = "T", DL005 = "I"}
"""
OWN = (
    *("stores", "environments", "skip_backup", "backup_folder", "interpreter", "model", "model_name", "expected_db"),
    *("model_endpoint", "child_env", "adapters", "prices", "version", "count", "ticket", "reason", "timeout_set"),
)

EMPTY: dict[str, object] = {}
NOTHING: dict[str, st.SearchStrategy[object]] = {}


def table(key: str, value: object) -> dict[str, object]:
    return {key: value}


def joined(one: dict[str, object], two: dict[str, object]) -> dict[str, object]:
    return {**one, **two}


words = st.sampled_from(
    ["dev", "staging", "production", "prod", "eu", "qa", "box", "none", "read", "restored", "O", "B", "W", "embedded",
     "claude", "rollback", "execute", "plan_only", "db.eu", "db.qa", "db.box", "shop", "/tmp/x", "../x", "en", "counts",
     "DATABASE_URL", "postgresql://u:p@db.eu/shop", "{project-root}/docs", "{config_source}:a.b", "nothing",
     "statements", ""]
)  # fmt: skip
scalars = st.one_of(words, st.booleans(), st.integers(-5, 500), st.text(max_size=6))
lists = st.lists(words, max_size=3)
hosts = st.lists(st.sampled_from(["db.eu", "db.qa", "db.box", "localhost", "*"]), min_size=1, max_size=2)
databases = st.lists(st.sampled_from(["shop", "/srv/shop.db"]), min_size=1, max_size=2)
environment = st.fixed_dictionaries(
    {"level": st.sampled_from(LEVELS)},
    optional={"hosts": hosts, "databases": databases, "database": st.sampled_from(["A", "postgresql://db.box/shop"])},
)
strict: st.SearchStrategy[object] = st.fixed_dictionaries(
    NOTHING,
    optional={
        "least_proof": st.just({"production": "restored"}),
        "remote_copy": st.sampled_from([["production"], ["staging", "production"], [*LEVELS]]),
        "require_ticket": st.lists(st.sampled_from(LEVELS), max_size=3),
        "max_backup_age_minutes": st.integers(1, 60),
        "coding_agents": st.just(False),
        "scratch_rows_in_production": st.just(False),
    },
)
policy = st.fixed_dictionaries(
    {},
    optional={
        "least_proof": st.dictionaries(st.sampled_from(LEVELS), st.sampled_from(GRADES)),
        "remote_copy": st.lists(st.sampled_from(LEVELS), max_size=3),
        "max_backup_age_minutes": st.integers(1, 200),
        "scratch_rows_in_production": st.booleans(),
        "coding_agents": st.booleans(),
    },
)
severities = st.dictionaries(st.sampled_from(["DL003", "DL005", "IR001"]), st.sampled_from(SEVERITIES), max_size=2)
known = st.sampled_from(["eu", "qa", "box"])
tables = st.one_of(
    st.builds(
        table, st.just("environments"), st.dictionaries(st.sampled_from(["x", "y-1", "live"]), environment, min_size=1)
    ),
    st.builds(table, st.just("environments"), st.dictionaries(known, st.builds(table, st.just("level"), words))),
    st.builds(table, st.just("policy"), strict),
    st.builds(table, st.just("policy"), policy),
    st.builds(table, st.just("rules"), severities),
)
rarely = st.builds(table, st.sampled_from([*PLANNED, *TABLES, "dry_run"]), st.one_of(scalars, lists))
harmless = st.sampled_from(sorted(key.name for key in KEYS if key.project is not NEVER))
plain = st.one_of(
    st.builds(table, st.sampled_from(sorted(BY_SPELLING)), st.one_of(scalars, lists)),
    st.builds(table, harmless, words),
    st.builds(table, st.sampled_from(["environment", "target_environment"]), words),
)
projects = st.one_of(
    st.just(EMPTY), plain, tables, tables, rarely, st.builds(joined, plain, tables), st.builds(joined, tables, tables)
)
documents = st.sampled_from(
    [*BY_DOCUMENT, "dry_run", "inherit_from", "config_source", "deployment", "runner", "stores"]
)
bmad = st.one_of(
    st.just(EMPTY),
    st.builds(table, st.just("target_environment"), words),
    st.builds(table, documents, st.one_of(scalars, st.dictionaries(documents, scalars, max_size=2))),
    st.dictionaries(documents, scalars, max_size=2),
)


def toml(value: object) -> str:
    """A value as TOML; JSON's strings, numbers and arrays are TOML's too, with the control characters escaped."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(str(key))} = {toml(item)}" for key, item in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # a dictionary of anything
        return "{" + ", ".join(pairs) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


T = TypeVar("T")


def outcome(call: Callable[[], T]) -> tuple[T | None, SettingsError | None]:
    """What a call gave, or the one kind of error that may come out."""
    try:
        return call(), None
    except SettingsError as error:
        return None, clean(error)


def clean(error: SettingsError) -> SettingsError:
    """The error, if its sentence can go to a terminal as it is."""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", sentence(error)), error.code
    return error


@contextmanager
def fresh() -> Generator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        yield Place(Path(folder).resolve())


def strictness(said: Settings) -> tuple[int, ...]:
    """A row of numbers of which none may sink."""
    rules = [SEVERITIES.index(said.policy.severity(rule, "W")) for rule in ("DL003", "DL005", "IR001", "ZZ001")]
    return (
        *(GRADES.index(grade) for _, grade in said.policy.least_proof),
        *(int(level in said.policy.remote_copy) for level in LEVELS),
        *(int(level in said.policy.require_ticket) for level in LEVELS),
        -said.policy.max_backup_age_minutes,
        -int(said.policy.scratch_rows_in_production),
        -int(said.policy.coding_agents),
        *rules,
        int(said.rollback_on_failure),
        -SEES.index(said.model_sees),
    )


def claims(said: Settings) -> Iterator[Claims]:
    for engine, host, database in (
        ("postgresql", "db.eu", "shop"), ("postgresql", "db.qa", "shop"), ("postgresql", "db.box", "shop"),
        ("postgresql", "localhost", "shop"), ("sqlite", "", "/srv/shop.db"),
    ):  # fmt: skip
        for last in (None, Known("qa", "staging"), Known("box", "dev")):
            yield Claims(said, "0" * 32, engine, host, database, last)


def rank(where: Environment | None) -> int:
    # Nobody is asked only where the level is known: to be asked is above every level that was not settled.
    return 1 if where is None else where.level.rank


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(project=projects, config=bmad, workflow=bmad)
@example(project={"mode": "rollback"}, config={}, workflow={})
@example(project={}, config={"skip_backup": True}, workflow={})
def test_no_project_lowers_anything(
    project: dict[str, object], config: dict[str, object], workflow: dict[str, object]
) -> None:
    with fresh() as place:
        place.write(Tier.USER, PERSON)
        before = place.load()
        place.write(Tier.PROJECT, "".join(f"{json.dumps(key)} = {toml(item)}\n" for key, item in project.items()))
        for name, content in ((CONFIG, config), (WORKFLOW, workflow)):
            path = place.project / "bmad" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        after, _ = outcome(place.load)
    if after is None:
        return
    for name in OWN:
        assert getattr(after, name) == getattr(before, name), name
    assert after.mode is not Mode.ROLLBACK
    assert all(new >= old for new, old in zip(strictness(after), strictness(before), strict=True))
    for old, new in zip(claims(before), claims(after), strict=True):
        there, error = outcome(partial(settle, new))
        if error is not None:
            assert error.code == "environment_unmapped"
            continue
        known = settle(old)
        if known is None:
            assert there is None or there.level is Level.PRODUCTION
        else:
            assert there is not None
            assert rank(there) >= rank(known)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
)
def test_any_bytes_are_settings_or_one_error(content: bytes) -> None:
    with fresh() as place:
        for tier in (Tier.PROJECT, Tier.USER, Tier.BMAD):
            file = place.write(tier, "")
            file.write_bytes(content)
            outcome(place.load)
            file.unlink()


scalar_yaml = st.text(alphabet="aA0:-{}[]!&*<|>%@`'\"#,.? \n\t=~_\u2028\\$+xeT", max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=scalar_yaml)
def test_any_yaml_like_text_is_settings_or_one_error(text: str) -> None:
    with fresh() as place:
        file = place.write(Tier.BMAD, "")
        file.write_text(text)
        outcome(place.load)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    key=st.sampled_from([*sorted(BY_SPELLING), *TABLES, *PLANNED, "zzz"]),
    wrap=st.sampled_from(
        ['"{}"', '["{}"]', '{{level = "{}"}}', '{{eu = {{level = "dev", database = "{}"}}}}', '{{a = "{}"}}']
    ),
    secret=st.sampled_from(["postgresql://u:hunter2@h/d", "postgresql://u:hun/ter2@h/d", "https://k:hunter2@h/"]),
)
def test_no_password_is_in_an_error_or_in_what_is_shown(key: str, wrap: str, secret: str) -> None:
    with fresh() as place:
        place.write(Tier.USER, f"{key} = {wrap.format(secret)}\n")
        said, error = outcome(place.load)
    assert "hunter2@" not in str(error)
    assert "ter2@" not in str(error)
    if said is not None:
        # Free text is the person's to write; every other value is checked or kept out of the text form.
        bare = replace(said, user_name="", reason="", ticket="", target="", version="", expected_db="", model_name="",
                       signer="")  # fmt: skip
        assert "hunter2" not in repr(bare)
        assert "hunter2@" not in repr(rows(said))
