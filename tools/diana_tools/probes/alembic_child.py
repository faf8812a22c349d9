"""What the programs for Alembic share inside the project's interpreter: 3.8 and later, nothing of Diana's."""

import argparse
import hashlib
import json
import os
import re
import sys
import traceback
from pathlib import Path
from urllib.parse import quote

import alembic_files as files

MARK = "@@DIANA@@"
DRIVERS = ("psycopg", "psycopg2", "asyncpg", "pg8000", "aiosqlite", "MySQLdb", "pymysql", "oracledb", "pyodbc")

secrets = set()
refusals = []


class Refused(RuntimeError):
    """A connection or a way out that must not be used; `code` tells why."""

    def __init__(self, code, words):
        super().__init__(words)
        self.code = code


def refuse(code, words):
    """Remember the refusal (a project may swallow the exception) and give the exception to raise."""
    error = Refused(code, words)
    refusals.append(error)
    return error


def cause_of(error):
    """The refusal behind an exception, however it was wrapped; else the exception itself."""
    seen = error
    while seen is not None:
        if isinstance(seen, Refused):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error


def private_stdout():
    """Keep the real standard output for Diana; whatever the project prints goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    sys.stdout.flush()
    os.dup2(2, 1)
    return kept


def report(kept, body):
    """One marked line of JSON, on a line of its own whatever the project printed before."""
    sys.stdout.flush()
    sys.stderr.flush()
    halved = next(_halved(body), None)
    if halved is not None:
        # Half a character stands for a byte of a name that is no UTF-8; nobody could read such an answer.
        body = {"error": "name_not_text", "words": halved.encode("utf-8", "backslashreplace").decode()[:300]}
    kept.write("\n" + MARK + json.dumps(body) + "\n")
    kept.flush()


def _halved(value):
    """The texts in an answer that hold half a character."""
    if isinstance(value, str):
        if re.search("[\ud800-\udfff]", value):
            yield value
    elif isinstance(value, (dict, list, tuple)):
        for one in value.items() if isinstance(value, dict) else value:
            yield from _halved(one)


def relative(path, root):
    """A path as seen from the project's root, with `..` for what lies outside."""
    return Path(os.path.relpath(str(Path(path).resolve()), str(root))).as_posix()


def sha256(path):
    """Hex digest of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def new_parser():
    """A parser for what all programs are told: the project's root, the config and its section."""
    parser = argparse.ArgumentParser(prog="diana", allow_abbrev=False)
    parser.add_argument("--root", type=lambda text: Path(text).resolve(), default=Path.cwd())
    parser.add_argument("-c", dest="config", default="alembic.ini")
    parser.add_argument("-n", dest="section", default="alembic")
    return parser


def like_python_m_alembic():
    """Make `sys.path` what `python -m alembic` would have, and import Alembic before the project's folder counts.

    The order matters: the project's folder of migrations is often named `alembic` too, and with an `__init__.py`
    in it `python -m alembic` itself would fail.
    """
    files.take_no_byte_code()
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    import alembic.command
    import alembic.config  # noqa: F401

    if not os.environ.get("PYTHONSAFEPATH"):
        sys.path.insert(0, str(Path.cwd()))


def configuration(chosen, words):
    """Alembic's own (command line, Config, options) for `words` ("upgrade", "heads"), as its own `main` makes them."""
    from alembic.config import CommandLine, Config

    line = ["-c", chosen.config, "-n", chosen.section, *words]
    command = CommandLine(prog="alembic")
    options = command.parser.parse_args(line)
    sys.argv = ["alembic", *line]
    if not hasattr(command, "_inis_from_config"):
        return command, Config(file_=chosen.config, ini_section=chosen.section, cmd_opts=options), options
    toml, ini = command._inis_from_config(options)
    return command, Config(file_=ini, toml_file=toml, ini_section=chosen.section, cmd_opts=options), options


def run_environment(config, script, fn, **options):
    """Run the project's env.py with `fn(heads, context)` choosing the steps, as every Alembic command does."""
    from alembic.runtime.environment import EnvironmentContext

    with EnvironmentContext(config, script, fn=fn, **options):
        script.run_env()


def steps(script, direction, targets, heads):
    """The steps from `heads` to exactly `targets` (none: before the first migration), in order."""
    if direction == "up":
        return script._upgrade_revs(targets[0] if len(targets) == 1 else tuple(targets), heads)
    if len(targets) < 2:
        return script._downgrade_revs(targets[0] if targets else "base", heads)
    from alembic.runtime.migration import MigrationStep

    doomed = applied(script, heads) - applied(script, tuple(targets))
    return [
        MigrationStep.downgrade_from_script(script.revision_map, one)
        for one in script.walk_revisions()
        if one.revision in doomed
    ]


