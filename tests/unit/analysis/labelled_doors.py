"""Labelled migrations with code behind a door that opens by itself: hooks, drivers, methods that Python calls."""

from __future__ import annotations

from unit.analysis.ground import Case, up

WIPE = "op.execute('DELETE FROM users')"
BODY = f"        {WIPE}\n"

HOOKS: tuple[Case, ...] = (
    up("a sort by a key that deletes", f"rows = [1]\nrows.sort(key=lambda r: {WIPE})", True, ("DL008", "users")),
    up("an unknown list sorted so", f"rows = list(input())\nrows.sort(key=lambda r: {WIPE})", True, ("DL008", "users")),
    up("rows made unique so", f"op.get_bind().execute(sa.text('SELECT 1')).unique(lambda r: {WIPE})", True,
       ("DL008", "users")),
    up("a compiler of its own", "op.create_index('i', 'a', ['b'])", True, unread=True,
       top="from sqlalchemy.ext.compiler import compiles\nfrom sqlalchemy.sql.ddl import CreateIndex",
       extra="@compiles(CreateIndex)\ndef f(e, c, **k):\n    return 'DELETE FROM users'\n"),
    up("a type that does it when it is made", "op.add_column('a', sa.Column('b', Slug()))", True, ("DL008", "users"),
       extra=f"class Slug(sa.types.UserDefinedType):\n    def __init__(self):\n{BODY}"),
    up("a type that does it for a value", "op.add_column('a', sa.Column('b', Slug))", True, ("DL008", "users"),
       extra=f"class Slug(sa.TypeDecorator):\n    impl = sa.Text\n    def process_bind_param(self, v, d):\n{BODY}"),
    up("a mapped class that does it when it is made", "Old()", True, ("DL008", "users"),
       extra=f"class Old:\n    __tablename__ = 'users'\n    def __init__(self):\n{BODY}"),
    up("an item of a class", "Old[1]", True, ("DL008", "users"),
       extra=f"class Old:\n    def __class_getitem__(cls, x):\n{BODY}"),
    up("a subclass made by hand", "type('New', (Old,), {})", True, ("DL008", "users"),
       extra=f"class Old:\n    def __init_subclass__(cls):\n{BODY}"),
    up("a property", "Old().now", True, ("DL008", "users"),
       extra=f"class Old:\n    @property\n    def now(self):\n{BODY}"),
    up("the code of another function", "def f():\n    pass\nf.__code__ = (lambda: " + WIPE + ").__code__\nf()", True,
       unread=True),
    up("a hook on an unknown object", f"input().hook = lambda *a: {WIPE}", True, ("DL008", "users")),
    up("libpq itself", "op.get_bind().connection.driver_connection.pgconn.exec_(b'DELETE FROM users')", True,
       unread=True),
    up("a hook of the driver", "op.get_bind().connection.driver_connection.row_factory = lambda *a: 1", True,
       unread=True),
    up("a script by the driver", "op.get_bind().connection.driver_connection.executescript('DELETE FROM users')", True,
       ("DL008", "users")),
    up("a dump into the database", "op.get_bind().connection.dbapi_connection.deserialize(b'')", True, unread=True),
)  # fmt: skip

HARMLESS: tuple[Case, ...] = (
    up("a sort by a key", "rows = [2, 1]\nrows.sort(key=lambda r: r)\nop.create_index('i', 'a', ['b'])", False),
    up("a type of its own", "op.add_column('a', sa.Column('b', GUID()))", False,
       extra="class GUID(sa.TypeDecorator):\n    impl = sa.CHAR\n    cache_ok = True\n"
       "    def load_dialect_impl(self, dialect):\n        if dialect.name == 'postgresql':\n"
       "            return dialect.type_descriptor(sa.UUID())\n        return dialect.type_descriptor(sa.CHAR(32))\n"
       "    def process_bind_param(self, value, dialect):\n        return None if value is None else str(value)\n"),
    up("where the database is", "print(op.get_bind().engine.url.render_as_string())", False),
    up("a note on a function", "def f():\n    pass\nf.note = 'x'\nf()", False),
    up("names quoted by the dialect", "q = op.get_bind().dialect.identifier_preparer.quote('a')", False),
    up("operations kept in a list", "steps = []\nsteps.append(op.create_index)\nsteps[0]('i', 'a', ['b'])", False),
    up("a mapped class with words of its own", "pass", False,
       extra="class Old:\n    __tablename__ = 'users'\n    def __repr__(self):\n        return f'<{self.id}>'\n"),
    up("an expression", "op.get_bind().execute(sa.select(sa.case((sa.literal(1) == 1, 2), else_=3)))", False),
)  # fmt: skip
