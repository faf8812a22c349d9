"""What a rehearsal adds to a plan and what it takes from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Environment, Finding, Level, Loss, Migration, Plan, Recovery, Unread
from diana_tools.losses import FEWER, GONE, measured
from diana_tools.measured import CapturedStatement, Rehearsal, Schema, SchemaObject, State, TableMeasure
from diana_tools.plan import Gate, cleared
from stories import plan as story_plan

ONE = Migration("m1", "one", "", "versions/m1.py", "c", None, True)
TWO = replace(ONE, id="m2", path="versions/m2.py")
OBJECTS = (
    ("column", "customer.id"), ("column", "customer.legacy"), ("column", "log.id"), ("table", "customer"),
    ("table", "log"), ("table", "versions"),
)  # fmt: skip
ROWS = {"customer": 20, "log": 5, "versions": 1}
GATE = Gate("p", lambda _rule, level: level)


def state(*without: str, rows: dict[str, int] | None = None, more: tuple[tuple[str, str], ...] = ()) -> State:
    names = [one for one in (*OBJECTS, *more) if one[1] not in without and one[1].split(".")[0] not in without]
    objects = tuple(SchemaObject(kind, name, "integer" if kind == "column" else "") for kind, name in names)
    counted = ROWS | (rows or {})
    measures = (TableMeasure(name, counted[name]) for kind, name in names if kind == "table" and name in counted)
    return State(Schema(objects), ("x",), tuple(measures))


def done(after: State, *sql: tuple[str, str], kind: str = "full", before: State | None = None) -> Rehearsal:
    statements = tuple(CapturedStatement(migration, text) for migration, text in sql)
    return Rehearsal(kind, "s", True, 1.0, statements, before or state(), after, version_table="versions")


def plan(*findings: Finding, unread: tuple[Unread, ...] = (), pending: tuple[Migration, ...] = (ONE,)) -> Plan:
    where = Environment("live", Level.PRODUCTION)
    return story_plan(
        pending=pending, findings=findings, unread=unread, tables=("customer",), environment=where, captured=""
    )


def judged(made: Plan, rehearsal: Rehearsal, gate: Gate = GATE) -> Plan:
    return cleared(made, rehearsal, "sqlite", rehearsal.before.schema, gate)


def finding(rule: str, name: str, *, loses: bool = True, detail: str = "", kind: str = "other") -> Finding:
    return Finding(rule, kind, "T", loses, name, "versions/m1.py", 3, "", detail=detail, migration="m1")


def told(after: State, *findings: Finding, kind: str = "full", before: State | None = None) -> list[tuple[str, str]]:
    return [(f.rule, f.object) for f in measured(done(after, kind=kind, before=before), findings, (ONE,))]


def test_all_that_ran_is_judged_also_where_everything_was_read() -> None:
    after = judged(plan(), done(state(), ("m1", "DELETE FROM log"), ("m1", "CREATE TABLE fine (id INTEGER)")))
    [found] = after.findings
    assert (found.rule, found.object, found.confidence, found.migration) == ("DL008", "log", "captured", "m1")
    assert (after.destructive, after.unread, after.captured) == (True, (), "")
    assert after.tables == ("customer", "log")
    assert after.plan_hash != plan().plan_hash


def test_what_is_known_is_not_told_twice() -> None:
    known = finding("DL008", "log")
    assert judged(plan(known), done(state(), ("m1", "DELETE FROM log"))).findings == (known,)


def test_what_ran_and_cannot_be_read_is_unread_and_may_touch_every_table() -> None:
    after = judged(plan(), done(state(), ("m1", "DIANA_UNCAPTURED_STATEMENTS")))
    assert len(after.unread) == 1
    assert after.destructive
    assert set(after.tables) >= {"customer", "log"}


@pytest.mark.parametrize(("kind", "left"), [("full", 0), ("schema", 1)])
def test_only_a_rehearsal_with_rows_clears(kind: str, left: int) -> None:
    gap = Unread("versions/m1.py", 3, "AC002.unknown_call", "", "m1")
    after = judged(plan(unread=(gap,)), done(state(), ("m1", "CREATE TABLE fine (id INTEGER)"), kind=kind))
    assert len(after.unread) == left
    assert after.captured


def test_the_persons_own_gates_hold_for_what_a_rehearsal_found() -> None:
    strict = Gate("p", lambda rule, level: "B" if rule in ("DL008", FEWER) else level)
    after = judged(plan(), done(state(rows={"customer": 3}), ("m1", "DELETE FROM log")), strict)
    assert [(f.rule, f.level) for f in after.findings] == [("DL008", "B"), (FEWER, "B")]


def test_what_is_gone_or_fewer_is_lost_and_counted() -> None:
    after = judged(plan(), done(state("log", "customer.legacy", rows={"customer": 18, "versions": 0})))
    assert [(f.rule, f.object, f.loss, f.kind) for f in after.findings] == [
        (GONE, "log", Loss(5, 5), "drop_table"),
        (GONE, "customer.legacy", None, "drop_column"),
        (FEWER, "customer", Loss(2, 20), "delete_rows"),
    ]
    assert {(f.level, f.confidence, f.file, f.migration) for f in after.findings} == {
        ("T", "measured", "versions/m1.py", "m1")
    }
    assert after.destructive


def test_with_several_migrations_nobody_says_which_one_lost_it() -> None:
    made = replace(plan(pending=(ONE, TWO)), recovery=Recovery("b", "tool_takes_back_what_was_applied"))
    after = judged(made, done(state("log")))
    assert [(f.file, f.migration) for f in after.findings] == [("", "")]
    assert after.recovery == Recovery("e", "values_would_not_come_back")
    assert judged(made, done(state())).recovery == made.recovery


def test_a_finding_that_loses_the_same_object_is_enough() -> None:
    less = state("log", "customer.legacy", rows={"customer": 18})
    said = (finding("DL003", "Log"), finding("DL005", 'customer."legacy"'), finding("DL010", "public.customer"))
    assert told(less, *said) == []
    assert told(less, *(replace(one, data_loss=False) for one in said)) == [
        (GONE, "log"), (GONE, "customer.legacy"), (FEWER, "customer"),
    ]  # fmt: skip


def test_a_drop_that_was_counted_as_empty_is_enough_for_what_is_gone_only() -> None:
    empty = replace(finding("DL003", "log", loses=False, kind="drop_table"), loss=Loss(0, 0))
    assert told(state("log"), empty) == []
    assert told(state("log"), replace(empty, loss=Loss(1, 1))) == [(GONE, "log")]
    assert told(state("log"), replace(empty, kind="delete_rows")) == [(GONE, "log")]
    assert told(state(rows={"log": 1}), empty) == [(FEWER, "log")]


def test_without_rows_nobody_counts_what_a_gone_table_held() -> None:
    [found] = measured(done(state("log"), kind="schema"), (), (ONE,))
    assert found.loss is None
    [found] = measured(done(state("log.id", rows={"log": 0}), before=state(rows={"log": 0})), (), (ONE,))
    assert (found.object, found.loss) == ("log.id", Loss(0, 0))


def test_another_name_is_no_loss_where_a_finding_says_so() -> None:
    table = finding("CO001", "log", loses=False, detail="log -> old", kind="rename")
    again = finding("CO001", "old", loses=False, detail="old -> older", kind="rename")
    column = finding("CO002", "customer.legacy", loses=False, detail="legacy -> code", kind="rename")
    moved = (("table", "older"), ("column", "older.id"), ("column", "customer.code"))
    renamed = state("log", "customer.legacy", more=moved)
    assert told(renamed, table, again, column) == []
    assert told(renamed, table, again) == [(GONE, "customer.legacy")]
    assert told(renamed, column) == [(GONE, "log")]
    assert told(state("log", "customer.legacy"), table, again, column) == [(GONE, "log"), (GONE, "customer.legacy")]
    assert told(state("log", more=moved[:1]), table, again) == [(GONE, "log.id")]
    counted = replace(renamed, tables=(TableMeasure("customer", 20), TableMeasure("older", 4)))
    assert told(counted, table, again, column) == [(FEWER, "log")]


def test_a_schema_with_another_name_and_a_ring_of_names() -> None:
    before = state(more=(("table", "a.t"), ("column", "a.t.id")))
    after = state(more=(("table", "b.t"), ("column", "b.t.id")))
    schema = finding("CO005", "a", loses=False, detail="a -> b", kind="rename")
    assert told(after, schema, before=before) == []
    assert told(after, before=before) == [(GONE, "a.t")]
    ring = [
        finding("CO001", a, loses=False, detail=f"{a} -> {b}", kind="rename") for a, b in (("log", "x"), ("x", "log"))
    ]
    assert told(state("log"), *ring) == [(GONE, "log")]


@pytest.mark.parametrize("rule", [GONE, FEWER])
def test_what_was_measured_has_its_sentences(rule: str) -> None:
    said = Catalogue("en")
    assert "log" in said.say(f"rule.{rule}", object="log")
    assert said.has(f"safer.{rule}")
