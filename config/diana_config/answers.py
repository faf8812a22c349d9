"""What a person answered when they were asked what a remote model may see: kept by the host that it was said for."""

from __future__ import annotations

from pathlib import Path

from diana_config.kept import Kept
from diana_config.settings import SEES


class ModelAnswers:
    """Kept as `model.json` in `folder`; a damaged file means that nobody was asked yet."""

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder / "model.json")
        self.path = self._kept.path

    def said(self, host: str) -> str:
        """One of SEES, or an empty string where nothing was said for that host."""
        found = self._kept.read().get(host)
        return found if isinstance(found, str) and found in SEES else ""

    def remember(self, host: str, sees: str) -> None:
        """Keep an answer.

        Raises:
            SettingsError: `state_unwritable`.
            ValueError: `sees` is none of SEES.
        """
        if sees not in SEES:
            raise ValueError(f"nothing that can be seen: {sees}")
        self._kept.change(lambda kept: {**kept, host: sees})
