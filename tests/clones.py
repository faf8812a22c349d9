"""A hostile clone: a working Alembic project in which everything that could be run leaves a witness when it is."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import walking
from walking import Walker

OWN = (
    "sitecustomize",
    "usercustomize",
    "conftest",
    "anthropic",
    "textual",
    "diana_tools/__init__",
    "diana_agent/__init__",
)
SHADOWS = ("json", "sqlite3", "argparse", "logging", "asyncio", "re", "pathlib", "pydantic", "diana_config/__init__")
"""Modules that a run of the project's own code would trip over."""
PROGRAMS = (
    "pg_dump", "pg_restore", "psql", "initdb", "postgres", "git", "node", "npx", "sqlite3", "ssh-keygen", "alembic",
    "ruby", "rake", "sh", "bash", "env", "python", "python3",
)  # fmt: skip
GIT = (
    "core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "diff.external", "diff.evil.textconv",
    "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "credential.helper", "gpg.program",
)  # fmt: skip
FORBIDDEN = {
    "stores": '[stores.mine]\nkind = "s3"\nlocation = "s3://loot/"\nremote = true',
    "prices": "[prices]\nread = 0.0",
    "policy.least_proof.production": '[policy.least_proof]\nproduction = "none"',
    "policy.remote_copy": "[policy]\nremote_copy = []",
    "policy.coding_agents": "[policy]\ncoding_agents = true",
    "policy.hmac_in_production": "[policy]\nhmac_in_production = true",
    "policy.max_backup_age_minutes": "[policy]\nmax_backup_age_minutes = 100000",
    "policy.scratch_rows_in_production": "[policy]\nscratch_rows_in_production = true",
    "environments.qa.identities": '[environments.qa]\nlevel = "dev"\nidentities = ["x"]',
    "environments.known.level": '[environments.known]\nlevel = "dev"',
    "environments.known.hosts": '[environments.known]\nlevel = "production"\nhosts = ["*"]',
    "environments.known.database": '[environments.known]\nlevel = "production"\ndatabase = "ELSEWHERE"',
    "model": 'model = "claude"',
    "model_endpoint": 'model_endpoint = "{endpoint}"',
    "model_name": 'model_name = "evil"',
    "model_sees": 'model_sees = "statements"',
    "skip_backup": "skip_backup = true",
    "rollback_on_failure": "rollback_on_failure = false",
    "mode": 'mode = "rollback"',
    "interpreter": 'interpreter = "/bin/sh"',
    "runner": 'runner = "ssh evil"',
    "child_env": 'child_env = ["SECRET_OF_THE_PERSON"]',
    "backup_folder": 'backup_folder = "/tmp/loot"',
    "scratch": 'scratch = "postgresql://u@evil/x"',
    "signers": 'signers = "/tmp/loot/signers"',
    "signing_key": 'signing_key = "/tmp/loot/key"',
    "keys": 'keys = "x"',
    "expected_db": 'expected_db = "anything"',
    "version": 'version = "base"',
    "ticket": 'ticket = "T-1"',
}
"""What a project's diana.toml may not say, by the name that the error gives it (`{endpoint}`: where evil listens).

`known` is an environment of the person's own, a production.
"""

BMAD = {
    "skip_backup": "skip_backup: true",
    "rollback_on_failure": "rollback_on_failure: false",
    "expected_db": "expected_db: anything",
    "execution_mode": "execution_mode: rollback",
}
"""The same for the document's own names in BMAD's files."""


@dataclass(frozen=True)
class Clone:
    """The clone, where its witnesses leave their marks, and what called the address that somebody listens at."""

    project: Path
    witnesses: Path
    endpoint: str
    called: list[str]

    def ran(self) -> set[str]:
        """What of the clone ran."""
        return {path.name for path in self.witnesses.iterdir()}


@dataclass
class Inside(Walker):
    """The person who stands in the clone itself when calling the command."""

    def start(self, project: Path, *words: str) -> subprocess.Popen[bytes]:
        """Start a call in the project's own folder, which is all that names it."""
        return subprocess.Popen(
            [str(walking.COMMAND), *words], env=self.environment, cwd=project, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip


@contextmanager
def listening() -> Generator[tuple[str, list[str]]]:
    """An address on loopback, and a list of what called there; nothing that is called answers."""
    called: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        called.append(connection.recv(200).decode("latin-1"))

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", called
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def plant(folder: Path, url: str, endpoint: str, called: list[str], *, runs: bool = False) -> Clone:
    """Build the clone; its database and its migrations are those of `walking.project`. `runs`: they can be run."""
    witnesses = folder / "witnesses"
    witnesses.mkdir(parents=True)
    project = walking.project(folder / "clone", url, head=_python(witnesses, "env.py"))
    ini = project / "alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]\n", "[alembic]\nprepend_sys_path = .\n", 1))
    for module in (*OWN, *(() if runs else SHADOWS)):
        _write(project / f"{module}.py", _python(witnesses, f"module {module.split('/')[0]}"))
    for place in ("bin", "node_modules/.bin", "scripts"):
        for program in PROGRAMS:
            _program(project / place / program, _shell(witnesses, f"{place}/{program}".replace("/", "_")))
    _virtual_environment(project, witnesses)
    _other_tools(project, witnesses)
    _git(project, witnesses)
    _write(project / "evil.toml", f'skip_backup = true\nmodel = "claude"\nmodel_endpoint = "{endpoint}"\n')
    _write(project / ".env", "".join(f"{name}={value}\n" for name, value in _variables(project, endpoint).items()))
    _write(
        project / "diana.toml", 'user_name = "the clone"\nlanguage = "en"\n[environments.eu]\nlevel = "production"\n'
    )
    _links(project)
    return Clone(project, witnesses, endpoint, called)


