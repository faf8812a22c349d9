"""Which names an error may name before a remote model: those measured, planned, or written in the migrations."""

from __future__ import annotations

from dataclasses import replace

import stories
from diana_agent.known_names import known_names
from diana_agent.workflow import Standing, fold
from diana_tools.domain import Migration
from diana_tools.measured import Rehearsal, Schema, SchemaObject, State, TableMeasure

NOTHING = Standing()


def state(name: str, definition: str = "") -> State:
    return State(Schema((SchemaObject("column", f"public.{name}", definition),)), (), (TableMeasure(f"t_{name}", 1),))


def known(standing: Standing, texts: dict[str, str] | None = None) -> frozenset[str]:
    return known_names(lambda: standing, (texts or {}).get)()


def test_nothing_is_known_before_anything_was_measured() -> None:
    assert known(NOTHING) == frozenset()


def test_every_measured_schema_counts_by_its_names_and_not_by_its_definitions() -> None:
    backup = fold(stories.success()).backup
    assert backup is not None
    now = Standing(
        before=state("Before", "DEFAULT 'ana'"), after=state("after"), backup=replace(backup, state=state("made")),
        rehearsal=Rehearsal("full", "s", False, 0.1, (), state("tried"), state("then")),
    )  # fmt: skip
    names = ("before", "after", "made", "tried", "then")
    assert known(now) == {"public", *names, *(f"t_{name}" for name in names)}
    failed = replace(now, rehearsal=Rehearsal("full", "s", False, 0.1, (), state("tried"), None))
    assert known(failed) == known(now) - {"then", "t_then"}


def test_the_plan_counts_by_its_tables_and_findings_and_the_text_of_its_migrations() -> None:
    made = stories.plan()
    one = Migration("2b", "n", "d", "versions/2b.py", "c", None, True)
    gone = replace(one, id="3c", path="versions/gone.py")
    finding = replace(stories.plan().findings[0], object="orders.legacy_note")
    now = Standing(plan=replace(made, tables=("shop.Customer",), findings=(finding,), pending=(one, gone)))
    found = known(now, {"versions/2b.py": "op.create_index('Customer_email_key')", "versions/other.py": "ana"})
    assert found == {"shop", "customer", "orders", "legacy_note", "op", "create_index", "customer_email_key"}


def test_what_is_known_grows_with_the_run_and_a_plan_is_read_once() -> None:
    asked: list[str] = []
    steps = [NOTHING]

    def text_of(path: str) -> str:
        asked.append(path)
        return "alpha"

    names = known_names(lambda: steps[-1], text_of)
    assert names() == frozenset()
    made = replace(stories.plan(), plan_hash="a" * 64)
    steps.append(Standing(plan=made))
    assert "alpha" in names()
    steps.append(Standing(plan=made, before=state("beta")))
    assert {"alpha", "beta"} <= names()
    assert names() is names()
    assert asked == [one.path for one in made.pending]
    steps.append(Standing(plan=replace(made, plan_hash="b" * 64)))
    assert "beta" not in names()
    assert len(asked) == 2 * len(made.pending)
