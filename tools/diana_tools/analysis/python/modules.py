"""Which modules are known: only their imports run nothing that a reader must see, and only their calls are trusted."""

from __future__ import annotations

# Parts of the standard library that migrations use, and whose functions only compute, name or log.
_COMPUTING_WORDS = """
__future__ abc base64 binascii bisect calendar collections contextlib copy csv dataclasses datetime decimal enum
fractions functools hashlib heapq hmac html io ipaddress itertools json keyword logging math numbers operator pathlib
pprint random re secrets statistics string struct textwrap time traceback types typing unicodedata uuid warnings
zoneinfo
"""
_COMPUTING = frozenset(_COMPUTING_WORDS.split())
# Parts that reach files, processes, other code or names: harmless to load, a gap to call.
_REACHING_WORDS = """
argparse ast asyncio concurrent configparser glob gzip importlib inspect os pickle platform shlex shutil socket
sqlite3 subprocess sys tempfile threading urllib zipfile
"""
_REACHING = frozenset(_REACHING_WORDS.split())
_OS_HARMLESS = frozenset({"getenv", "get", "getcwd", "listdir", "join", "dirname", "basename", "abspath", "exists"})
# Modules inside those that compute which make objects of whatever a text names.
_CONFIGURING = ("logging.config.", "logging.handlers.")

SQLALCHEMY = frozenset({"sqlalchemy", "sqlmodel", "sqlalchemy_utils", "geoalchemy2", "advanced_alchemy", "pgvector"})
"""SQLAlchemy, and packages of types for it."""

_PURE_WORDS = """
structlog loguru tqdm pytz dateutil pendulum slugify bcrypt ulid uuid6 orjson ujson uuid_extensions uuid_utils
cryptography nanoid typing_extensions packaging
"""
PURE = frozenset(_PURE_WORDS.split())
"""Packages whose functions compute or log, and never touch a database."""

# Packages that do nothing when they are loaded; a call of theirs is a gap.
_LOADED_WORDS = """
alembic alembic_postgresql_enum alembic_utils aiosqlite asyncpg attr attrs citext faker fastapi_storages
fastapi_users_db_sqlalchemy fastapi_utils flask flask_migrate flask_sqlalchemy greenlet msgspec numpy oslo_utils pg8000
psycopg psycopg2 pydantic pymysql shapely snowflake sqlalchemy_continuum sqlalchemy_file sqlalchemy_json
sqlalchemy_searchable six yaml
"""
_LOADED = frozenset(_LOADED_WORDS.split())
_KNOWN = _COMPUTING | _REACHING | SQLALCHEMY | PURE | _LOADED


def known(module: str) -> bool:
    """Whether loading a module, by its dotted path, runs no code of the project."""
    return module.partition(".")[0] in _KNOWN


def computes(path: str) -> bool:
    """Whether a call of this dotted path of the standard library only computes."""
    root, _, rest = path.partition(".")
    if root == "os":
        return rest.rpartition(".")[2] in _OS_HARMLESS
    return path.startswith("urllib.parse.") or (root in _COMPUTING and not path.startswith(_CONFIGURING))