def applied(script, heads):
    """Ids of the revisions that a database at `heads` has: they, and all they came from."""
    tops = script.get_revisions(heads)
    return {one.revision for one in script.revision_map._get_ancestor_nodes(tops, include_dependencies=True)}


def announce(log):
    """Stand in for Alembic's log of migrations, so that "Running upgrade A -> B" is seen whatever the project logs."""
    import logging

    class Spoken:
        def __getattr__(self, name):
            return getattr(log, name)

        def info(self, message, *arguments, **options):
            log.info(message, *arguments, **options)
            if message.startswith("Running") and not _shown(log, logging):
                sys.stderr.write("INFO  [alembic.runtime.migration] " + message % arguments + "\n")
                sys.stderr.flush()

    return Spoken()


def _shown(log, logging):
    """Whether the project's own logging puts an INFO line of `log` on a stream of this process."""
    if not log.isEnabledFor(logging.INFO):
        return False
    while log is not None:
        for sink in log.handlers:
            if getattr(sink, "stream", None) in (sys.stderr, sys.stdout) and sink.level <= logging.INFO:
                return True
        log = log.parent if log.propagate else None
    return False


def clean(text):
    """Without any password that was seen, and without the password part of any URL."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret), quote(secret, safe="")}:
            text = text.replace(form, "***")
    return re.sub(r"(://[^\s:/@'\"]*):[^\s/'\"]+@", r"\1:***@", text)


_WORDS = (
    (r"refused|could not connect|timeout expired|Network is unreachable|No route to host", "connection_refused"),
    (r"could not translate host name|Name or service not known|failed to resolve host", "host_unknown"),
    (r"password authentication failed|no password supplied|fe_sendauth", "wrong_password"),
    (r'database "[^"]*" does not exist', "no_such_database"),
    (r"file is not a database|file is encrypted", "not_a_database"),
    (r"database is locked", "database_locked"),
    (r"unable to open database file", "database_unreadable"),
    (r"unsupported startup parameter", "pooler"),
    (r"read-only transaction|readonly database", "env_writes"),
    (r"sqlalchemy\.dialects:driver\b", "url_placeholder"),
    (r"No 'script_location' key", "config_no_location"),
    (r"Expected string or URL object, got None|^'url'$", "url_missing"),
    (r"No config file '.*' found|doesn't exist.  Please use the 'init'", "config_broken"),
)
_VARIABLES = (
    r"^(\w+) not found\. Declare it as envvar",
    r"[Ee]nvironment variable \"?(\w+)\"? not set",
    r"^Set the (\w+) environment variable",
)


def code_of(error):
    """The code for an exception of the project's, of Alembic's or of the driver's."""
    if isinstance(error, Refused):
        return error.code
    if isinstance(error, ModuleNotFoundError):
        top = str(error.name).split(".")[0]
        return "driver_missing" if top in DRIVERS else "dependency_missing"
    if missing_variable(error):
        return "variable_missing"
    kind, text = type(error).__name__, str(error)
    if kind.startswith("Interpolation"):
        return "config_percent"
    if type(error).__module__ == "configparser" or kind == "TOMLDecodeError":
        return "config_broken"
    if kind == "ArgumentError" and "Could not parse" in text:
        return "url_unreadable"
    for pattern, code in _WORDS:
        if re.search(pattern, text):
            return code
    return "url_dialect_unknown" if kind == "NoSuchModuleError" else "env_failed"


def missing_variable(error):
    """The environment variable that the project wanted and did not get; empty when it is about something else."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, KeyError) and frames and frames[-1].filename in ("<frozen os>", os.__file__):
        return str(error.args[0])
    for pattern in _VARIABLES:
        found = re.search(pattern, str(error))
        if found:
            return found.group(1)
    if type(error).__name__ == "ValidationError" and callable(getattr(error, "errors", None)):
        wanted = [str(one["loc"][-1]).upper() for one in error.errors() if one.get("type") == "missing" and one["loc"]]
        return ", ".join(wanted[:5])
    return ""


def _inside(name, root):
    return not name.startswith("<") and "site-packages" not in name and root in Path(name).resolve().parents


def words_of(error, root):
    """What happened in one line without secrets, with the project's own file and line where it was raised."""
    code = code_of(error)
    if isinstance(error, Refused):
        return clean(str(error))
    if code == "variable_missing":
        return missing_variable(error)
    if code in ("url_unreadable", "config_percent"):
        # Their texts quote the URL, which may hold a password that nobody could parse out of it.
        return " ".join(str(getattr(error, name, "")) for name in ("section", "option")).strip()
    if isinstance(error, SyntaxError) and error.filename:
        return clean(f"{relative(error.filename, root)}:{error.lineno}: {type(error).__name__}: {error.msg}")
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    words = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _inside(frame.filename, root)]
    if frames:
        words = f"{relative(frames[-1].filename, root)}:{frames[-1].lineno}: {words}"
    return clean(words)[:1000]
