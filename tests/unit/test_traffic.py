"""Which differences a run can have made, and which are other sessions' work."""

from __future__ import annotations

from diana_tools import traffic
from diana_tools.backup import differences
from diana_tools.measured import Rehearsal, Schema, SchemaObject, State, TableMeasure

LIVE = Schema(
    (
        SchemaObject("table", "customer", ""),
        SchemaObject("table", "orders", ""),
        SchemaObject("table", "order_lines", ""),
        SchemaObject("table", "app.audit", ""),
        SchemaObject("table", "odd name", ""),
        SchemaObject("constraint", "orders: foreign key(customer_id)", "references customer(id) on delete cascade"),
        SchemaObject("constraint", "order_lines.fk", "FOREIGN KEY (o) REFERENCES orders(id) ON DELETE SET NULL"),
        SchemaObject("constraint", "audit: foreign key(c)", "references customer(id)"),
        SchemaObject("view", "customers_view", ""),
    )
)


def test_a_table_is_touched_where_its_name_stands_anywhere() -> None:
    assert traffic.touched(LIVE, ["op.drop_column('Orders', 'x')"]) == ("odd name", "order_lines", "orders")
    assert traffic.touched(LIVE, ["UPDATE app.audit SET a = 1"]) == ("app.audit", "odd name")
    assert traffic.touched(LIVE, ["orders_archive = 1"]) == ("odd name",), "a name that no word can be counts always"


def test_rows_follow_a_foreign_key_over_several_tables() -> None:
    assert traffic.touched(LIVE, ["DELETE FROM customer"]) == ("customer", "odd name", "order_lines", "orders")


def test_only_rows_of_other_tables_are_other_sessions_work() -> None:
    found = ("rows:a:b:3:4", "content:orders", "rows:orders:1:2", "missing:table:audit", "version:x", "content:log")
    assert traffic.own(found, ["orders", "a:b"]) == found[:5]
    assert traffic.own(found, []) == ("missing:table:audit", "version:x")
    assert traffic.without_rows(found) == ("missing:table:audit", "version:x")
    assert traffic.of_rows(found) == ("a:b", "orders", "log")


def test_a_rehearsal_tells_what_a_trigger_moved() -> None:
    before = State(LIVE, ("a",), (TableMeasure("customer", 3), TableMeasure("orders", 2), TableMeasure("gone", 1)))
    after = State(LIVE, ("b",), (TableMeasure("customer", 3), TableMeasure("orders", 1), TableMeasure("new", 1)))
    done = Rehearsal("full", "scratch", True, 1.0, (), before, after)
    assert traffic.moved(done) == ("orders", "gone")
    assert traffic.moved(Rehearsal("full", "scratch", False, 1.0, (), before, None)) == ()


def measured(*digests: str | None, asked: bool = True) -> State:
    return State(LIVE, ("a",), tuple(TableMeasure(f"t{n}", 3, one) for n, one in enumerate(digests)), digests=asked)


def test_content_that_was_asked_for_and_is_not_known_is_never_said_to_agree() -> None:
    whole = measured("1", "2")
    assert differences(whole, measured("1", "2")) == ()
    assert differences(whole, measured("1", "3")) == ("content:t1",)
    for lacking in (measured("1", None), measured("1", None)):
        assert differences(whole, lacking) == differences(lacking, whole) == ("uncompared:t1",)
        assert differences(lacking, lacking) == ("uncompared:t1",)
    counted = measured(None, None, asked=False)
    assert differences(whole, counted) == differences(counted, whole) == differences(counted, counted) == ()


def test_what_was_not_compared_is_the_runs_where_it_touches_the_table_and_nobody_elses_doing() -> None:
    found = ("uncompared:orders", "rows:log:1:2")
    assert traffic.own(found, ["orders"]) == ("uncompared:orders",)
    assert traffic.own(found, ["log"]) == ("rows:log:1:2",)
    assert traffic.of_rows(found) == ("log",), "it did not change: nobody knows"
    assert traffic.uncompared(found) == ("uncompared:orders",)
    assert traffic.without_rows(found) == ()
