"""What belongs to a database and is not in its dump: roles without passwords, owner, settings and grants, as SQL."""

from __future__ import annotations

import re

from diana_tools.databases.postgresql.names import literal, quoted
from diana_tools.measured import Surroundings
from diana_tools.sessions import ReadSession, Row

# Settings whose value is a list of names: each name is a string of its own, else all would become one name.
_LISTS = (
    "search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries",
    "shared_preload_libraries",
)  # fmt: skip
_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^,\s"]+)')

# Roles that this database's objects name (the server tracks them), whoever is connected, and what they belong to.
_ROLES = """
WITH RECURSIVE named AS (
  SELECT d.refobjid AS oid FROM pg_catalog.pg_shdepend d
    WHERE d.refclassid = CAST('pg_catalog.pg_authid' AS regclass)
    AND (d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      OR (d.dbid = 0 AND d.classid = CAST('pg_catalog.pg_database' AS regclass)
        AND d.objid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())))
  UNION SELECT oid FROM pg_catalog.pg_roles WHERE rolname IN (current_user, session_user)
  UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
  UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN named ON m.member = named.oid)
SELECT r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
  r.rolbypassrls, r.rolconnlimit
FROM pg_catalog.pg_roles r JOIN named ON named.oid = r.oid WHERE r.rolname !~ '^pg_' ORDER BY r.rolname
"""
_MEMBERS = """
SELECT g.rolname, m.rolname, bool_or(a.admin_option) FROM pg_catalog.pg_auth_members a
JOIN pg_catalog.pg_roles g ON g.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
GROUP BY 1, 2 ORDER BY 1, 2
"""
_DATABASE = """
SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, coalesce(j ->> 'datlocprovider', 'c'),
  coalesce(j ->> 'datlocale', j ->> 'daticulocale', ''),
  d.datname, pg_catalog.pg_get_userbyid(d.datdba), d.datconnlimit,
  d.datacl IS NOT NULL
FROM pg_catalog.pg_database d CROSS JOIN LATERAL to_jsonb(d) AS j WHERE d.datname = current_database()
"""
_GRANTS = """
SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable
FROM pg_catalog.pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) AS a
WHERE d.datname = current_database() ORDER BY 1, 2
"""
_SETTINGS = """
SELECT coalesce(pg_catalog.pg_get_userbyid(nullif(s.setrole, 0)), ''), s.setdatabase <> 0, c
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) AS c
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) ORDER BY 1, 2, 3
"""


def surroundings(session: ReadSession) -> Surroundings:
    """Read them; what the role may not see (passwords, other roles' secrets) is never asked for."""
    roles = session.rows(_ROLES)
    names = {str(row[1]) for row in roles}
    settings = [(str(role), bool(here), str(text)) for role, here, text in session.rows(_SETTINGS)]
    made = [f"CREATE ROLE {quoted(name)}" for name in sorted(names)]
    made += [_attributes(row) for row in roles]
    made += [
        f"GRANT {quoted(str(group))} TO {quoted(str(member))}{' WITH ADMIN OPTION' if admin else ''}"
        for group, member, admin in session.rows(_MEMBERS)
        if str(member) in names
    ]
    made += [f"ALTER ROLE {quoted(role)} {_set(text)}" for role, here, text in settings if role in names and not here]
    superuser = session.one("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10")
    row = session.rows(_DATABASE)[0]
    return Surroundings(str(superuser), _options(row), tuple(made), _database(session, row, settings, names))


def _attributes(row: Row) -> str:
    words = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")
    shown = " ".join(word if has else f"NO{word}" for word, has in zip(words, row[2:9], strict=True))
    return f"ALTER ROLE {quoted(str(row[1]))} WITH {shown} CONNECTION LIMIT {int(str(row[9]))}"


def _options(row: Row) -> str:
    encoding, collate, ctype, provider, locale = (str(part) for part in row[:5])
    options = f"TEMPLATE template0 ENCODING {literal(encoding)} LC_COLLATE {literal(collate)} LC_CTYPE {literal(ctype)}"
    if provider == "i":
        options += f" LOCALE_PROVIDER icu ICU_LOCALE {literal(locale)}"
    elif provider == "b":
        options += f" LOCALE_PROVIDER builtin BUILTIN_LOCALE {literal(locale)}"
    return options


def _database(
    session: ReadSession, row: Row, settings: list[tuple[str, bool, str]], roles: set[str]
) -> tuple[str, ...]:
    name, owner, limit, granted = quoted(str(row[5])), quoted(str(row[6])), int(str(row[7])), bool(row[8])
    made = [f"ALTER DATABASE {name} OWNER TO {owner}", f"ALTER DATABASE {name} CONNECTION LIMIT {limit}"]
    made += [f"ALTER DATABASE {name} {_set(text)}" for role, here, text in settings if here and not role]
    made += [
        f"ALTER ROLE {quoted(role)} IN DATABASE {name} {_set(text)}"
        for role, here, text in settings
        if here and role in roles
    ]
    if granted:
        made += [f"REVOKE ALL ON DATABASE {name} FROM PUBLIC", f"REVOKE ALL ON DATABASE {name} FROM {owner}"]
        for grantee, privilege, grantable in session.rows(_GRANTS):
            to = quoted(str(grantee)) if grantee else "PUBLIC"
            tail = " WITH GRANT OPTION" if grantable else ""
            # The word comes from the server's own fixed list (CREATE, CONNECT, TEMPORARY).
            made.append(f"GRANT {privilege} ON DATABASE {name} TO {to}{tail}")
    return tuple(made)


def _set(text: str) -> str:
    """`name=value` of `pg_db_role_setting` as the SET clause that made it."""
    name, _, value = text.partition("=")
    if name in _LISTS:
        items = [(inner.replace('""', '"') if inner else bare) for inner, bare in _ITEM.findall(value)]
        return f"SET {quoted(name)} TO {', '.join(literal(item) for item in items) or literal('')}"
    # A name of an extension's setting has a dot, which stays outside the quotes.
    return f"SET {'.'.join(quoted(part) for part in name.split('.'))} TO {literal(value)}"
