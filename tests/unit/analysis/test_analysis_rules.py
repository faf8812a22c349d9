"""The rules as a catalogue: one a file, each with its sentences, each seen firing; and what the types say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import diana_tools.analysis
from diana_prompts.catalogue import Catalogue, fields_of
from diana_tools.analysis import rules as folder
from diana_tools.analysis.rule import rules
from diana_tools.analysis.types import lossy, parse_type
from unit.analysis.ground import look
from unit.analysis.labelled_alembic import OPERATIONS
from unit.analysis.labelled_doors import HARMLESS, HOOKS
from unit.analysis.labelled_evasions import LATER, NAMES, PYTHON
from unit.analysis.labelled_fragments import FRAGMENTS, PLAIN
from unit.analysis.labelled_python import CORE, FRESH, HIDDEN
from unit.analysis.labelled_sql import BODIES, ROWS, SHAPES
from unit.analysis.labelled_sqlite import CASES

KINDS = frozenset(
    {
        "drop_database", "drop_schema", "drop_table", "drop_column", "truncate", "type_change_lossy",
        "type_change_safe", "not_null_without_default", "delete_without_where", "delete_rows", "update_all",
        "update_rows",
        "drop_view", "drop_index",
        "drop_constraint", "rename", "other",
    }
)  # fmt: skip
SOURCE = Path(diana_tools.analysis.__file__).parent
SAY = Catalogue()


def test_every_file_is_a_rule_and_named_after_it() -> None:
    files = sorted(path.stem for path in Path(folder.__file__).parent.glob("*.py") if path.stem != "__init__")
    assert [name.split("_")[0].upper() for name in files] == [rule.id for rule in rules()]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_every_rule_has_its_sentences(rule: object) -> None:
    name = str(getattr(rule, "id", ""))
    assert SAY.has(f"rule.{name}")
    assert SAY.has(f"safer.{name}")
    assert fields_of(SAY.say(f"safer.{name}")) == frozenset()
    assert SAY.say(f"rule.{name}", object="x.y").endswith(".")


def test_every_kind_and_every_reason_has_words() -> None:
    reasons = {found for path in SOURCE.rglob("*.py") for found in re.findall(r'"(AC\d{3}\.\w+)"', path.read_text())}
    reasons |= set(re.findall(r'"(AC\d{3}\.\w+)"', (SOURCE.parent / "analyze.py").read_text()))
    assert len(reasons) > 20
    assert [reason for reason in sorted(reasons) if not SAY.has(f"unread.{reason}")] == []
    assert [kind for kind in sorted(KINDS) if not SAY.has(f"kind.{kind}")] == []


def test_every_rule_fires_and_every_kind_is_known() -> None:
    cases = (
        OPERATIONS
        + HIDDEN
        + CORE
        + FRESH
        + PYTHON
        + HOOKS
        + HARMLESS
        + FRAGMENTS
        + PLAIN
        + LATER
        + NAMES
        + ROWS
        + SHAPES
        + BODIES
        + CASES
    )
    found = [finding for case in cases for finding in look(case).findings]
    fired = {finding.rule for finding in found}
    # These two need a downgrade, or a transaction word: test_analysis_plan.py, and below.
    assert {rule.id for rule in rules()} - fired == {"IR002", "IR003", "TX003"}
    assert {finding.kind for finding in found} <= KINDS
    assert {finding.level for finding in found} <= {"B", "T", "W", "I"}
    assert {finding.confidence for finding in found} <= {"parsed", "guessed"}


def test_a_transaction_word_inside_the_managed_one() -> None:
    from unit.analysis.ground import alembic, read

    assert "TX003" in {f.rule for f in read(alembic("op.execute('COMMIT')")).findings}
    outside = alembic("with op.get_context().autocommit_block():\n    op.execute('COMMIT')")
    assert "TX003" not in {f.rule for f in read(outside).findings}


@pytest.mark.parametrize(
    ("old", "new", "loses"),
    [
        ("varchar(20)", "varchar(10)", True),
        ("VARCHAR(10)", "character varying(20)", False),
        ("varchar(20)", "text", False),
        ("text", "varchar(20)", True),
        ("char(5)", "varchar(5)", False),
        ("integer", "bigint", False),
        ("int8", "int4", True),
        ("integer", "numeric(10,0)", False),
        ("integer", "numeric(5,0)", True),
        ("bigint", "double precision", True),
        ("integer", "double precision", False),
        ("integer", "real", True),
        ("real", "numeric(10,2)", True),
        ("numeric(10,2)", "numeric(12,2)", False),
        ("numeric(10,2)", "numeric(10,4)", True),
        ("numeric", "numeric(10,2)", True),
        ("numeric(10,2)", "numeric", False),
        ("numeric(10,2)", "real", True),
        ("integer", "varchar(11)", False),
        ("integer", "varchar(5)", True),
        ("varchar(9)", "integer", True),
        ("date", "timestamp", False),
        ("timestamp", "date", True),
        ("timestamp without time zone", "timestamp with time zone", True),
        ("timestamptz", "timestamp", True),
        ("timestamp(6) without time zone", "timestamp", False),
        ("timestamp", "timestamp(3) without time zone", True),
        ("json", "jsonb", False),
        ("json", "text", True),
        ("text", "json", True),
        ("uuid", "text", False),
        ("uuid", "varchar(36)", False),
        ("uuid", "varchar(30)", True),
        ("boolean", "integer", False),
        ("integer", "boolean", True),
        ("enum('a','b')", "enum('a','b','c')", False),
        ("enum('a','b')", "enum('a')", True),
        ("enum('a','bbb')", "varchar(3)", False),
        ("enum('a','bbb')", "varchar(2)", True),
        ("integer[]", "integer", True),
        ("int unsigned", "int", True),
        ("int", "int unsigned", True),
        ("int unsigned", "bigint", False),
        ("bytea", "text", True),
        ("geometry", "geography", True),
        ("mood", "mood", False),
        ("inet", "cidr", True),
        ("", "integer", True),
        ("((((", "integer", True),
    ],
)
def test_what_survives_a_change_of_type(old: str, new: str, loses: bool) -> None:
    assert lossy(parse_type(old), parse_type(new)) is loses


def test_types_are_read_in_linear_time() -> None:
    for text in ("a" * 100_000, "a " * 50_000, "(" * 100_000, "enum(" + "'x'," * 50_000, " " * 100_000 + "("):
        parse_type(text)
