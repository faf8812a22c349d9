"""A person's policy settings as the rules that the guard decides by."""

from __future__ import annotations

from datetime import timedelta

from diana_agent.guard.policy import Rules
from diana_config.settings import Settings
from diana_tools.domain import Level
from diana_tools.measured import Grade

_STEPS = "OIWTB"


def gate_of(severity: str, level: Level) -> str:
    """The gate of a finding on a level: the catalogue's in production, one step lower in staging, shown in dev."""
    if level is Level.PRODUCTION or severity == "O":
        return severity
    if level is Level.STAGING:
        return _STEPS[max(_STEPS.index(severity) - 1, _STEPS.index("I"))]
    return min(severity, "W", key=_STEPS.index)


def rules_of(settings: Settings) -> Rules:
    """Read the settings' policy; levels it does not name keep the table's own row."""
    defaults = Rules()
    named = {Level(level): Grade(grade) for level, grade in settings.policy.least_proof}
    return Rules(
        least_proof=tuple((level, named.get(level, defaults.least(level))) for level in Level),
        remote_copy=tuple(Level(level) for level in settings.policy.remote_copy),
        max_backup_age=timedelta(minutes=settings.policy.max_backup_age_minutes),
    )
