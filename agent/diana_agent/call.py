"""One call of the command as plain values, made before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from diana_config.folders import Folders


@dataclass(slots=True)
class Said:
    """What a person said on the command line for this one call; no model and no file reaches it."""

    trust: bool = False
    yes: bool = False
    skip_rehearsal: bool = False
    approval: Path | None = None
    request: Path | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Where, with which flags, and what the person said for this call alone."""

    project: Path
    flags: Mapping[str, str | bool | int | float]
    environ: Mapping[str, str]
    said: Said = field(default_factory=Said)
    demo: bool = False

    @property
    def folders(self) -> Folders:
        """Where Diana keeps her own files for this person."""
        return Folders.of(self.environ)
