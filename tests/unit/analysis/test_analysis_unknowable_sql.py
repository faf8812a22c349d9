"""Routines that nobody read, and bodies of triggers and rules, are found or unread wherever they stand."""

from __future__ import annotations

import pytest

from diana_tools.analyze import Analysis
from unit.analysis.ground import loses, read

FRESH = "CREATE TABLE fresh (id int);"


def _whys(found: Analysis) -> set[str]:
    return {one.why for one in found.unread}


def _rules(found: Analysis) -> set[str]:
    return {one.rule for one in found.findings}


CALLS = [
    "VALUES (my_fn())",
    "WITH x AS (SELECT my_fn()) SELECT 1",
    "SELECT 1 FROM orders WHERE my_fn(id)",
    "SELECT 1 FROM orders JOIN users ON my_fn(1)",
    "SELECT 1 FROM (SELECT my_fn()) x",
    "SELECT 1 ORDER BY my_fn()",
    "SELECT 1 UNION SELECT my_fn()",
    "INSERT INTO orders SELECT my_fn()",
    "INSERT INTO orders VALUES (my_fn())",
    "INSERT INTO orders (id) VALUES (1) RETURNING my_fn()",
    "UPDATE fresh SET id = my_fn()",
    "DELETE FROM fresh WHERE my_fn()",
    "CREATE TABLE x AS SELECT my_fn()",
    "CREATE MATERIALIZED VIEW x AS SELECT my_fn()",
    "CREATE VIEW x AS SELECT my_fn()",
    "CREATE TABLE x (id int DEFAULT my_fn())",
    "CREATE INDEX i ON orders (my_fn(id))",
    "ALTER TABLE fresh ADD COLUMN z int GENERATED ALWAYS AS (my_fn()) STORED",
    "ALTER TABLE fresh ADD CHECK (my_fn())",
    "ALTER TABLE fresh ALTER COLUMN id TYPE int USING my_fn()",
    "COPY (SELECT my_fn()) TO STDOUT",
    "EXPLAIN ANALYZE SELECT my_fn()",
    "PREPARE q AS SELECT my_fn()",
    "CREATE TRIGGER t AFTER INSERT ON orders EXECUTE FUNCTION my_fn()",
    "CREATE TRIGGER t AFTER INSERT ON orders EXECUTE FUNCTION app.lower()",
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION my_fn()",
    "CREATE RULE r AS ON INSERT TO orders DO ALSO SELECT my_fn()",
    "CALL my_fn()",
    "DO $$ BEGIN PERFORM my_fn(); END $$",
    "DO $$ DECLARE x int := my_fn(); BEGIN END $$",
    "DO $$ DECLARE y int; x int := my_fn(); BEGIN END $$",
    "DO $$ BEGIN x := my_fn(); END $$",
    "DO $$ BEGIN x := app.lower(1); END $$",
    "DO $$ BEGIN IF my_fn() THEN NULL; END IF; END $$",
    "DO $$ BEGIN WHILE my_fn() LOOP NULL; END LOOP; END $$",
    "DO $$ BEGIN FOR i IN 1..my_fn() LOOP NULL; END LOOP; END $$",
    "DO $$ BEGIN FOR i IN 1 .. my_fn() LOOP NULL; END LOOP; END $$",
    "DO $$ BEGIN FOR i IN 1..app.lower(1) LOOP NULL; END LOOP; END $$",
    "DO $$ BEGIN FOREACH i IN ARRAY my_fn() LOOP NULL; END LOOP; END $$",
    "DO $$ BEGIN RAISE NOTICE '%', my_fn(); END $$",
    "DO $$ BEGIN ASSERT my_fn(); END $$",
]


@pytest.mark.parametrize("text", CALLS)
def test_a_routine_that_nobody_read_is_unread_wherever_it_is_called(text: str) -> None:
    assert "AC003.routine_unknown" in _whys(read(FRESH + text))


@pytest.mark.parametrize("text", [one for one in CALLS if "app.lower" not in one])
def test_a_routine_that_was_read_is_found_wherever_it_is_called(text: str) -> None:
    body = "CREATE FUNCTION my_fn() RETURNS int LANGUAGE sql AS 'DELETE FROM customer; SELECT 1';"
    found = read(FRESH + body + text)
    assert "DL008" in _rules(found)
    assert not found.unread


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO orders (name, day) VALUES (lower('A'), now())",
        "UPDATE fresh SET id = cardinality(string_to_array('a', ','))",
        "ALTER TABLE fresh ADD COLUMN z varchar(20) DEFAULT gen_random_uuid()",
        "CREATE INDEX i ON orders USING gin (to_tsvector('english', name))",
        "CREATE TRIGGER t AFTER UPDATE ON orders EXECUTE FUNCTION tsvector_update_trigger('a', 'b', 'c')",
        "CREATE RULE r AS ON INSERT TO orders DO INSTEAD NOTHING",
        "PREPARE q AS SELECT 1; EXECUTE q",
        "CREATE COLLATION c (locale = 'de-x-icu')",
        "DO $$ DECLARE x varchar(20) := upper('x'); BEGIN IF (x IN ('a')) AND NOT (x = ANY ('{}')) THEN"
        " RAISE NOTICE 'a (b)'; END IF; FOR i IN 1..array_length('{1}'::int[], 1) LOOP x := x; END LOOP; END $$",
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;"
        "CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()",
    ],
)
def test_what_is_known_stays_read(text: str) -> None:
    assert not loses(read(FRESH + text))


