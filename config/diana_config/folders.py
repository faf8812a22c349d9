"""The folders of a person that Diana reads and writes, and how she makes one private."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diana_config.errors import SettingsError

APP = "diana"


@dataclass(frozen=True, slots=True)
class Folders:
    """Absolute folders of one person: settings, state (journals, trust, locks), data (backups)."""

    config: Path
    state: Path
    data: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Folders:
        """The folders by the XDG base directory convention; a relative XDG variable counts as unset, as it asks.

        Raises:
            SettingsError: `home_unknown` where neither HOME nor the XDG variables say where to look.
        """
        return cls(
            config=_base(environ, "XDG_CONFIG_HOME", ".config") / APP,
            state=_base(environ, "XDG_STATE_HOME", ".local/state") / APP,
            data=_base(environ, "XDG_DATA_HOME", ".local/share") / APP,
        )


def home(environ: Mapping[str, str]) -> Path | None:
    """The person's home by HOME, or None where it does not name an absolute path."""
    said = Path(environ.get("HOME", ""))
    return said if said.is_absolute() else None


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    said = Path(environ.get(variable, ""))
    if said.is_absolute():
        return said
    house = home(environ)
    if house is None:
        raise SettingsError("home_unknown", {"variable": variable})
    return house / below_home


def private(path: Path) -> Path:
    """Make a folder that only its owner can enter (0700), parents too where they are missing; returns it.

    Raises:
        SettingsError: `folder_unwritable`, or `folder_not_yours` where it is another user's.
    """
    try:
        _make(path)
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise SettingsError("folder_unwritable", {"folder": str(path), "error": "not a folder"})
        if found.st_uid != os.geteuid():
            raise SettingsError("folder_not_yours", {"folder": str(path)})
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise SettingsError("folder_unwritable", {"folder": str(path), "error": error.strerror or ""}) from None
    return path


def _make(path: Path) -> None:
    # Path.mkdir gives the mode to the last folder only, and parents would be made with the umask's.
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
