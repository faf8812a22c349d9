"""Where secrets stand: connections, the environment, `.env` files, ini files; and how each may be written in output."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from diana_tools.domain import DatabaseUrl
from diana_tools.files import bounded_text
from diana_tools.redaction import plain

SHORTEST = 4
"""Fewer characters would mask half of any text, and a mask in every word tells more than it hides."""

_DIGITS = 6
_LONGEST_FILE = 256 * 1024
_MOST_FILES = 20
_COMMON = frozenset(
    {
        "admin", "administrator", "alembic", "auto", "client", "database", "default", "demo", "diana", "disable",
        "disabled", "enable", "enabled", "false", "guest", "host", "local", "localhost", "mariadb", "master", "mysql",
        "none", "null", "password", "passwd", "postgres", "postgresql", "prefer", "private", "production", "public",
        "pwd", "require", "required", "root", "secret", "server", "sqlite", "staging", "superuser", "system", "test",
        "testing", "tests", "token", "true", "user", "username",
    }
)  # fmt: skip
_NAME = re.compile(
    r"(?i)pass(?:word|wd|phrase)|secret|token|credential|(?:api|access|private|signing|encryption|account)_?key"
    r"|(?:^|_)(?:key|pwd|pass|pat|auth)(?:_|$)"
)
_PLACE = re.compile(r"(?i)(?:file|path|dir|folder|sock|home|name|url|uri)$|^(?:old)?pwd$|ttl$|timeout$|algorithm$|_id$")
_LOGIN = re.compile(r"://[^\s:/@'\"]*:([^\s'\"]+)@")
_OPTION = re.compile(r"(?i)(?:^|[?&\s])(?:ssl)?password=([^\s&'\"]+|'[^']*')|[?&](?:pragma_key|key|token)=([^\s&'\"]+)")
_ASSIGNED = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][\w.\-]*)\s*[=:]\s*(.*?)\s*$")
_QUERY = frozenset({"password", "passwd", "pwd", "sslpassword", "key", "pragma_key"})


def forms(secrets: Iterable[str], known: Iterable[str] = ()) -> Iterator[str]:
    """The secrets as output may show them: plain, and as URLs, JSON, Python, SQL, ini and password files write them.

    Left out is what is shorter than `SHORTEST`, a number of fewer than six digits, a common word, and what is
    in `known` (a user's, a database's or a host's name): masked wherever it stood it would make every text
    unreadable, and the mask would tell the secret. Where such a word stands as a password it is masked all the same.
    """
    common = _COMMON | {word.lower() for word in known}
    for secret in secrets:
        for word in _words(secret):
            if len(word) >= SHORTEST and word.lower() not in common and not (word.isdigit() and len(word) < _DIGITS):
                yield from (form for form in _written(word) if len(form) >= SHORTEST)


def _words(secret: str) -> Iterator[str]:
    """The secret, and each line of one that has several, because tools print line by line."""
    secret = secret.strip("\r\n")
    yield secret
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) > 7 and line[:5] != "-----")


def _written(word: str) -> Iterator[str]:
    slashed = word.replace("\\", "\\\\")
    yield from (word, plain(word, len(word) + 1), repr(word)[1:-1], ascii(word)[1:-1])
    yield from (json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1], html.escape(word))
    yield from (word.replace("'", "''"), slashed.replace("'", "\\'"), slashed.replace(":", "\\:"), slashed)
    yield word.replace("%", "%%")
    raw = word.encode("utf-8", "surrogateescape")
    for coded in (quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="!$&'()*+,;=~-._")):
        yield coded
        yield coded.replace("%", "%%")
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found.group().lower(), coded)


def of_url(url: DatabaseUrl) -> tuple[str, ...]:
    """A connection's password, and those in its query."""
    return (url.password, *(value for name, value in url.query if name.lower() in _QUERY))


def forms_of_url(url: DatabaseUrl) -> tuple[str, ...]:
    """The same as output may show them; a password that is the user's or the database's name is a common word."""
    return tuple(dict.fromkeys(forms(of_url(url), (url.username, url.database, url.host))))


def of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """Values of variables with a name like a secret's, and the passwords in any value that is a connection.

    A value that is the path of something that exists is no secret.
    """
    for name, value in environ.items():
        yield from of_text(value)
        if _secret(name) and "://" not in value and not (value.startswith("/") and os.path.lexists(value)):
            yield value


def of_text(text: str) -> Iterator[str]:
    """Passwords of URLs and of `password=` options in a text, as they are written and decoded."""
    for found in _LOGIN.finditer(text):
        # A password may hold an unescaped @ or /, and what follows the address too: every reading is taken.
        rest = found[1]
        ends = [at for at, letter in enumerate(rest) if letter == "@"][:5]
        for word in (*(rest[:at] for at in ends), rest):
            yield word
            yield unquote(word)
    for found in _OPTION.finditer(text):
        word = (found[1] or found[2]).strip("'")
        yield word
        yield unquote(word)


def of_file(path: Path) -> Iterator[str]:
    """What stands in an ini or `.env` file: passwords of its URLs, and values of its secret-looking names."""
    text = bounded_text(path, _LONGEST_FILE)
    yield from of_text(text.replace("%%", "%"))
    for line in text.splitlines():
        found = _ASSIGNED.match(line)
        if found is None or not _secret(found[1]) or "://" in found[2]:
            continue
        value = found[2]
        if value[:1] in ("'", '"') and value.count(value[0]) > 1:
            value = value[1 : value.index(value[0], 1)]
        else:
            yield value.partition(" #")[0].rstrip()
        yield value


def of_folders(folders: Iterable[Path]) -> Iterator[str]:
    """What stands in the `.env` files of some folders, whatever they are called after the dot."""
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob(".env*"))[:_MOST_FILES]:
            yield from of_file(path)


def _secret(name: str) -> bool:
    return _NAME.search(name) is not None and _PLACE.search(name) is None
