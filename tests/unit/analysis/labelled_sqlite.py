"""Labelled SQL for SQLite: its own ways to write, and tables that are rebuilt."""

from __future__ import annotations

from functools import partial

from unit.analysis.ground import Case
from unit.analysis.ground import sql as any_sql

sql = partial(any_sql, dialect="sqlite")

OLD = "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(200), age TEXT, note TEXT)"


def rebuilt(columns: str, into: str, projected: str, tail: str = "") -> str:
    """A rebuild as SQLite's manual and most tools write it (lang_altertable.html, 12 steps)."""
    return (
        f"CREATE TABLE new_users ({columns}); INSERT INTO new_users ({into}) SELECT {projected} FROM users{tail};"
        "DROP TABLE users; ALTER TABLE new_users RENAME TO users;"
    )


WHOLE = "id INTEGER PRIMARY KEY, email VARCHAR(200), age TEXT, note TEXT"
ALL = "id, email, age, note"

CASES: tuple[Case, ...] = (
    sql("comments do not nest", "/* outer /* inner */ DROP TABLE users; -- */", True, ("DL003", "users")),
    sql("a carriage return ends no comment", "-- a\rDROP TABLE users", False),
    sql("an open comment swallows the rest", "SELECT 1; /* DROP TABLE users;", False),
    sql("names in brackets", "DROP TABLE [my users]", True, ("DL003", "my users")),
    sql("names in backticks", "ALTER TABLE `users` DROP COLUMN `email`", True, ("DL005", "users.email")),
    sql("names in apostrophes", "DROP TABLE 'users'", True, ("DL003", "users")),
    sql("drop without COLUMN", "ALTER TABLE users DROP email", True, ("DL005", "users.email")),
    sql("drop view", "DROP VIEW IF EXISTS v", False, ("DL023", "v")),
    sql("drop index", "DROP INDEX ix", False, ("LK002", "ix")),
    sql("drop trigger", "DROP TRIGGER t", False, ("DL023", "t")),
    sql("rename", "ALTER TABLE users RENAME TO people", False, ("CO001", "users")),
    sql("rename column", "ALTER TABLE users RENAME email TO mail", False, ("CO002", "users.email")),
    sql("add column", "ALTER TABLE users ADD nick TEXT", False),
    sql("add required column", "ALTER TABLE users ADD COLUMN nick TEXT NOT NULL", False, ("DF003", "users.nick")),
    sql("delete", "DELETE FROM users", True, ("DL008", "users")),
    sql("delete from main", "DELETE FROM main.users WHERE 1", True, ("DL008", "main.users")),
    sql("delete some", "DELETE FROM users WHERE id = ?", True, ("DL010", "users"), never=("DL008",)),
    sql("delete a few", "DELETE FROM users ORDER BY id LIMIT 10", True, ("DL010", "users")),
    sql("delete behind WITH", "WITH x AS (SELECT 1) DELETE FROM users", True, ("DL008", "users")),
    sql("delete those that are there",
        "DELETE FROM users WHERE id IN (SELECT id FROM users)", True, ("DL008", "users")),
    sql("delete where it globs", "DELETE FROM users WHERE email GLOB '*'", True, ("DL008", "users")),
    sql("update", "UPDATE users SET email = lower(email)", True, ("DL009", "users")),
    sql("update or replace", "UPDATE OR REPLACE users SET email = 'x'", True, ("DL009", "users")),
    sql("update some", "UPDATE users SET email = 'x' WHERE id = :id", False, ("DL010", "users")),
    sql("update that fills",
        "UPDATE users SET email = 'x' WHERE email IS NULL AND id > 3", False, never=("DL009", "DL010")),
    sql("replace into", "REPLACE INTO users (id) VALUES (1)", False),
    sql("insert or ignore", "INSERT OR IGNORE INTO users SELECT * FROM old", False),
    sql("explain", "EXPLAIN QUERY PLAN DELETE FROM users", False),
    sql("attach", "ATTACH DATABASE 'other.db' AS o", False, ("SE003", "ATTACH")),
    sql("vacuum into a file", "VACUUM INTO '/tmp/x'", False, ("SE003", "VACUUM INTO")),
    sql("an extension", "SELECT load_extension('evil')", False, ("SE003", "load_extension")),
    sql("writable schema", "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = '' WHERE name = 'x'", False,
        ("SE014", "writable_schema")),
    sql("foreign keys off and on",
        "PRAGMA foreign_keys=OFF; SELECT 1; PRAGMA foreign_keys=ON", False, never=("SE014",)),
    sql("foreign keys left off", "PRAGMA foreign_keys = 0", False, ("SE014", "foreign_keys")),
    sql("a trigger is one statement",
        "CREATE TRIGGER t AFTER INSERT ON a WHEN CASE WHEN new.x THEN 1 ELSE 0 END BEGIN DELETE FROM b; "
        "SELECT CASE WHEN 1 THEN 2 END; END;"
        "SELECT 1;", False, ("AC003", "t"), wrong=True),
    sql("a trigger, then a drop", "CREATE TRIGGER begin AFTER INSERT ON a BEGIN SELECT 1; END; DROP TABLE users;", True,
        ("DL003", "users")),
    sql("a trigger that never ends",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; DROP TABLE users;", True, unread=True),
    sql("nonsense", "FROBNICATE users", True, unread=True),
    sql("what only other engines know", "ALTER TABLE users ALTER COLUMN email TYPE varchar(5)", True, unread=True),
    sql("nested beyond reason",
        "DELETE FROM users WHERE " + "(" * 400 + "1" + ")" * 400, True, ("DL010", "users"), unread=True),
    sql("a rebuild that keeps everything", rebuilt(WHOLE, ALL, ALL), False, ("LK043", "users"), earlier=(OLD,),
        never=("DL003", "DL005", "CO001")),
    sql("a rebuild that copies a star",
        "CREATE TABLE n AS SELECT * FROM users; DROP TABLE users; ALTER TABLE n RENAME TO users", False,
        never=("DL003",)),
    sql("a rebuild that adds a column",
        rebuilt(WHOLE + ", nick TEXT", ALL + ", nick", "id, email, age, note, 'x'"), False, earlier=(OLD,)),
    sql("a rebuild that leaves a column out",
        rebuilt("id INTEGER PRIMARY KEY, email VARCHAR(200), age TEXT", "id, email, age",
        "id, email, age"), True, ("DL005", "users.note"), earlier=(OLD,), never=("DL003",)),
    sql("a rebuild that leaves rows out",
        rebuilt(WHOLE, ALL, ALL, " WHERE id > 10"), True, ("DL003", "users"), earlier=(OLD,)),
    sql("a rebuild that keeps only distinct rows",
        rebuilt(WHOLE, ALL, "DISTINCT id, email, age, note"), True, ("DL003", "users"),
        earlier=(OLD,)),
    sql("a rebuild whose copy is emptied",
        "CREATE TABLE n (id, email, age, note); INSERT INTO n SELECT * FROM users; DELETE FROM n;"
        "DROP TABLE users; ALTER TABLE n RENAME TO users", True, ("DL003", "users"), earlier=(OLD,)),
    sql("a rebuild that narrows",
        rebuilt(WHOLE.replace("200", "20"), ALL, ALL), True, ("DL011", "users.email"), earlier=(OLD,)),
    sql("a rebuild that casts",
        rebuilt(WHOLE.replace("age TEXT", "age INTEGER"), ALL, "id, email, CAST(age AS INTEGER), note"), True,
        ("DL011", "users.age"), earlier=(OLD,)),
    sql("a rebuild that rewrites",
        rebuilt(WHOLE, ALL, "id, lower(email), age, note"), True, ("DL009", "users"), earlier=(OLD,)),
    sql("a rebuild that fills", rebuilt(WHOLE, ALL, "id, coalesce(email, ''), age, note"), False, earlier=(OLD,)),
    sql("a rebuild the other way round",
        f"ALTER TABLE users RENAME TO old_users; CREATE TABLE users ({WHOLE}); "
        f"INSERT INTO users ({ALL}) SELECT {ALL} FROM old_users;"
        "DROP TABLE old_users;", False, earlier=(OLD,), never=("DL003", "CO001")),
    sql("a rebuild of nobody knows what", rebuilt(WHOLE, ALL, ALL), True, ("DL003", "users")),
    sql("a copy that is kept elsewhere",
        "CREATE TABLE kept AS SELECT * FROM users; DROP TABLE users", True, ("DL003", "users")),
    sql("a drop without a copy",
        "CREATE TABLE n (id); DROP TABLE users; ALTER TABLE n RENAME TO users", True, ("DL003", "users"),
        earlier=(OLD,)),
    sql("columns swapped by a rebuild, the longer into the shorter", rebuilt(WHOLE, ALL, "id, note, age, email"), True,
        ("DL011", "users.note"), earlier=(OLD,)),
    sql("a trigger that is made and set off",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END; INSERT INTO a VALUES (1)", True,
        ("DL008", "b")),
    sql("what was just put in is taken out", "INSERT INTO a VALUES (-1); DELETE FROM a WHERE id = -1",
        False, wrong=True),
    sql("a rebuild, then the loss",
        rebuilt(WHOLE, ALL, ALL) + "ALTER TABLE users DROP COLUMN email; DELETE FROM users", True,
        ("DL005", "users.email"), ("DL008", "users"), earlier=(OLD,)),
)  # fmt: skip
