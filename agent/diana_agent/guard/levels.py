"""How careful a database must be treated: the highest of everything that was said (guard's design, 8)."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from diana_config.environments import obvious_level
from diana_config.errors import SettingsError
from diana_config.known import Known
from diana_config.settings import EnvironmentSetting, Settings, Tier
from diana_tools.domain import Environment, Identity, Level

_PORTS = {"postgresql": 5432}


@dataclass(frozen=True, slots=True)
class Claims:
    """Everything an environment is settled from; none of it ever came from a model.

    `identity` is the pinned identity's digest; `database` is the name, for SQLite the absolute path; `port` None is
    the engine's usual one. `last` is what this identity was last run as, `relative` the most careful level of a
    database with the same origin (`kinship`). `started` says that Diana started this very server herself.

    Of a SQLite file: `links` is how many names it has, `same_file` holds the environments that name it by another
    path, and `same_run` the most careful level it was run as under any path that still leads to it.
    """

    settings: Settings
    identity: str
    engine: str
    host: str
    database: str
    last: Known | None = None
    relative: Known | None = None
    started: bool = False
    port: int | None = None
    links: int = 1
    same_file: tuple[EnvironmentSetting, ...] = ()
    same_run: Known | None = None
    hostaddr: str = ""
    """Where the socket goes, whatever `host` says (libpq): then both have to be named, and the higher counts."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """One source's word. `names` says that it names this database, and does not only raise its level."""

    who: str
    name: str
    level: Level
    names: bool = False

    @property
    def spoken(self) -> str:
        return f"{self.who} {self.name} {self.level.value}"


def kinship(identity: Identity) -> str:
    """What a database has in common with itself behind a tunnel and with its clones: 32 hex characters.

    Empty for SQLite, whose numbers are used again by the file system.
    """
    if identity.engine == "sqlite":
        return ""
    body = json.dumps([identity.engine, identity.server, identity.database])
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def settle(claims: Claims) -> Environment | None:
    """The environment, or None where nobody has named this database and the person must be asked.

    `because` holds one entry a source that spoke, `<who> <name> <level>`, for `because_fields`.

    Raises:
        SettingsError: `environment_unmapped`, for a name whose level nobody has given.
    """
    if claims.hostaddr:
        return _of_both(replace(claims, hostaddr=""), replace(claims, host=claims.hostaddr, hostaddr=""))
    found = tuple(_claims(claims))
    if not found:
        return None
    level = max((claim.level for claim in found), key=lambda one: one.rank)
    if level is not Level.PRODUCTION and not any(claim.names for claim in found):
        return None
    top = next(claim for claim in found if claim.level is level)
    return Environment(top.name, level, tuple(claim.spoken for claim in found))


def _of_both(by_name: Claims, by_address: Claims) -> Environment | None:
    """The more careful of two readings of one place; None where one of them is nobody's."""
    named, there = settle(by_name), settle(by_address)
    if named is None or there is None:
        return next((one for one in (named, there) if one and one.level is Level.PRODUCTION), None)
    return max(named, there, key=lambda one: one.level.rank)


def because_fields(entry: str) -> tuple[str, dict[str, str]]:
    """The catalogue's id (`because.<who>`) and fields of one entry of `because`."""
    who, _, rest = entry.partition(" ")
    name, _, level = rest.partition(" ")
    return f"because.{who}", {"name": name, "level": level}


def _claims(claims: Claims) -> Iterator[_Claim]:
    """All claims, in the order in which one of the same level gives the name."""
    words = list(_words(claims))
    yield from (claim for claim in words if claim.who == Tier.FLAG.value)
    yield from _mapped(claims)
    if claims.last is not None:
        yield _Claim("last", claims.last.name, Level(claims.last.level), names=True)
    if claims.relative is not None and _higher(claims.relative, claims.last) and not _told_apart(claims):
        yield _Claim("relative", claims.relative.name, Level(claims.relative.level))
    yield from _same_files(claims)
    yield from (claim for claim in words if claim.who != Tier.FLAG.value)
    yield from _of_project(claims)
    # A file with a second name may be anybody's.
    if claims.started or (claims.engine == "sqlite" and claims.links == 1):
        yield _Claim("own", Level.DEV.value, Level.DEV, names=True)


