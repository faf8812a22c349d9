"""Labelled migrations with SQL that becomes a part of a statement: defaults, checks, keys of an index, conditions."""

from __future__ import annotations

from unit.analysis.ground import Case, up


def _added(name: str, column: str, *, dialect: str = "postgresql") -> Case:
    return up(name, f"op.add_column('a', sa.Column('b', sa.Integer, {column}))", False, dialect=dialect)


FRAGMENTS: tuple[Case, ...] = (
    up("a default that drops", "op.add_column('a', sa.Column('b', sa.Integer, server_default=sa.text('0; DROP TABLE c')"
       "))", True, ("DL003", "c"), unread=True),
    up("a changed default that drops", "op.alter_column('a', 'b', server_default=sa.text('0; DROP TABLE c'))", True,
       ("DL003", "c"), unread=True),
    up("a default that calls", "op.add_column('a', sa.Column('b', sa.Integer, server_default=sa.text('wipe()')))", True,
       unread=True),
    up("a computed column that calls", "op.add_column('a', sa.Column('b', sa.Integer, sa.Computed('wipe(c)')))", True,
       unread=True),
    up("a check that calls", "op.create_check_constraint('k', 'a', 'wipe(b)')", True, unread=True),
    up("a check of a batch that calls", "with op.batch_alter_table('a') as t:\n"
       "    t.create_check_constraint('k', 'wipe(b)')", True, unread=True),
    up("a check of a new table that calls", "op.create_table('a', sa.CheckConstraint('\"wipe\"(b)'))", True,
       unread=True),
    up("a check that closes itself", "op.create_check_constraint('k', 'a', 'b > 0), ADD CHECK (b > 1')", True,
       unread=True),
    up("a check of an unknown part", "op.create_check_constraint('k', 'a', f'b IN ({input()})')", True, unread=True),
    up("an index that calls", "op.create_index('i', 'a', [sa.text('wipe(b)')])", True, unread=True),
    up("an index whose condition calls", "op.create_index('i', 'a', ['b'], postgresql_where=sa.text('wipe(b)'))", True,
       unread=True),
    up("an index in SQLite whose condition calls", "op.create_index('i', 'a', ['b'], sqlite_where=sa.text('wipe(b)'))",
       True, dialect="sqlite", unread=True),
    up("a column that is read and calls", "op.execute(sa.select(sa.literal_column('wipe()')))", True, unread=True),
    up("a text that is read and calls", "op.execute(sa.select(sa.text('wipe()')))", True, unread=True),
    up("a condition that calls", "op.execute(sa.select(sa.column('a')).where(sa.text('wipe()')))", True, unread=True),
    up("a prefix", "op.execute(sa.select(sa.column('a')).prefix_with('wipe(),'))", True, unread=True),
    up("a suffix", "op.execute(sa.select(sa.column('a')).suffix_with('; DELETE FROM users'))", True, ("DL008", "users"),
       unread=True),
    up("an operator of somebody's", "op.execute(sa.select(sa.column('a').op('@@@')('x')))", True, unread=True),
    up("an operator that is none", "op.execute(sa.select(sa.column('a').op('; DELETE FROM users; --')('x')))", True,
       ("DL008", "users"), unread=True),
    up("a collation that is none", "op.execute(sa.select(sa.collate('x', 'y; DELETE FROM users')))", True,
       ("DL008", "users"), unread=True),
    up("a name that is none", "t = sa.table(sa.quoted_name('a; DELETE FROM users', False))\nop.execute(sa.select(t))",
       True, unread=True),
    up("a type that is none", "op.add_column('a', sa.Column('b', T()))", True, ("DL008", "users"), unread=True,
       extra="class T(sa.types.UserDefinedType):\n    def get_col_spec(self):\n"
       "        return 'int; DELETE FROM users; --'\n"),
    up("an operation kept in a class", "Old['users']", True, unread=True,
       extra="class Old:\n    __class_getitem__ = op.drop_table\n"),
)  # fmt: skip

PLAIN: tuple[Case, ...] = (
    _added("now", "server_default=sa.text('now()')"),
    _added("now elsewhere", "server_default=sa.text(\"(now() AT TIME ZONE 'utc')\")"),
    _added("an empty object", "server_default=sa.text(\"'{}'::jsonb\")"),
    _added("a negative number", "server_default=sa.text('-1')"),
    _added("a string with a semicolon", "server_default='0; DROP TABLE c'"),
    _added("a quoted string with a semicolon", "server_default=sa.text(\"'a; DROP TABLE c'\")"),
    _added("a time that follows", "server_default=sa.text('CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP')"),
    _added("the next number", "server_default=sa.text(\"nextval('s'::regclass)\")"),
    _added("a time of SQLite", "server_default=sa.text(\"(datetime('now'))\")", dialect="sqlite"),
    _added("a sum", "sa.Computed('a * b + coalesce(c, 0)', persisted=True)"),
    _added("a check", "sa.CheckConstraint(\"b > 0 AND b IN (1, 2) AND (c::numeric(10, 2)) >= -1\")"),
    up("keys of an index", "op.create_index('i', 'a', [sa.text('lower(email) varchar_pattern_ops'),"
       " sa.text('created DESC NULLS LAST'), sa.text(\"(data #>> '{a,b}')\")],"
       " postgresql_where=sa.text(\"gone IS NULL AND kind ~* '^x'\"), postgresql_using='gin')", False),
    up("a constraint that excludes", "op.create_exclude_constraint('k', 'a', ('room', '='), "
       "(sa.text('tsrange(x, y)'), '&&'), using='gist', where=sa.text('not gone'))", False),
    up("a query in words", "op.get_bind().execute(sa.select(sa.text('id, name')).select_from(sa.text('a'))"
       ".where(sa.text('id > :x')).order_by(sa.text('id DESC')))", False),
    up("an enum that is created", "sa.Enum('a', 'b', name='e').create(op.get_bind(), checkfirst=True)", False),
    up("tables that are created", "sa.MetaData().create_all(bind=op.get_bind())", False),
    up("a type that is spelled", "op.add_column('a', sa.Column('b', T()))", False,
       extra="class T(sa.types.UserDefinedType):\n    def get_col_spec(self, **kw):\n        return 'VECTOR(3)'\n"),
)  # fmt: skip
