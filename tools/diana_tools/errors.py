"""What can go wrong in a tool, as a code and fields; sentences for people live in the catalogue."""

from __future__ import annotations

from diana_config.errors import DianaError, SettingsError

__all__ = [
    "BackupError",
    "ChangeFailed",
    "ChoiceNeeded",
    "ConnectionFailed",
    "DianaError",
    "LockHeld",
    "PermitRefused",
    "RehearsalError",
    "ScratchBreach",
    "SettingsError",
    "ToolError",
]


class ChoiceNeeded(DianaError):
    """Several possibilities and nobody who chose one (exit 2)."""


class ToolError(DianaError):
    """The migration tool could not be found, loaded or understood (exit 5)."""


class ConnectionFailed(DianaError):
    """The database could not be reached, or is not the one that was pinned (exit 5)."""


class BackupError(DianaError):
    """A backup, its copy or its proof failed (exit 6)."""


class RehearsalError(DianaError):
    """No rehearsal could be had, or it ended badly; the target was left alone (exit 5)."""


class ScratchBreach(DianaError):
    """A scratch turned out not to be one: the target changed during a rehearsal (exit 8)."""


class ChangeFailed(DianaError):
    """A changing command or session failed; measure before saying anything about the state."""


class PermitRefused(DianaError):
    """A permit was missing, spent, expired or for something else; nothing was started."""


class LockHeld(DianaError):
    """Another run holds the database (exit 11); `holder` and `since` are among the fields."""
