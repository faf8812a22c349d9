"""Comparing constants as SQL does, where text alone decides."""

from __future__ import annotations

_OUTCOMES = {
    "=": (False, True, False),
    "<>": (True, False, True),
    "<": (True, False, False),
    "<=": (True, True, False),
    ">": (False, False, True),
    ">=": (False, True, True),
}
REFLEXIVE = frozenset({"=", "<=", ">="})


def compared(sign: str, left: int | str | bool | None, right: int | str | bool | None) -> bool | None:
    """The outcome of comparing two constants of one kind; None where their kinds differ or one is unknown."""
    outcomes = _OUTCOMES.get(sign)
    if outcomes is None or left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        return outcomes[(left > right) - (left < right) + 1]
    if isinstance(left, str) or isinstance(right, str):
        return None
    return outcomes[(left > right) - (left < right) + 1]
