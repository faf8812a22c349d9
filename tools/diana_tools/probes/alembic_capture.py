"""Every statement that a migration really runs, without the values of any row (see alembic_child.py)."""

import re
import time
from pathlib import Path

# Stands for statements that were not kept; no reader of SQL takes it for one, so the migration stays unread.
UNCAPTURED = "DIANA_UNCAPTURED_STATEMENTS"
_LONGEST = 20_000
_MOST = 2_000
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%s|%%")
_STRING = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_NUMBER = re.compile(r"(?i)(?<![\w.$:\"])(?<!char\()(?<!numeric\()(?<!decimal\()\d+(?:\.\d+)?\b(?!\")")
_ROWS = re.compile(r"^\s*(?:with\b.*?\b)?(?:insert|update|delete|merge|select|values)\b", re.IGNORECASE | re.DOTALL)
_CATALOG = re.compile(r"\bpg_catalog\.|\bsqlite_(?:temp_)?master\b|^\s*PRAGMA\b", re.IGNORECASE)
_QUIET = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r'"(?:[^"]|"")*"')
_CONTROL = re.compile(r"\s*(?:$|(?:begin|commit|rollback|savepoint|release)\b)", re.IGNORECASE)
_CHANGING = re.compile(r"\\|;|\b(?:insert|update|delete|merge|truncate|drop|alter|into|analyze)\b", re.IGNORECASE)
_CALL = re.compile(r"([\w.]+)\s*\(")
# What may stand before a bracket in a statement that only reads; any other name may be a function that writes.
_PLAIN = re.compile(
    r"pg_catalog\.\w+|all|and|any|array|array_agg|as|between|bool|case|cast|char|coalesce|count|else|exists|filter|from"
    r"|generate_subscripts|in|join|lateral|length|lower|max|min|not|on|or|over|row_number|select|then|unnest|upper"
    r"|using|values|varchar|when|where|with",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"(?:collation|database|function|index|foreign_key|table)_list|(?:index|table)_x?info"
    r"|(?:foreign_key|integrity|quick)_check",
    re.IGNORECASE,
)
# By this a connection that showed the marker is let write (alembic_doors.py); it is no statement of the project's.
_ADMITTED = "SET default_transaction_read_only TO off"


def reads(sql):
    """Whether a statement certainly only reads; comments and strings in it do not count."""
    plain = _NAME.sub("q", _QUIET.sub(_blank, sql)).strip().rstrip(";")
    first = plain[:8].upper().split()[:1]
    if first == ["PRAGMA"]:
        found = re.fullmatch(r"\w+\s+(?:\w+\.)?(\w+)\s*(\(.*\))?\s*", plain, re.DOTALL)
        return found is not None and (found.group(2) is None or _TOLD.fullmatch(found.group(1)) is not None)
    if first not in (["SELECT"], ["SHOW"], ["EXPLAIN"]) or _CHANGING.search(plain):
        return False
    return all(_PLAIN.fullmatch(name) for name in _CALL.findall(plain))


def _blank(found):
    return " " if found.group()[0] in "-/" else "''"


def _versions(table):
    """What Alembic itself runs on its table between two migrations, whole."""
    name = rf'(?:"?\w+"?\.)?"?{re.escape(table)}"?'
    kept, more = rf"WHERE {name}\.version_num = '[^']*'", r"(?: RETURNING [\w.]+)?"
    new = rf"INSERT INTO {name} \(version_num\) VALUES \('[^']*'\){more}"  # noqa: S608  (a pattern)
    moved = rf"UPDATE {name} SET version_num='[^']*' {kept}|DELETE FROM {name} {kept}"  # noqa: S608  (a pattern)
    return re.compile(rf"{new}|{moved}|CREATE TABLE {name} \([^;]*\)")


