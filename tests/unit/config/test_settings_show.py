"""`diana config show`, and that every sentence about settings is in the catalogue with the fields it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import diana_agent.guard
import diana_config
from diana_config.keys import KEYS
from diana_config.settings import Settings, Tier
from diana_config.show import masked, rows
from diana_prompts.catalogue import Catalogue
from unit.config.settings_place import Place

EVERYTHING = """\
database = "postgresql://me:s3cret@db/shop?sslpassword=s3cret"
model_endpoint = "https://gateway.example/v1"
child_env = ["ONE", "TWO"]
[environments.eu]
level = "production"
hosts = ["db.eu", "db2.eu"]
databases = ["shop"]
identities = ["1111"]
database = "postgresql://me:s3cret@db.eu/shop"
expected_db = "shop"
[stores.off]
kind = "s3"
location = "s3://key:s3cret@bucket/x"
only = "db.eu/shop"
options = { region = "eu-1", secret_access_key = "s3cret", endpoint = "https://k:s3cret@s3.example" }
[policy]
require_ticket = ["production"]
[rules]
DL003 = "B"
[prices]
read = 3
write = 15.5
cache_read = 0.3
cache_write = 3.75
"""


def test_every_setting_is_a_row_with_its_source(place: Place) -> None:
    user = place.write(Tier.USER, EVERYTHING)
    project = place.write(Tier.PROJECT, '[rules]\nDL001 = "B"\n[environments.x]\nlevel = "dev"\n')
    shown = {(row.key, row.value): row.source for row in rows(place.load({"timeout": 41.5, "skip-backup": True}))}
    assert {key for key, _ in shown} >= {key.name for key in KEYS}
    for key, value, source in (
        ("timeout", "41.5", "flag --timeout"), ("skip_backup", "true", "flag --skip-backup"),
        ("mode", "execute", "default"),
        ("database", "postgresql://me:***@db/shop?***", str(user)), ("child_env", "ONE, TWO", str(user)),
        ("environments.eu.hosts", "db.eu, db2.eu", str(user)), ("environments.x.level", "dev", str(project)),
        ("environments.eu.database", "postgresql://me:***@db.eu/shop", str(user)), ("stores.off.kind", "s3", str(user)),
        ("stores.off.location", "s3://key:***@bucket/x", str(user)), ("stores.off.options.region", "eu-1", str(user)),
        ("stores.off.options.secret_access_key", "***", str(user)), ("rules.DL003", "B", str(user)),
        ("stores.off.options.endpoint", "https://k:***@s3.example", str(user)), ("prices.write", "15.5", str(user)),
        ("policy.require_ticket", "production", str(user)), ("policy.remote_copy", "production", "default"),
        ("rules.DL001", ">= B", str(project)),
    ):  # fmt: skip
        assert shown[key, value] == source
    assert "s3cret" not in repr(shown)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", ""), ("SHOP_URL", "SHOP_URL"), ("sqlite:////srv/shop.db", "sqlite:////srv/shop.db"),
        ("postgresql://h/d", "postgresql://h/d"), ("postgresql://me@h/d", "postgresql://me@h/d"),
        ("postgresql://me:pw@h:1/d?x=pw#pw", "postgresql://me:***@h:1/d?***"),
        ("postgresql://me:p@w/w@h/d", "postgresql://me:***@h/d"), ("postgresql://me:p?w@h/d", "postgresql://***"),
        ("postgresql://h/d?password=a@pw", "postgresql://***"), ("postgresql://:pw@h/d", "postgresql://:***@h/d"),
        ("postgresql://a%3Apw@h/d", "postgresql://***@h/d"), ("x://me:pw@h/\x1b[31md", "x://me:***@h/?[31md"),
    ],
)  # fmt: skip
def test_addresses_are_shown_without_what_is_secret(address: str, expected: str) -> None:
    assert masked(address) == expected


def test_every_row_has_its_line_of_description(place: Place) -> None:
    place.write(Tier.USER, EVERYTHING)
    place.write(Tier.PROJECT, '[rules]\nDL001 = "B"\n')
    catalogue = Catalogue("en")
    for row in (*rows(place.load()), *rows(Settings())):
        assert catalogue.say(f"setting.{row.about}")


def _raised() -> Iterator[str]:
    """Every code that the package raises."""
    guard = Path(diana_agent.guard.__file__).parent
    for path in (*Path(diana_config.__file__).parent.glob("*.py"), guard / "levels.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in ("SettingsError", "wrong") and isinstance(first, ast.Constant):
                    yield str(first.value)


def test_every_error_has_its_sentence_and_every_sentence_its_error() -> None:
    """That the fields fit is seen in each test that expects an error (`refused`)."""
    messages = tomllib.loads((files("diana_prompts") / "messages/en/settings.toml").read_text("utf-8"))
    raised = set(_raised())
    assert len(raised) > 45
    assert {message.removeprefix("error.") for message in messages if message.startswith("error.")} == raised


def test_nothing_in_this_file_of_messages_is_elsewhere_too() -> None:
    folder = files("diana_prompts") / "messages/en"
    mine = tomllib.loads((folder / "settings.toml").read_text("utf-8"))
    for entry in folder.iterdir():
        if entry.name.endswith(".toml") and entry.name != "settings.toml":
            assert not mine.keys() & tomllib.loads(entry.read_text("utf-8")).keys(), entry.name


def test_importing_settings_brings_in_nothing_heavy() -> None:
    heavy = ("pydantic", "yaml", "tomllib", "difflib", "sqlalchemy", "platformdirs", "diana_tools", "diana_prompts")
    code = (
        "import sys, diana_config.settings, diana_config.known, diana_config.trust, diana_config.folders\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
