"""Which environment variables say where a database is, and what they must say to mean another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from diana_tools.adapters.python_projects import Variable
from diana_tools.domain import DatabaseUrl

_URL = re.compile(r"(?i)(?:postgres(?:ql)?|sqlite|cockroachdb|mysql|mariadb|mssql|oracle)(?:\+\w+)?:(?://|/)", re.ASCII)
_ABOUT = r"(?:DATABASE|DB|SQL|SQLITE|SQLALCHEMY|POSTGRES|POSTGRESQL|PG|PSQL|ALEMBIC|MIGRATIONS?)"
_URL_NAME = re.compile(rf"(?:.*_)?{_ABOUT}(?:_.*)?_?(?:URL|URI|DSN)(?:_.*)?\Z")
_PART_NAME = re.compile(
    rf"(?:.*_)?{_ABOUT}_?(?:.*_)?(HOST|HOSTADDR|HOSTNAME|SERVER|PORT|USER|USERNAME|PASS|PASSWORD|PWD|NAME|DB|DATABASE|"
    r"PATH|FILE)\Z"
)
_PARTS = {
    "HOST": "host", "HOSTADDR": "host", "HOSTNAME": "host", "SERVER": "host", "PORT": "port", "USER": "username",
    "USERNAME": "username", "PASS": "password", "PASSWORD": "password", "PWD": "password", "NAME": "database",
    "DB": "database", "DATABASE": "database", "PATH": "database", "FILE": "database",
}  # fmt: skip
_MODES = frozenset(
    {
        "ENV", "ENVIRONMENT", "APP_ENV", "APP_ENVIRONMENT", "APP_SETTINGS", "APP_CONFIG", "FLASK_ENV", "FLASK_APP",
        "PYTHON_ENV", "FASTAPI_ENV", "STAGE", "DEBUG", "TESTING", "CONFIG", "CONFIG_FILE", "SETTINGS_MODULE",
        "ENV_FOR_DYNACONF", "ENV_FILE",
    }
)  # fmt: skip


def is_url(text: str) -> bool:
    """Whether a value looks like a database URL."""
    return _URL.match(text) is not None


def is_mode(name: str) -> bool:
    """Whether a name is one of those that choose among a project's own configurations."""
    return name in _MODES


def is_connection(name: str, value: str) -> bool:
    """Whether a variable says where a database is, or a part of it."""
    return is_url(value) or _URL_NAME.match(name) is not None or _PART_NAME.match(name) is not None


def concerns(name: str, value: str) -> bool:
    """Whether a project needs a variable to find its database: a connection, a part of one, or its mode."""
    return is_connection(name, value) or is_mode(name)


def as_text(url: DatabaseUrl, like: str = "") -> str:
    """The URL in SQLAlchemy's form, with the scheme of `like` where that is of the same engine.

    A project may have only one driver installed, and its own URL is what names it.
    """
    scheme = like.partition(":")[0]
    engine = scheme.partition("+")[0].lower()
    if engine not in (url.engine, "postgres" if url.engine == "postgresql" else url.engine):
        scheme = f"{url.engine}+{url.driver}" if url.driver and url.engine != "sqlite" else url.engine
    if url.engine == "sqlite":
        return f"{scheme}:///{url.database}"
    user = quote(url.username, safe="")
    password = f":{quote(url.password, safe='')}" if url.password else ""
    host = f"[{url.host}]" if ":" in url.host else url.host
    place = f"{user}{password}@" if user else ""
    # SQLAlchemy decodes user and password, but takes the database's name as it stands.
    return f"{scheme}://{place}{host}{f':{url.port}' if url.port else ''}/{url.database}"


def redirected(
    names: Iterable[Variable], current: Mapping[str, str], url: DatabaseUrl, like: str = ""
) -> dict[str, str]:
    """What the variables a project reads must say to mean `url`; `current` holds what they say now.

    `like` is a URL of the project's own from elsewhere, for its scheme.
    """
    known = {variable.name: current.get(variable.name) or variable.default for variable in names}
    like = next((value for value in known.values() if is_url(value)), like)
    told: dict[str, str] = {}
    for name, value in known.items():
        if is_url(value) or _URL_NAME.match(name):
            told[name] = as_text(url, value if is_url(value) else like)
        elif (part := _PART_NAME.match(name)) is not None:
            told |= _part(name, _PARTS[part.group(1)], url)
    return told


def _part(name: str, part: str, url: DatabaseUrl) -> dict[str, str]:
    if url.engine == "sqlite":
        return {name: url.database} if part == "database" else {}
    words = {
        "host": url.host, "port": str(url.port or ""), "username": url.username, "password": url.password,
        "database": url.database,
    }  # fmt: skip
    return {name: words[part]}


def libpq(url: DatabaseUrl, nowhere: str) -> dict[str, str]:
    """What libpq falls back to where a URL says less; `nowhere` is a file that does not exist.

    The person's own password and service files stay out of reach: their credentials are those of real databases.
    """
    told = {"PGPASSFILE": nowhere, "PGSERVICEFILE": nowhere}
    if url.engine == "postgresql":
        told |= {
            "PGHOST": url.host, "PGPORT": str(url.port or ""), "PGUSER": url.username, "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
        }  # fmt: skip
    return {name: value for name, value in told.items() if value}
