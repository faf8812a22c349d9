"""The root of every failure that a person can act on, and those of settings; sentences live in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping


class DianaError(Exception):
    """A failure that a person can act on: a stable `code` and the fields its sentence needs.

    `code` names the message `error.<code>` in the catalogue. Fields are already free of secrets.
    """

    def __init__(self, code: str, fields: Mapping[str, str] | None = None) -> None:
        self.code = code
        self.fields: dict[str, str] = dict(fields or {})
        super().__init__(f"{code} {self.fields}" if self.fields else code)


class SettingsError(DianaError):
    """A setting, flag or file of settings that cannot be used (exit 2)."""
