"""Conditions are written anew from what the catalog confirmed, or not at all."""

from __future__ import annotations

import pytest

from diana_tools.analysis.conditions import condition

COLUMNS = ("id", "State", "note")


@pytest.mark.parametrize(
    ("statement", "dialect", "expected"),
    [
        ("DELETE FROM t WHERE id > 3 AND STATE = 'x'", "sqlite", """"id" > 3 AND "State" = 'x'"""),
        ("UPDATE t SET note = 'y' WHERE ID IN (1, 2)", "postgres", """"id" IN (1, 2)"""),
        ("UPDATE t SET note = 'y' WHERE \"State\" IS NULL", "postgres", """"State" IS NULL"""),
        ("UPDATE t SET note = 'y' WHERE State IS NULL", "postgres", None),
        ("UPDATE t SET note = 'y' WHERE wipe(id)", "postgres", None),
        ("UPDATE t SET note = 'y' WHERE id IN (SELECT id FROM u)", "postgres", None),
        ("UPDATE t SET note = u.note FROM u WHERE id = 1", "postgres", None),
        ("UPDATE t SET note = 'y' WHERE id = :id", "sqlite", None),
        ("DELETE FROM t WHERE absent = 1", "sqlite", None),
        ("DELETE FROM t WHERE id = 1 LIMIT 3", "sqlite", None),
        ("DELETE FROM t USING u WHERE id = 1", "postgres", None),
        ("DELETE FROM t", "sqlite", None),
        ("not sql at (all", "sqlite", None),
    ],
)
def test_a_condition(statement: str, dialect: str, expected: str | None) -> None:
    assert condition(statement, COLUMNS, dialect) == expected
