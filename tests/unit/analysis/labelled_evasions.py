"""Labelled migrations that try to get something past the analysis; each is one hole that must stay closed."""

from __future__ import annotations

from unit.analysis.ground import SHOP, Case, alembic, sql, up

MODEL = "class User:\n    __tablename__ = 'users'\n    def purge(self):\n        op.drop_table('users')\n"

PYTHON: tuple[Case, ...] = (
    up("through sys.modules", "sys.modules['alembic.op'].drop_table('users')", True, unread=True, top="import sys"),
    up("through importlib",
       "importlib.import_module('alembic.op').drop_table('users')", True, unread=True, top="import importlib"),
    up("through operator",
       "operator.methodcaller('drop_table', 'users')(op)", True, unread=True, top="import operator"),
    up("through functools", "functools.partial(op.drop_table, 'users')()", True, unread=True, top="import functools"),
    up("through a dictionary of functions", "{'x': op.drop_table}['x']('users')", True, ("DL003", "users")),
    up("through the implementation", "op.get_context().impl.drop_table(sa.table('users'))", True, unread=True),
    up("through the context", "context.execute('DROP TABLE users')", True, ("DL003", "users")),
    up("through the whole package", "alembic.op.drop_table('users')", True, ("DL003", "users"), top="import alembic"),
    up("through an instance",
       "Tool().go()", True, unread=True, extra="class Tool:\n    def go(self):\n        op.drop_table('users')\n"),
    up("through a static method", "Tool.go()", True, unread=True,
       extra="class Tool:\n    @staticmethod\n    def go():\n        op.drop_table('users')\n"),
    up("through a context manager of its own", "with Tool():\n    pass", True, unread=True,
       extra="class Tool:\n    def __enter__(self):\n        op.drop_table('users')\n"
       "    def __exit__(self, *a):\n        pass\n"),
    up("through a method of a mapped class", "User().purge()", True, unread=True, extra=MODEL),
    up("in a class body",
       "pass", True, ("DL003", "a"), extra="class A:\n    for t in ('a',):\n        op.drop_table(t)\n"),
    up("in a default", "pass", True, ("DL003", "a"), extra="def f(x=op.drop_table('a')):\n    pass\n"),
    up("in the default of a lambda", "f = lambda x=op.drop_table('a'): x", True, ("DL003", "a")),
    up("in an annotation", "x: op.drop_table('a') = 1", True, ("DL003", "a")),
    up("in the annotation of a parameter",
       "pass", True, ("DL003", "a"), extra="def f(x: op.drop_table('a')):\n    pass\n"),
    up("in a decorator of its own", "pass", True, ("DL003", "a"),
       extra="def now(f):\n    op.drop_table('a')\n    return f\n\n@now\ndef g():\n    pass\n"),
    up("in what a decorator runs", "pass", True, ("DL003", "a"),
       extra="def now(f):\n    f()\n    return f\n\n@now\ndef g():\n    op.drop_table('a')\n"),
    up("in a class decorator", "pass", True, ("DL003", "a"),
       extra="def now(c):\n    op.drop_table('a')\n    return c\n\n@now\nclass G:\n    pass\n"),
    up("in a keyword of a class",
       "pass", True, ("DL003", "a"), unread=True, extra="class G(metaclass=op.drop_table('a')):\n    pass\n"),
    up("in a format specification", "x = f\"{1:{op.drop_table('a')}}\"", True, ("DL003", "a")),
    up("in what is raised", "raise op.drop_table('a')", True, ("DL003", "a")),
    up("in the words of what is raised", "raise RuntimeError(op.drop_table('a'))", True, ("DL003", "a")),
    up("in what is caught", "try:\n    pass\nexcept op.drop_table('a'):\n    pass", True, ("DL003", "a")),
    up("in a guard", "match 1:\n    case _ if op.drop_table('a'):\n        pass", True, ("DL003", "a")),
    up("in an index", "x = {}\nx[op.drop_table('a')] = 1", True, ("DL003", "a")),
    up("in what is deleted", "x = {}\ndel x[op.drop_table('a')]", True, ("DL003", "a")),
    up("in an argument of print", "print(op.drop_table('a'))", True, ("DL003", "a")),
    up("in an assertion", "assert op.drop_table('a') is None", True, ("DL003", "a")),
    up("in a generator that is used up", "list(op.drop_table(t) for t in ['a'])", True, ("DL003", "a")),
    up("in a sorting key", "sorted(['a'], key=lambda t: op.drop_table(t))", True, ("DL003", "?"), unread=True),
    up("in a listener",
       "sa.event.listen(sa.Table, 'x', lambda: op.drop_table('a'))", True, ("DL003", "a"), unread=True),
    up("behind a setting of the project",
       "if settings.SAFE:\n    pass\nelse:\n    op.drop_table('a')", True, ("DL003", "a"),
       top="from app import settings", unread=True),
    up("behind an exception that is swallowed",
       "with suppress(Exception):\n    raise ValueError\nop.drop_table('a')", True,
       ("DL003", "a"), top="from contextlib import suppress"),
    up("behind an exception that is caught",
       "try:\n    raise ValueError\nexcept ValueError:\n    pass\nop.drop_table('a')", True,
       ("DL003", "a")),
    up("behind a loop that is left both ways", "for i in range(3):\n    if sa.inspect(op.get_bind()).has_table('x'):\n"
       "        break\n    else:\n        continue\nop.drop_table('a')", True, ("DL003", "a")),
    up("behind a finally", "try:\n    pass\nfinally:\n    op.drop_table('a')", True, ("DL003", "a")),
    up("behind an else of a loop", "for i in range(1):\n    pass\nelse:\n    op.drop_table('a')", True, ("DL003", "a")),
    up("a list that grows while it is gone through",
       "todo = ['x']\nfor t in todo:\n    if len(todo) < 2:\n        todo.append('users')\n"
       "    op.execute('DROP TABLE ' + t)", True,
       ("DL003", "x"), unread=True),
    up("a list that grows under another name",
       "a = []\nb = a\na.append('users')\nfor t in b:\n    op.drop_table(t)", True,
       ("DL003", "users")),
    up("a list that a helper fills",
       "todo = []\nfill(todo)\nfor t in todo:\n    op.drop_table(t)", True, ("DL003", "users"),
       extra="def fill(x):\n    x.append('users')\n"),
    up("a name that a helper changes", "global NAME\nchange()\nop.drop_table(NAME)", True, ("DL003", "?"), unread=True,
       top="NAME = 'scratch'", extra="def change():\n    global NAME\n    NAME = 'users'\n"),
    up("a name that a loop changes",
       "t = 'a'\nfor r in op.get_bind().execute(sa.text('SELECT 1')):\n    op.drop_table(t)\n"
       "    t = t + 'x'", True, ("DL003", "?"), unread=True),
    up("a dictionary that is changed",
       "d = {'t': 'a'}\nd['t'] = 'users'\nop.drop_table(d['t'])", True, ("DL003", "users")),
    up("an operation that is replaced", "op.create_table = op.drop_table\nop.create_table('users')", True, unread=True),
    up("everything of a module", "wipe('users')", True, unread=True, top="from app.helpers import *"),
    up("another package drops the database",
       "sqlalchemy_utils.drop_database('x')", True, unread=True, top="import sqlalchemy_utils"),
    up("text as bytes", "op.execute(b'DROP TABLE users'.decode())", True, unread=True),
    up("text in disguise",
       "op.execute(base64.b64decode('RFJPUCBUQUJMRSB1c2Vycw==').decode())", True, unread=True, top="import base64"),
    up("text letter by letter", "op.execute(''.join(chr(c) for c in [68, 82, 79, 80]))", True, unread=True),
    up("text backwards", "op.execute('sresu ELBAT PORD'[::-1])", True, unread=True),
)  # fmt: skip

