"""A project and a person's folders with the files of each tier, for the tests of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from diana_config.errors import SettingsError
from diana_config.folders import Folders
from diana_config.settings import Settings, Tier, load
from diana_prompts.catalogue import Catalogue


@dataclass(slots=True)
class Place:
    """A project, a person's folders and the files of each tier."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        for folder in (self.project, self.folders.config, self.elsewhere):
            folder.mkdir(parents=True, mode=0o700)
        self.environ["HOME"] = str(self.root / "home")

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def elsewhere(self) -> Path:
        return self.root / "elsewhere"

    @property
    def folders(self) -> Folders:
        home = self.root / "home"
        return Folders(home / ".config/diana", home / ".local/state/diana", home / ".local/share/diana")

    def write(self, tier: Tier, text: str) -> Path:
        path = {
            Tier.NAMED: self.elsewhere / "named.toml",
            Tier.USER: self.folders.config / "diana.toml",
            Tier.PROJECT: self.project / "diana.toml",
            Tier.BMAD: self.project / "bmad/bmi/config.yaml",
        }[tier]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if tier is Tier.NAMED:
            self.environ["DIANA_CONFIG"] = str(path)
        return path

    def load(self, flags: Mapping[str, str | bool | int | float] | None = None) -> Settings:
        return load(self.project, flags or {}, self.environ, self.folders)


def refused(call: Callable[[], object]) -> SettingsError:
    """The error of a call, whose sentence is in the catalogue and needs no field that it has not."""
    with pytest.raises(SettingsError) as caught:
        call()
    assert sentence(caught.value)
    return caught.value


def sentence(error: SettingsError) -> str:
    """What a person reads."""
    return Catalogue("en").say(f"error.{error.code}", **error.fields)