class Recorder:
    """Statements of one migration at a time: equal ones once, with how often they ran and how long they took.

    It listens all the time: what env.py runs before a migration's own steps, and after them, belongs to it too.
    """

    def __init__(self):
        self.found = {}
        self.source = ""
        self.inside = 0
        self.started = 0.0
        self.stepping = False
        self.version_table = "alembic_version"

    def start(self, path):
        """Begin with a migration, whose own text tells which literals are nobody's data."""
        self.source = Path(path).read_text("utf-8", "replace")
        self.stepping = True

    def rest(self):
        """The migration's own steps are over; of what still runs, only what may change something is kept."""
        self.stepping = False

    def finish(self):
        """What ran since the last `finish`, as JSON-ready dicts in the order of first appearance."""
        found, self.found, self.stepping = self.found, {}, False
        own = _versions(self.version_table)
        return [one for (inside, sql), one in found.items() if inside or not own.fullmatch(" ".join(sql.split()))]

    def add(self, sql, parameters=0, times=1, seconds=0.0):
        """Count one execution; statements beyond the limit stand as one that nobody read."""
        if sql == _ADMITTED or (reads(sql) and (not self.stepping or _CATALOG.search(_QUIET.sub(_blank, sql)))):
            return
        sql = self._without_data(sql)
        key = (self.stepping, sql)
        if len(sql) > _LONGEST or (len(self.found) >= _MOST and key not in self.found):
            sql = UNCAPTURED
            key = (True, sql)
        one = self.found.setdefault(key, {"sql": sql, "parameters": parameters, "times": 0, "seconds": 0.0})
        one["times"] += times
        one["seconds"] = round(one["seconds"] + seconds, 6)

    def _without_data(self, sql):
        """Literals stay only where they stand in the migration's own text; another one may be a row's value."""
        sql = _STRING.sub(lambda found: found.group() if found.group().strip("'") in self.source else "'…'", sql)
        if _ROWS.match(sql):
            sql = _NUMBER.sub(lambda found: found.group() if found.group() in self.source else "0", sql)
        sql = sql.strip()
        # A comment at the very end must not swallow what is written behind the statement.
        return sql + "\n" if "--" in sql.rpartition("\n")[2] else sql

    def watch_sqlalchemy(self):
        """Record what runs through SQLAlchemy, on any engine."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        event.listen(Engine, "handle_error", self._failed)

    def _before(self, *_arguments):
        self.inside += 1
        self.started = time.monotonic()

    def _after(self, connection, _cursor, statement, parameters, _context, executemany):
        self.inside -= 1
        many = parameters if executemany else [parameters]
        count = len(many[0]) if many and many[0] else 0
        self.add(_neutral(statement, connection.dialect), count, len(many) or 1, time.monotonic() - self.started)

    def _failed(self, context):
        if context.statement is not None and self.inside:
            self.inside -= 1
            self.add(_neutral(context.statement, getattr(context, "dialect", None)))

    def watch_sqlite(self, connection):
        """Record what runs on a bare sqlite3 connection; what SQLAlchemy runs on it is counted there."""
        connection.set_trace_callback(self._traced)

    def _traced(self, sql):
        if not self.inside and not _CONTROL.match(_QUIET.sub(_blank, sql)):
            self.add(sql)

    def watch_psycopg(self):
        """Record what runs on a bare cursor of psycopg or psycopg2."""
        try:
            import psycopg
        except ImportError:
            return
        for kind in (psycopg.Cursor, psycopg.AsyncCursor):
            for name in ("execute", "executemany", "copy", "stream"):
                setattr(kind, name, self._counted(getattr(kind, name)))

    def _counted(self, real):
        def run(cursor, query, *arguments, **options):
            if not self.inside:
                self.add(_numbered(_words(query, cursor)))
            return real(cursor, query, *arguments, **options)

        return run


def _words(query, cursor):
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query if isinstance(query, str) else query.as_string(cursor)


def _neutral(statement, dialect):
    return _numbered(statement) if getattr(dialect, "paramstyle", "") in ("format", "pyformat") else statement


def _numbered(statement):
    """A driver's placeholders in a form that readers of SQL know: `$1`, `$2`, ..."""
    names = []

    def numbered(found):
        if found.group() == "%%":
            return "%"
        name = found.group(1) or len(names)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACEHOLDER.sub(numbered, statement)