def _words(claims: Claims) -> Iterator[_Claim]:
    """Each tier's own word for the environment: it may raise, and never names a database by itself."""
    settings = claims.settings
    for word in settings.words:
        levels = [one.level for one in settings.environments if one.name == word.name]
        levels += [one.level for one in settings.project_environments if one.name == word.name]
        levels = levels or [obvious_level(word.name)]
        if not levels[0]:
            fields = {"name": word.name, "source": word.source, "file": settings.user_file}
            raise SettingsError("environment_unmapped", fields)
        yield _Claim(word.tier.value, word.name, max(map(Level, levels), key=lambda one: one.rank))


def _mapped(claims: Claims) -> Iterator[_Claim]:
    """The person's own map: by identity, else by host and name."""
    own = claims.settings.environments
    by_identity = [one for one in own if claims.identity in one.identities]
    for one in by_identity:
        yield _Claim("identity", one.name, Level(one.level), names=True)
    if by_identity:
        return
    for one in own:
        fit = _fits(one, claims)
        if fit:
            yield _Claim("place", one.name, Level(one.level), names=fit == "named")


def _same_files(claims: Claims) -> Iterator[_Claim]:
    """What was said of this very file under another path: it raises, and the person has not named this path."""
    for one in claims.same_file:
        if not _fits(one, claims):
            yield _Claim("same_file", one.name, Level(one.level))
    if claims.same_run is not None and _higher(claims.same_run, claims.last):
        yield _Claim("same_run", claims.same_run.name, Level(claims.same_run.level))


def _told_apart(claims: Claims) -> bool:
    """Whether the person named this database in a way that a tunnel cannot imitate: then it may be a clone."""
    if claims.last is not None and not _loopback(claims.host):
        return True
    return any(claim.names and (claim.who == "identity" or not _loopback(claims.host)) for claim in _mapped(claims))


def _higher(other: Known, last: Known | None) -> bool:
    return last is None or Level(other.level).rank > Level(last.level).rank


def _of_project(claims: Claims) -> Iterator[_Claim]:
    for one in claims.settings.project_environments:
        if _fits(one, claims):
            yield _Claim("project_place", one.name, Level(one.level))


def _fits(one: EnvironmentSetting, claims: Claims) -> str:
    """How well the place fits: `named`, `hinted` (it only raises), or not at all.

    A name without a host is a hint, for many servers have an `app`. So is a loopback host without name and port:
    behind another port may be a tunnel to production.
    """
    where, port = claims.host.lower().rstrip("."), claims.port or _PORTS.get(claims.engine)
    sqlite = claims.engine == "sqlite"
    there = [name for host, own, name in _places(one, claims.engine) if (host, own) == (where, port)]
    if any(_same(claims.database, name, sqlite) for name in there):
        return "named"
    database = any(_same(claims.database, said, sqlite) for said in one.databases)
    if sqlite:
        return "named" if database else ""
    return _by_host(one, where, port, database)


def _by_host(one: EnvironmentSetting, where: str, port: int | None, database: bool) -> str:
    """How well a host fits, given alone or as `host:port`, with the names where the environment gives some."""
    exact = any(_with_port(where, port, pattern) for pattern in one.hosts)
    host = exact or any(fnmatchcase(where, pattern) for pattern in one.hosts)
    if one.hosts and one.databases and not (host and database):
        return ""
    if host:
        sure = exact and database if _loopback(where) else True
        return "named" if sure else "hinted"
    return "hinted" if database else ""


def _with_port(where: str, port: int | None, pattern: str) -> bool:
    """Whether a pattern that ends in this very port fits; an IPv6 address stands in brackets there."""
    written = f"[{where}]" if ":" in where else where
    host, _, said = pattern.rpartition(":")
    return said == str(port) and (host == written or ("[" not in host and fnmatchcase(written, host)))


def _same(database: str, said: str, sqlite: bool) -> bool:
    """Whether a database goes by that name; a SQLite file also by the end of its path."""
    return database == said or (sqlite and bool(said) and database.endswith(f"/{said}"))


def _places(one: EnvironmentSetting, engine: str) -> Iterator[tuple[str, int | None, str]]:
    """Host, port and name out of a connection that the file itself spells out; a variable's content names nothing."""
    if "://" not in one.database:
        return
    try:
        parts = urlsplit(one.database)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return
    yield host.rstrip("."), port or _PORTS.get(engine), unquote(parts.path.removeprefix("/"))


def _loopback(host: str) -> bool:
    plain = host.lower().strip("[]").rstrip(".")
    if plain in ("", "localhost") or plain.endswith(".localhost") or plain.startswith(("/", "@")):
        return True
    try:
        address = ipaddress.ip_address(plain.split("%", 1)[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
