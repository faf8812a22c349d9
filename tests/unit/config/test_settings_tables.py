"""Environments, stores, policy and rules: a person changes them, a project only tightens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diana_config.settings import PolicySetting, Tier
from unit.config.settings_place import Place, refused


def test_stores_of_two_files_are_merged_by_name(place: Place) -> None:
    named = place.write(
        Tier.NAMED,
        '[stores.a]\nkind = "s3"\nlocation = "s3://bucket/x"\n[stores.a.options]\nregion = "eu-1"\nssl = true\n',
    )
    user = place.write(
        Tier.USER,
        '[stores.a]\nkind = "folder"\nlocation = "/mnt/a"\n'
        '[stores.b]\nkind = "folder"\nlocation = "~/b"\nonly = "h/shop"\n',
    )
    settings = place.load()
    a, b = settings.stores
    assert (a.kind, a.location, a.remote, a.options) == (
        "s3",
        "s3://bucket/x",
        True,
        (("region", "eu-1"), ("ssl", "true")),
    )
    assert (b.kind, b.location, b.remote, b.only) == ("local", f"{place.root}/home/b", False, "h/shop")
    assert (settings.source("stores.a"), settings.source("stores.b")) == (str(named), str(user))


def test_a_persons_file_may_change_the_policy(place: Place) -> None:
    user = place.write(
        Tier.USER,
        "[policy]\nremote_copy = []\nmax_backup_age_minutes = 240\nscratch_rows_in_production = true\n"
        'coding_agents = true\nrequire_ticket = ["production"]\n[policy.least_proof]\nproduction = "attested"\n'
        '[rules]\nDL003 = "W"\n',
    )
    settings = place.load()
    assert settings.policy == PolicySetting(
        least_proof=(("dev", "read"), ("staging", "restored"), ("production", "attested")),
        remote_copy=(),
        max_backup_age_minutes=240,
        scratch_rows_in_production=True,
        coding_agents=True,
        require_ticket=("production",),
        rules=(("DL003", "W"),),
    )
    for key in ("policy.remote_copy", "policy.least_proof.production", "policy.require_ticket", "rules.DL003"):
        assert settings.source(key) == str(user)
    assert settings.source("policy.least_proof.dev") == "default"


def test_a_projects_file_tightens_the_persons_policy(place: Place) -> None:
    user = place.write(
        Tier.USER,
        '[policy]\nmax_backup_age_minutes = 240\ncoding_agents = true\n[policy.least_proof]\nproduction = "none"\n'
        '[rules]\nDL003 = "I"\nDL005 = "B"\n',
    )
    project = place.write(
        Tier.PROJECT,
        '[policy]\nmax_backup_age_minutes = 30\ncoding_agents = false\nremote_copy = ["staging", "production"]\n'
        '[policy.least_proof]\nproduction = "restored"\n[rules]\nDL003 = "T"\nDL005 = "W"\nIR001 = "T"\n',
    )
    policy = place.load().policy
    assert dict(policy.least_proof)["production"] == "restored"
    assert (policy.max_backup_age_minutes, policy.coding_agents) == (30, False)
    assert policy.remote_copy == ("staging", "production")
    assert policy.severity("DL003", "T") == "T"
    assert policy.severity("DL005", "T") == "B"
    assert policy.severity("IR001", "W") == "T"
    assert policy.severity("IR002", "T") == "T"
    assert place.load().source("policy.least_proof.production") == f"{user}, {project}"


@pytest.mark.parametrize(
    ("text", "key", "code"),
    [
        ('[policy.least_proof]\nproduction = "read"', "policy.least_proof.production", "setting_lowers"),
        ('[policy.least_proof]\ndev = "none"', "policy.least_proof.dev", "setting_lowers"),
        ("[policy]\nremote_copy = []", "policy.remote_copy", "setting_lowers"),
        ('[policy]\nremote_copy = ["dev"]', "policy.remote_copy", "setting_lowers"),
        ("[policy]\nmax_backup_age_minutes = 61", "policy.max_backup_age_minutes", "setting_lowers"),
        ("[policy]\nscratch_rows_in_production = true", "policy.scratch_rows_in_production", "setting_lowers"),
        ("[policy]\ncoding_agents = true", "policy.coding_agents", "setting_lowers"),
        ('[rules]\nDL003 = "O"', "rules.DL003", "setting_lowers"),
        ('[environments.eu]\nlevel = "staging"', "environments.eu.level", "setting_lowers"),
        ('[environments.eu]\nlevel = "production"\nhosts = ["x"]', "environments.eu.hosts", "setting_forbidden"),
        (
            '[environments.eu]\nlevel = "production"\ndatabases = ["x"]',
            "environments.eu.databases",
            "setting_forbidden",
        ),
        ('[environments.eu]\nlevel = "production"\ndatabase = "X"', "environments.eu.database", "setting_forbidden"),
        ('[environments.qa]\nlevel = "dev"\nidentities = ["x"]', "environments.qa.identities", "setting_forbidden"),
        ('[environments.qa]\nlevel = "dev"\nexpected_db = "x"', "environments.qa.expected_db", "setting_forbidden"),
        ('[environments.live]\nlevel = "dev"', "environments.live.level", "environment_contradiction"),
        ('[stores.x]\nkind = "s3"\nlocation = "s3://b"', "stores", "setting_forbidden"),
        ("[prices]\nread = 0.0", "prices", "setting_forbidden"),
        ('runner = "ssh host"', "runner", "setting_forbidden"),
        ('scratch = "X"', "scratch", "setting_forbidden"),
        ('signers = "keys"', "signers", "setting_forbidden"),
        ('keys = "k"', "keys", "setting_forbidden"),
        ('mode = "rollback"', "mode", "setting_forbidden"),
        ("skip_backup = false", "skip_backup", "setting_forbidden"),
        ("rollback_on_failure = false", "rollback_on_failure", "setting_forbidden"),
    ],
)
def test_what_a_project_may_not_say_is_an_error_that_names_where_it_belongs(
    place: Place, text: str, key: str, code: str
) -> None:
    place.write(Tier.USER, '[environments.eu]\nlevel = "production"\nhosts = ["db.example"]\n')
    file = place.write(Tier.PROJECT, text + "\n")
    error = refused(place.load)
    assert (error.code, error.fields["key"], error.fields["where"]) == (code, key, str(file))
    if code != "environment_contradiction":
        assert error.fields["belongs"] == str(place.folders.config / "diana.toml")


def test_a_project_may_raise_and_add_environments(place: Place) -> None:
    place.write(Tier.USER, '[environments.qa]\nlevel = "dev"\nhosts = ["QA.Example."]\n')
    place.write(
        Tier.PROJECT,
        '[environments.qa]\nlevel = "staging"\n[environments.eu-live]\nlevel = "production"\nhosts = ["e"]\n',
    )
    settings = place.load()
    assert [(one.name, one.level, one.hosts) for one in settings.environments] == [("qa", "dev", ("qa.example",))]
    assert [(one.name, one.level) for one in settings.project_environments] == [
        ("qa", "staging"),
        ("eu-live", "production"),
    ]


def test_a_file_that_a_variable_names_does_not_lower_a_level(place: Place) -> None:
    place.write(Tier.NAMED, '[environments.eu]\nlevel = "dev"\nhosts = ["a"]\ndatabase = "A"\n')
    place.write(Tier.USER, '[environments.eu]\nlevel = "production"\nhosts = ["b"]\ndatabase = "B"\n')
    (eu,) = place.load().environments
    assert (eu.level, eu.hosts, eu.database) == ("production", ("a", "b"), "A")


def test_a_projects_file_does_not_loosen_what_the_person_made_stricter_than_the_table(place: Place) -> None:
    place.write(
        Tier.USER,
        '[policy]\nmax_backup_age_minutes = 10\nremote_copy = ["dev", "production"]\nrequire_ticket = ["staging"]\n'
        'scratch_rows_in_production = true\n[policy.least_proof]\ndev = "restored"\n',
    )
    mine = place.load().policy
    place.write(
        Tier.PROJECT,
        '[policy]\nmax_backup_age_minutes = 60\nremote_copy = ["production"]\nrequire_ticket = []\n'
        'scratch_rows_in_production = false\n[policy.least_proof]\ndev = "read"\n',
    )
    assert place.load().policy == replace(mine, scratch_rows_in_production=False)
