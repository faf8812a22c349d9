"""Which database was named and last run as what: a level that a person gave is asked for once and never sinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diana_config.kept import Kept
from diana_config.reading import as_list, as_table
from diana_config.settings import LEVELS

_PATHS = 8
"""Paths that are kept of one SQLite file, the newest ones."""


@dataclass(frozen=True, slots=True)
class Known:
    """The environment a database was last run as. `kin` is what a copy of it elsewhere has in common with it.

    `paths` are those a SQLite file was run under, absolute, the newest last; none are known of what was kept before.
    """

    name: str
    level: str
    kin: str = ""
    paths: tuple[str, ...] = ()


def is_same_file(path: str, other: str) -> bool:
    """Whether two absolute paths lead to one file now, by device and inode."""
    try:
        return Path(other).is_absolute() and Path(path).samefile(other)
    except (OSError, ValueError):
        return False


class KnownDatabases:
    """Kept as `databases.json` in `folder` by identity digest; a damaged file means that nothing is known."""

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder / "databases.json")

    def last(self, identity: str) -> Known | None:
        """What this very identity was last run as."""
        return _known(self._kept.read().get(identity))

    def relative(self, kin: str) -> Known | None:
        """The most careful level that any database of the same origin was run as, whatever host it was reached by.

        A production server behind a tunnel on loopback has another identity and the same origin.
        """
        if not kin:
            return None
        found = [one for one in map(_known, self._kept.read().values()) if one is not None and one.kin == kin]
        return max(found, key=lambda one: LEVELS.index(one.level), default=None)

    def same_file(self, path: str) -> Known | None:
        """The most careful level that a SQLite file was run as under any path that leads to it now.

        A path that is gone says nothing, for its inode may be another file's by now.
        """
        every = [one for one in map(_known, self._kept.read().values()) if one is not None]
        found = [one for one in every if any(is_same_file(path, other) for other in one.paths)]
        return max(found, key=lambda one: LEVELS.index(one.level), default=None)

    def remember(self, identity: str, name: str, level: str, kin: str = "", path: str = "") -> None:
        """Keep what an identity is run as now; `path` is where a SQLite file was reached.

        Raises:
            SettingsError: `state_unwritable`.
            ValueError: `level` is none of dev, staging, production.
        """
        if level not in LEVELS:
            raise ValueError(f"no level: {level}")

        def with_this(kept: Mapping[str, object]) -> Mapping[str, object]:
            before = _known(kept.get(identity))
            origin = kin or (before.kin if before else "")
            others = [one for one in before.paths if one != path] if before else []
            paths = [*others, path][-_PATHS:] if path else others
            said: dict[str, object] = {"name": name, "level": level, "kin": origin}
            return {**kept, identity: said | ({"paths": paths} if paths else {})}

        self._kept.change(with_this)

    def forget(self, identity: str) -> None:
        """Drop an identity, so that the person is asked again: the only way down from a level.

        Raises:
            SettingsError: `state_unwritable`.
        """
        self._kept.change(lambda kept: {key: value for key, value in kept.items() if key != identity})

    def all(self) -> tuple[tuple[str, Known], ...]:
        """Every identity that is known, for `diana config show`."""
        pairs = ((identity, _known(raw)) for identity, raw in sorted(self._kept.read().items()))
        return tuple((identity, one) for identity, one in pairs if one is not None)


def _known(raw: object) -> Known | None:
    table = as_table(raw) or {}
    name, level, kin = table.get("name"), table.get("level"), table.get("kin", "")
    if isinstance(name, str) and isinstance(level, str) and isinstance(kin, str) and level in LEVELS:
        return Known(name, level, kin, tuple(one for one in as_list(table.get("paths")) or [] if isinstance(one, str)))
    return None