LATER: tuple[Case, ...] = tuple(
    Case(name, alembic("pass") + later, "postgresql", True, finds, unread=unread)
    for name, later, finds, unread in (
        (
            "upgrade is made",
            "def make():\n    return lambda: op.drop_table('a')\nupgrade = make()\n",
            (("DL003", "a"),),
            False,
        ),
        ("upgrade is imported", "from app.shared import upgrade\n", (), True),
        ("upgrade is replaced", "upgrade = print\n", (), True),
    )
)

NAMES: tuple[Case, ...] = (
    sql("a temporary table and the real one by its schema",
        "CREATE TEMP TABLE users (id int); DROP TABLE public.users", True,
        ("DL003", "public.users")),
    sql("a table of another schema with the same name",
        "CREATE TABLE main.users (id int); DROP TABLE users", True, ("DL003", "users")),
    sql("a table in the temporary schema", "CREATE TABLE pg_temp.users (id int); DROP TABLE public.users", True,
        ("DL003", "public.users")),
    sql("a column under another search path",
        "SET search_path TO audit; ALTER TABLE public.users DROP COLUMN email", True,
        ("DL005", "public.users.email"), live=SHOP),
    sql("schemas that are exchanged", "CREATE SCHEMA n; CREATE TABLE n.log (id int); ALTER SCHEMA audit RENAME TO o;"
        "ALTER SCHEMA n RENAME TO audit; ALTER SCHEMA o RENAME TO n; DROP TABLE n.log",
        True, ("DL003", "n.log"), live=SHOP),
    sql("a search path that is set by a function",
        "CREATE TABLE log (id int); SELECT set_config('search_path', 'audit', false);"
        "DROP TABLE log", True, ("DL003", "log"), live=SHOP),
    sql("the whole name", "DROP TABLE shop.public.users", True, ("DL003", "shop.public.users"), live=SHOP),
    sql("another case is another table", 'CREATE TABLE "Users" (id int); DROP TABLE users', True, ("DL003", "users")),
    sql("another case is the same table",
        "CREATE TABLE IF NOT EXISTS Users (id int); DROP TABLE USERS", True, ("DL003", "USERS"),
        dialect="sqlite"),
    sql("a copy that is overwritten",
        "ALTER TABLE users ADD c varchar(200); UPDATE users SET c = email; UPDATE users SET c = '';"
        "ALTER TABLE users DROP COLUMN email", True, ("DL005", "users.email"), live=SHOP),
    sql("a copy that is dropped first", "ALTER TABLE users ADD c varchar(200); UPDATE users SET c = email;"
        "ALTER TABLE users DROP COLUMN c, DROP COLUMN email", True, ("DL005", "users.email"), live=SHOP),
    sql("a copy through a narrow cast", "ALTER TABLE users ADD c varchar(200); UPDATE users SET c = email::varchar(1);"
        "ALTER TABLE users DROP COLUMN email", True, ("DL005", "users.email"), live=SHOP),
    sql("a copy of what the same statement overwrites",
        "ALTER TABLE users ADD c text; UPDATE users SET c = name, name = '';"
        "ALTER TABLE users DROP COLUMN name", True, ("DL009", "users"), live=SHOP),
    sql("a rebuild whose copy is changed in part",
        "CREATE TABLE n (id int, note text); INSERT INTO n SELECT id, note FROM lonely;"
        "UPDATE n SET note = NULL WHERE id > 0; DROP TABLE lonely; ALTER TABLE n RENAME TO lonely",
        True, ("DL003", "lonely"), live=SHOP),
    sql("a rebuild of only a part of the family", "CREATE TABLE n AS SELECT * FROM ONLY lonely; DROP TABLE lonely;"
        "ALTER TABLE n RENAME TO lonely", True, ("DL003", "lonely"), live=SHOP),
    sql("a rebuild that skips what is locked", "CREATE TABLE n (id int, note text);"
        "INSERT INTO n SELECT id, note FROM lonely FOR UPDATE SKIP LOCKED; DROP TABLE lonely; "
        "ALTER TABLE n RENAME TO lonely", True,
        ("DL003", "lonely"), live=SHOP),
    sql("a rebuild of another schema's table",
        "CREATE TABLE n AS SELECT * FROM lonely; SET search_path TO audit; DROP TABLE lonely;"
        "ALTER TABLE n RENAME TO lonely", True, ("DL003", "lonely"), live=SHOP),
    sql("a star that narrows",
        "CREATE TABLE n (id int, note varchar(3)); INSERT INTO n SELECT * FROM lonely; DROP TABLE lonely;"
        "ALTER TABLE n RENAME TO lonely", True, ("DL011", "lonely.note"), live=SHOP),
    sql("a rename of the last table that is left",
        "ALTER TABLE lonely RENAME TO gone; DROP TABLE gone", True, ("DL003", "gone"), live=SHOP),
    sql("a function called like one of PostgreSQL's", "CREATE FUNCTION app.count() RETURNS int LANGUAGE sql AS"
        " $$ DELETE FROM users RETURNING 1 $$; SELECT app.count()", True, ("DL008", "users")),
    sql("PostgreSQL's own by their whole name", "SELECT pg_catalog.pg_get_serial_sequence('a', 'b')", False),
    sql("a function nobody knows over a table", "SELECT frobnicate(id) FROM users", True, unread=True),
    sql("a function nobody knows inside another", "SELECT count(frobnicate(id)) FROM users", True, unread=True),
    sql("a drop behind a comment that looks like a string",
        "SELECT 1 -- '\n; DROP TABLE users; --'", True, ("DL003", "users")),
    sql("a drop behind a dollar that is none",
        "SELECT 1 AS a$x$; DROP TABLE users; SELECT 2 AS b$x$", True, ("DL003", "users")),
    sql("a drop behind a string with a backslash", "SELECT '\\'; DROP TABLE users; --'", True, ("DL003", "users")),
    sql("a name written in Unicode", 'DROP TABLE U&"d\\0061ta"', True, ("DL003", "data")),
    sql("a command in the middle of a line", "SELECT 1; \\i other.sql", True, unread=True),
    sql("data that look like an end", "COPY a FROM stdin;\nx\\.\n\\.\nDROP TABLE users;", True, ("DL003", "users")),
)  # fmt: skip