@pytest.mark.parametrize(
    "head", ["CREATE RULE r AS ON INSERT TO orders DO ALSO", "CREATE RULE r AS ON DELETE TO orders DO INSTEAD"]
)
def test_what_a_rule_does_is_found(head: str) -> None:
    assert "DL008" in _rules(read(f"{head} DELETE FROM customer"))
    assert "DL008" in _rules(read(f"{head} (SELECT 1; DELETE FROM customer)"))


@pytest.mark.parametrize(
    "text",
    [
        "EXECUTE q",
        "PREPARE p AS SELECT 1; EXECUTE q",
        "EXECUTE q; PREPARE q AS SELECT 1",
        "CREATE OPERATOR === (procedure = f, leftarg = int)",
        "CREATE AGGREGATE a (int) (sfunc = f, stype = int)",
        "CREATE CAST (text AS orders) WITH FUNCTION f(text) AS ASSIGNMENT",
    ],
)
def test_what_calls_routines_under_another_name_is_unread(text: str) -> None:
    assert "AC001.statement_unknown" in _whys(read(text))


def test_a_routine_named_like_a_known_one_is_read_where_its_body_is_known() -> None:
    body = "CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'DELETE FROM customer; SELECT 1';"
    assert "DL008" in _rules(read(f"{body} SELECT lower(1)"))


@pytest.mark.parametrize("text", ["CREATE TABLE x AS SELECT lo_unlink(1)", "DO $$ BEGIN x := lo_unlink(1); END $$"])
def test_what_reaches_out_is_found_wherever_it_stands(text: str) -> None:
    assert "SE003" in _rules(read(text))


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("DELETE FROM customer;", "DL008"),
        ("SELECT 1; DELETE FROM customer;", "DL008"),
        ("INSERT OR REPLACE INTO customer VALUES (1); DELETE FROM customer;", "DL008"),
        ("SELECT CASE WHEN 1 THEN 2 END; UPDATE customer SET a = 1;", "DL009"),
    ],
)
@pytest.mark.parametrize(
    "head", ["CREATE TRIGGER t AFTER INSERT ON orders", "CREATE TEMP TRIGGER begin INSTEAD OF DELETE ON v"]
)
def test_what_a_trigger_of_sqlite_does_is_found(head: str, body: str, rule: str) -> None:
    found = read(f"{head} BEGIN\n{body} END", "sqlite")
    assert rule in _rules(found)
    assert [one.line for one in found.findings if one.rule == rule] == [2]


def test_a_trigger_of_sqlite_that_takes_nothing_is_read() -> None:
    head = "CREATE TRIGGER t AFTER UPDATE ON a BEGIN"
    found = read(
        f"{head} UPDATE a SET at = CURRENT_TIMESTAMP WHERE id = NEW.id; INSERT INTO b VALUES (1); END", "sqlite"
    )
    assert not loses(found)
    assert "AC003" not in _rules(found)


@pytest.mark.parametrize("body", ["BEGIN FROBNICATE; END", "FROBNICATE"])
def test_a_trigger_of_sqlite_that_nobody_can_read_is_unread(body: str) -> None:
    assert read(f"CREATE TRIGGER t AFTER INSERT ON a {body}", "sqlite").unread


@pytest.mark.parametrize(
    "text",
    [
        "VALUES (my_fn())",
        "SELECT my_fn(id) FROM a",
        "WITH x AS (SELECT my_fn()) SELECT 1",
        "INSERT INTO a VALUES (my_fn())",
        "INSERT INTO a SELECT my_fn()",
        "CREATE TABLE x AS SELECT my_fn()",
        "UPDATE a SET b = my_fn() WHERE id = 1",
    ],
)
def test_a_function_of_sqlite_that_nobody_knows_is_unread(text: str) -> None:
    assert "AC003.routine_unknown" in _whys(read(text, "sqlite"))
    assert not read(text.replace("my_fn", "unixepoch"), "sqlite").unread


@pytest.mark.parametrize(
    "values", ["(1, 'my_fn(1)'), (2, 'x')", "(lower('A'), strftime('%s', 'now'))", "(date('now'), (1))"]
)
def test_plain_seed_data_of_sqlite_stay_read(values: str) -> None:
    assert not loses(read(f"INSERT INTO a (b, c) VALUES {values}", "sqlite"))
