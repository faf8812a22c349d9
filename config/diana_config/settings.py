"""The settings of a call as frozen types, how they are loaded, and how the late ones are resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from diana_config.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from diana_config.folders import Folders

LEVELS = ("dev", "staging", "production")
"""How careful an environment must be treated, from least to most."""

GRADES = ("none", "attested", "read", "restored")
"""How a backup was proven, from weakest to strongest."""

SEES = ("nothing", "names", "counts", "statements")
"""What of a project a remote model may be sent, from nothing to the text of statements."""

SEVERITIES = ("O", "I", "W", "T", "B")
"""What a rule's finding asks for: off, information, warning, typed, blocked."""


class Mode(StrEnum):
    """What a run is for (O3)."""

    PLAN_ONLY = "plan_only"
    EXECUTE = "execute"
    ROLLBACK = "rollback"


class Tier(StrEnum):
    """Who said something, from the strongest word to the weakest."""

    FLAG = "flag"
    NAMED = "named"
    USER = "user"
    PROJECT = "project"
    BMAD = "bmad"

    @property
    def person(self) -> bool:
        """Whether only the person can have said it: a flag, or a file of their own."""
        return self in (Tier.FLAG, Tier.NAMED, Tier.USER)


@dataclass(frozen=True, slots=True)
class Word:
    """One tier's own word for the environment; `source` is the flag or file it stands in."""

    tier: Tier
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should see about their settings: the catalogue's `setting_note.<id>` and its fields."""

    id: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StoreSetting:
    """A store for copies of backups, of a person's own file.

    `kind` is checked against the registry of stores by whoever opens it. `only` is the one database (path, name,
    or host/name) it may be used for, "" for any.
    """

    name: str
    kind: str
    location: str = field(repr=False)
    remote: bool
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    only: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentSetting:
    """An environment by the name somebody gave it, and which databases belong to it.

    `hosts` may hold `*`; `identities` are digests of database identities; `database` is a URL or the name of an
    environment variable, and `source` the file that says all this.
    """

    name: str
    level: str
    hosts: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    database: str = field(default="", repr=False)
    expected_db: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """The effective policy: the table of the guard as a person changed it and a project tightened it.

    `rules` are severities by rule id that a person set, `rule_floors` the least ones that a project asks for.
    `require_ticket` names the levels on which ticket and reason must be given (O13), `second_person` those on which
    only somebody else than who asks can say yes, by an SSH signature.
    """

    least_proof: tuple[tuple[str, str], ...] = (("dev", "read"), ("staging", "restored"), ("production", "restored"))
    remote_copy: tuple[str, ...] = ("production",)
    max_backup_age_minutes: int = 60
    scratch_rows_in_production: bool = False
    coding_agents: bool = False
    hmac_in_production: bool = False
    require_ticket: tuple[str, ...] = ()
    second_person: tuple[str, ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    rule_floors: tuple[tuple[str, str], ...] = ()

    def severity(self, rule: str, default: str) -> str:
        """The severity of a rule whose catalogue says `default`: the person's own, raised to the project's floor."""
        mine = dict(self.rules).get(rule, default)
        floor = dict(self.rule_floors).get(rule, mine)
        return max(mine, floor, key=SEVERITIES.index)


@dataclass(frozen=True, slots=True)
class PriceSetting:
    """What a million tokens cost in US dollars, by the person's own word."""

    read: float
    write: float
    cache_read: float
    cache_write: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was said about a call, by the tier that had the strongest word.

    `timeout` is in seconds; `timeout_set` is true where a person set it, never for a project. `output_folder`
    is absolute, or "" where nobody named one. `log_name` is relative to it and may hold `{date}`. `sources`
    says where every value came from and `tiers` which tier that was; neither holds a value.
    `words` are all words for the environment, not only the strongest, because the level is the highest of them.
    """

    environment: str = ""
    mode: Mode = Mode.EXECUTE
    database: str = field(default="", repr=False)
    tool: str = ""
    tool_root: str = ""
    target: str = ""
    version: str = ""
    count: int = 0
    skip_backup: bool = False
    timeout: float = 300.0
    timeout_set: bool = False
    rollback_on_failure: bool = True
    expected_db: str = ""
    user_name: str = ""
    language: str = "en"
    document_language: str = "en"
    skill: str = "intermediate"
    output_folder: str = ""
    log_name: str = "database-migration-log-{date}.md"
    model: str = ""
    model_name: str = ""
    model_endpoint: str = field(default="", repr=False)
    interpreter: str = ""
    ticket: str = ""
    reason: str = ""
    stores: tuple[StoreSetting, ...] = ()
    environments: tuple[EnvironmentSetting, ...] = ()
    project_environments: tuple[EnvironmentSetting, ...] = ()
    policy: PolicySetting = PolicySetting()
    prices: PriceSetting | None = None
    backup_folder: str = ""
    child_env: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    """Distributions whose adapters the person lets run inside Diana."""
    signers: str = ""
    revoked_signers: str = ""
    signing_key: str = ""
    signer: str = ""
    model_sees: str = "counts"
    words: tuple[Word, ...] = ()
    notes: tuple[Note, ...] = ()
    user_file: str = ""
    sources: tuple[tuple[str, str], ...] = ()
    tiers: tuple[tuple[str, Tier], ...] = ()

    def source(self, key: str) -> str:
        """Where a value came from: `flag --timeout`, a file's path, or `default`."""
        return dict(self.sources).get(key, "default")

    def tier(self, key: str) -> Tier | None:
        """Which tier a value came from; None for a default."""
        return dict(self.tiers).get(key)


def load(
    project: Path, flags: Mapping[str, str | bool | int | float], environ: Mapping[str, str], folders: Folders
) -> Settings:
    """Read every tier and settle each key by the strongest word: flag, DIANA_CONFIG, user, project, BMAD.

    `flags` are named as on the command line without the dashes, or as the fields of `Settings`.

    Raises:
        SettingsError: a file, key or value cannot be used, or stands where it must not (exit 2); its fields
            name the file and the key, never a secret value.
    """
    from diana_config.tiers import gather

    return gather(project, flags, environ, folders)


def resolve_database(settings: Settings, environment: str, environ: Mapping[str, str]) -> str:
    """The connection URL that was set for `environment`, or "" where the tool's own configuration counts (O2).

    A flag wins, then the environment's own connection in a person's file, then a person's general one, then
    those of the project. Keep the answer in memory: it holds the password.

    Raises:
        SettingsError: `variable_unset` or `variable_not_url`, for a connection that names a variable.
    """
    mine = _of_environment(settings.environments, environment)
    theirs = _of_environment(settings.project_environments, environment)
    tier = settings.tier("database")
    general = settings.database
    if tier is Tier.FLAG:
        chosen = general
    elif tier is not None and tier.person:
        chosen = mine or general
    else:
        chosen = mine or theirs or general
    return _url(chosen, environ) if chosen else ""


def _of_environment(environments: tuple[EnvironmentSetting, ...], name: str) -> str:
    return next((one.database for one in environments if one.name == name and name), "")


def _url(connection: str, environ: Mapping[str, str]) -> str:
    if "://" in connection:
        return connection
    value = environ.get(connection, "").strip()
    if not value:
        raise SettingsError("variable_unset", {"variable": connection})
    if "://" not in value:
        raise SettingsError("variable_not_url", {"variable": connection})
    return value
