"""Every plain setting, once: its names, its kind, its flag, its default, and what a project may say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

Value = str | bool | int | float | tuple[str, ...]

ANY: tuple[Value, ...] | None = None
"""A project may say whatever is valid."""

NEVER: tuple[Value, ...] | None = ()
"""A project may not say it at all."""


class Kind(Enum):
    """What a value must look like."""

    TEXT = auto()
    NAME = auto()
    TOOL = auto()
    YES_NO = auto()
    WHOLE = auto()
    SECONDS = auto()
    CHOICE = auto()
    LANGUAGE = auto()
    CONNECTION = auto()
    ADDRESS = auto()
    VARIABLES = auto()
    DISTRIBUTIONS = auto()
    FOLDER_INSIDE = auto()
    OUTPUT_FOLDER = auto()
    FILE_NAME = auto()
    OWN_PATH = auto()


@dataclass(frozen=True, slots=True)
class Key:
    """A setting. `document` are the names of the user's document and of BMAD; `flag` has no dashes in front.

    `project` holds the values that a project's or BMAD's file may say: ANY, NEVER, or the harmless ones.
    """

    name: str
    kind: Kind
    default: Value
    flag: str
    document: str = ""
    project: tuple[Value, ...] | None = NEVER
    allowed: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names it has in a TOML file."""
        return (self.name, self.document) if self.document not in ("", self.name) else (self.name,)


KEYS = (
    Key("environment", Kind.NAME, "", "environment", "target_environment", ANY),
    Key("mode", Kind.CHOICE, "execute", "mode", "execution_mode", ("plan_only", "execute"),
        ("plan_only", "execute", "rollback")),
    Key("database", Kind.CONNECTION, "", "database", "database_connection", ANY),
    Key("tool", Kind.TOOL, "", "tool", "migration_tool_override", ANY),
    Key("tool_root", Kind.FOLDER_INSIDE, "", "tool-root", "", ANY),
    Key("target", Kind.TEXT, "", "target", "", ANY),
    Key("version", Kind.TEXT, "", "to", "target_version"),
    Key("count", Kind.WHOLE, 0, "count"),
    Key("skip_backup", Kind.YES_NO, False, "skip-backup", "skip_backup"),
    Key("timeout", Kind.SECONDS, 300.0, "timeout", "migration_timeout", ANY),
    Key("rollback_on_failure", Kind.YES_NO, True, "rollback-on-failure", "rollback_on_failure", (True,)),
    Key("expected_db", Kind.TEXT, "", "expected-db", "expected_db"),
    Key("user_name", Kind.TEXT, "", "user", "user_name", ANY),
    Key("language", Kind.LANGUAGE, "en", "language", "communication_language", ANY),
    Key("document_language", Kind.LANGUAGE, "en", "document-language", "document_output_language", ANY),
    Key("skill", Kind.CHOICE, "intermediate", "level", "user_skill_level", ANY,
        ("beginner", "intermediate", "expert")),
    Key("output_folder", Kind.OUTPUT_FOLDER, "", "output", "output_folder", ANY),
    Key("log_name", Kind.FILE_NAME, "database-migration-log-{date}.md", "log-name", "default_output_file", ANY),
    Key("model", Kind.CHOICE, "", "model", "", NEVER, ("claude", "embedded")),
    Key("model_name", Kind.TEXT, "", "model-name"),
    Key("model_endpoint", Kind.ADDRESS, "", "model-endpoint"),
    Key("interpreter", Kind.OWN_PATH, "", "interpreter"),
    Key("ticket", Kind.TEXT, "", "ticket"),
    Key("reason", Kind.TEXT, "", "reason"),
    Key("backup_folder", Kind.OWN_PATH, "", "backup-folder"),
    Key("signers", Kind.OWN_PATH, "", "signers"),
    Key("revoked_signers", Kind.OWN_PATH, "", "revoked-signers"),
    Key("signing_key", Kind.OWN_PATH, "", "signing-key"),
    Key("signer", Kind.TEXT, "", "signer"),
    Key("child_env", Kind.VARIABLES, (), "child-env"),
    Key("adapters", Kind.DISTRIBUTIONS, (), "adapters"),
    Key("model_sees", Kind.CHOICE, "counts", "model-sees", "", ("nothing", "names", "counts"),
        ("nothing", "names", "counts", "statements")),
)  # fmt: skip

BY_NAME = {key.name: key for key in KEYS}
BY_SPELLING = {spelling: key for key in KEYS for spelling in key.spellings}
BY_DOCUMENT = {key.document: key for key in KEYS if key.document}
BY_FLAG = {key.flag.replace("-", "_"): key for key in KEYS} | BY_NAME

TABLES = ("environments", "stores", "policy", "rules", "prices")
"""The settings that are tables; `stores` and `prices` are a person's alone."""

PLANNED = ("runner", "connections", "scratch", "keys")
"""Settings of the design that this version does not act on: named as such, because silence would look like consent."""

DRY_RUN = "dry_run"
"""The document's other way to say plan_only."""
