"""A throw-away shop on SQLite with three pending migrations, to try everything on without risk (`diana demo`)."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from diana_config.errors import DianaError

if TYPE_CHECKING:
    from diana_agent.call import Call

APPLIED = "a1f0c0de0003"
LEVELS = {"dev": "dev", "staging": "staging", "production": "production"}


def place_of(folder: str) -> Path:
    """Where the demo lies: the folder that was named, or a new temporary one."""
    return Path(folder).absolute() if folder else Path(tempfile.mkdtemp(prefix="diana-demo-"))


def prepare(call: Call, place: Path) -> Call:
    """Build the shop where it does not stand yet, and return the call to open the chat with.

    Raises:
        DianaError: `demo_folder_taken`, `demo_environment`.
    """
    environment = str(call.flags.get("environment", "dev"))
    if environment not in LEVELS:
        raise DianaError("demo_environment", {"environment": environment})
    shop = build(place)
    return demo_call(call, place, shop, environment)


def demo_call(call: Call, place: Path, shop: Path, environment: str) -> Call:
    """The same call on the shop, with everything of Diana's own kept inside `place` too."""
    homes = {name: str(place / "diana" / word) for name, word in
             (("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_DATA_HOME", "data"))}  # fmt: skip
    write_settings(place, shop)
    environ = {name: value for name, value in os.environ.items() if name != "DIANA_CONFIG"} | homes
    flags = dict(call.flags)
    if environment != "dev":
        flags["environment"] = f"{environment}-demo"
    else:
        flags.pop("environment", None)
    return replace(call, project=shop, flags=flags, environ=environ, demo=True)


def build(place: Path) -> Path:
    """Copy the shop's project and bring its database to the version before the pending migrations.

    Raises:
        DianaError: `demo_folder_taken` when something else lies there.
    """
    shop = place / "shop"
    if (shop / "shop.db").exists():
        return shop
    if shop.exists():
        raise DianaError("demo_folder_taken", {"folder": str(shop)})
    with as_file(files("diana_agent.demo") / "shop") as source:
        shutil.copytree(source, shop, ignore=shutil.ignore_patterns("__pycache__"))
    _upgrade(shop)
    return shop


def _upgrade(shop: Path) -> None:
    """The shop's applied migrations, by Alembic itself in this process: nothing was there before."""
    from alembic import command
    from alembic.config import Config

    quiet = Config(str(shop / "alembic.ini"), stdout=sys.stderr)
    quiet.config_file_name = None
    quiet.set_main_option("script_location", str(shop / "migrations").replace("%", "%%"))
    quiet.set_main_option("sqlalchemy.url", f"sqlite:///{shop / 'shop.db'}".replace("%", "%%"))
    command.upgrade(quiet, APPLIED)


def write_settings(place: Path, shop: Path) -> None:
    """The demo's own person file: a folder counts as remote for this one database, and its rows may be rehearsed."""
    folder = place / "diana" / "config" / "diana"
    for made in (folder, place / "vault"):
        made.mkdir(parents=True, mode=0o700, exist_ok=True)
    database = str(shop / "shop.db")
    text = f"""# The settings of the demo. They are nobody else's.
[stores.vault]
kind = "local"
location = {_quoted(str(place / "vault"))}
remote = true
only = {_quoted(database)}

[policy]
scratch_rows_in_production = true
coding_agents = true

[environments.production-demo]
level = "production"
expected_db = "shop.db"

[environments.staging-demo]
level = "staging"
"""
    path = folder / "diana.toml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
