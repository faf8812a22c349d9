"""Which projects a person trusts to run their own code: by real path and the hash of what would run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from diana_config.kept import Kept
from diana_config.reading import as_list

_STATES = 32
"""States of a project that stay trusted, so that going back to a branch does not ask again."""


class Trust:
    """Kept as `trust.json` in `folder`; a damaged file means that nothing is trusted."""

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder / "trust.json")

    def known(self, project: Path, files: tuple[tuple[str, str], ...]) -> bool:
        """Whether the person trusted exactly these files (path and SHA-256) at this real path."""
        return _digest(files) in _states(self._kept.read().get(_place(project)))

    def remember(self, project: Path, files: tuple[tuple[str, str], ...]) -> None:
        """Keep the person's yes for exactly these files.

        Raises:
            SettingsError: `state_unwritable`.
        """
        place, digest = _place(project), _digest(files)

        def with_this(kept: Mapping[str, object]) -> Mapping[str, object]:
            states = [one for one in _states(kept.get(place)) if one != digest]
            return {**kept, place: [*states, digest][-_STATES:]}

        self._kept.change(with_this)

    def forget(self, project: Path) -> None:
        """Take the trust in a project back.

        Raises:
            SettingsError: `state_unwritable`.
        """
        place = _place(project)
        self._kept.change(lambda kept: {key: value for key, value in kept.items() if key != place})


def _place(project: Path) -> str:
    # A folder's name need not be text: its bytes go in as they are.
    return os.fsencode(os.path.realpath(project)).decode("utf-8", "backslashreplace")


def _digest(files: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def _states(raw: object) -> list[str]:
    return [one for one in as_list(raw) or [] if isinstance(one, str)]