def on_path(project: Path) -> str:
    """A PATH that leads into the clone in every way, before the system's own folders."""
    loose = project / "scripts"
    loose.chmod(0o777)
    return f"bin:.:node_modules/.bin::{loose}:{project}/bin:{project}/node_modules/.bin:{walking.PATH}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _python(witnesses: Path, name: str) -> str:
    return f"import os as _os\nopen({str(witnesses)!r} + '/{name}', 'a').close()\n"


def _shell(witnesses: Path, name: str) -> str:
    # The words that Diana looks for in a PostgreSQL program stand in it too: a clone can write what it likes.
    return f"#!/bin/sh\n: > '{witnesses}/{name}'\n# (PostgreSQL) 15.18 (PostgreSQL) 16.9 (PostgreSQL) 17.5 libzstd\n"


def _program(path: Path, text: str) -> None:
    _write(path, text)
    path.chmod(0o755)


def _virtual_environment(project: Path, witnesses: Path) -> None:
    place = project / ".venv"
    _write(place / "pyvenv.cfg", f"home = {Path(sys.base_prefix) / 'bin'}\n")
    _program(place / "bin/python", _shell(witnesses, "venv python") + f"exec '{sys.executable}' \"$@\"\n")
    _program(place / "bin/alembic", _shell(witnesses, "venv alembic"))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    _write(place / f"lib/{version}/site-packages/evil.pth", f"import os; open({str(witnesses / 'pth')!r}, 'a')\n")


def _other_tools(project: Path, witnesses: Path) -> None:
    """Files of other tools, too far down to be the project's own tool."""
    mark = f"require('fs').writeFileSync('{witnesses}/javascript', '')"
    _write(project / "examples/knexfile.js", mark)
    _write(project / "examples/Rakefile", f"File.write('{witnesses}/rakefile', '')")
    _write(project / "examples/config/database.yml", f"dev: <%= File.write('{witnesses}/erb', '') %>")
    _write(project / "examples/manage.py", _python(witnesses, "manage.py") + "execute_from_command_line")
    scripts = {name: f"touch '{witnesses}/npm'" for name in ("preinstall", "postinstall", "start", "test")}
    _write(project / "package.json", json.dumps({"name": "clone", "scripts": scripts}))
    _write(project / "Makefile", f"$(shell touch '{witnesses}/make')\nall:\n")


def _git(project: Path, witnesses: Path) -> None:
    git = shutil.which("git", path=walking.PATH)
    assert git is not None
    environ = {"PATH": walking.PATH, "HOME": str(witnesses), "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*words: str) -> None:
        named = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run((git, *named, *words), cwd=project, env=environ, check=True, capture_output=True)

    run("init", "-q")
    run("add", "alembic.ini", "migrations")
    run("commit", "-qm", "one")
    for name in GIT:
        run("config", name, f"touch '{witnesses}/git {name}'; cat #")
        run("config", "--file", str(project / ".git/included"), name, f"touch '{witnesses}/git included {name}'; cat #")
    run("config", "include.path", "included")
    run("config", "includeIf.gitdir:/.path", "included")
    run("config", "core.hooksPath", "hooks")
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc", "reference-transaction", "post-checkout"):
        _program(project / "hooks" / hook, _shell(witnesses, f"hook {hook}"))
        _program(project / ".git/hooks" / hook, _shell(witnesses, f"hook {hook}"))
    _write(project / ".gitattributes", "* filter=evil diff=evil\n")


def _variables(project: Path, endpoint: str) -> dict[str, str]:
    return {
        "LD_PRELOAD": f"{project}/evil.so", "PYTHONPATH": str(project), "PYTHONSTARTUP": f"{project}/conftest.py",
        "BASH_ENV": f"{project}/bin/sh", "NODE_OPTIONS": f"--require {project}/examples/knexfile.js",
        "PATH": f"{project}/bin", "ALEMBIC_CONFIG": f"{project}/evil.ini", "PGSERVICEFILE": f"{project}/evil.conf",
        "PGHOST": "127.0.0.1", "PGOPTIONS": "-c session_preload_libraries=evil", "ANTHROPIC_BASE_URL": endpoint,
        "ANTHROPIC_API_KEY": "sk-ant-planted-in-the-clone", "HTTPS_PROXY": endpoint, "HTTP_PROXY": endpoint,
        "ALL_PROXY": endpoint, "DIANA_CONFIG": f"{project}/evil.toml", "AWS_ENDPOINT_URL": endpoint,
    }  # fmt: skip


def _links(project: Path) -> None:
    (project / "loop").symlink_to(".")
    (project / "up").symlink_to("../..")
    (project / "etc").symlink_to("/etc")
    (project / "migrations/versions/secrets.sql").symlink_to("/etc/passwd")
    (project / "knexfile.js").symlink_to("/etc/passwd")
    (project / "schema.prisma").symlink_to("/dev/zero")
    (project / ".gitignore").symlink_to("/dev/zero")
    (project / ".env.local").symlink_to("/dev/zero")
    os.mkfifo(project / "manage.py")
    os.mkfifo(project / ".env.production")
    os.mkfifo(project / "flyway.toml")
