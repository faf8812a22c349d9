"""A tool's child: exactly which variables it sees, and what of its output is ever written, shown or held."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from diana_tools import committed, own_programs
from diana_tools.command import Output, ReadCommand, WriteCommand
from diana_tools.executor import Executor, child_environment
from diana_tools.permit import Act, Operation, Permit, Use
from diana_tools.redaction import Redactor

SECRET = "zebra'crossing%42 ü"
ENVIRON = {
    "PATH": "/usr/bin:/bin", "HOME": "/nowhere", "APP_PASSWORD": SECRET, "WISHED_TOKEN": "wished-for-token",
    "HTTPS_PROXY": "http://me:proxy-pass-1@proxy:1",
}  # fmt: skip
WITHHELD = {
    "ANTHROPIC_API_KEY": "sk-ant-model", "ANTHROPIC_AUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": "http://evil",
    "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "aws-secret", "AWS_SESSION_TOKEN": "s", "AWS_PROFILE": "p",
    "AZURE_STORAGE_KEY": "z", "GOOGLE_APPLICATION_CREDENTIALS": "/g", "LD_PRELOAD": "/evil.so", "LD_LIBRARY_PATH": "/x",
    "DYLD_INSERT_LIBRARIES": "/x", "BASH_ENV": "/evil", "PYTHONSTARTUP": "/evil.py", "NODE_OPTIONS": "--require evil",
    "GIT_SSH_COMMAND": "evil", "GIT_CONFIG_PARAMETERS": "'core.pager'='evil'", "DIANA_CONFIG": "/evil.toml",
    "PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION": "yes", "DISABLE_DATABASE_ENVIRONMENT_CHECK": "1",
}  # fmt: skip


class NoRedeemer:
    """Every permit is good: what is tested lies behind the permit."""

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        """Let it pass."""


@dataclass
class Desk:
    """An executor and what was shown live; `start` runs a Python program as a changing command."""

    folder: Path
    environ: Mapping[str, str]
    wished: tuple[str, ...] = ()
    shown: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.executor = Executor(
            NoRedeemer(), lambda: True, self.environ, self.folder / "runs", self.wished, Redactor()
        )

    async def change(self, code: str, env: Mapping[str, str] | None = None, timeout: float = 60.0) -> tuple[str, int]:
        """Run a program to its end: (what its log holds, its exit code)."""
        command = WriteCommand((sys.executable, "-I", "-c", code), self.folder, dict(env or {}), timeout=timeout)
        use = Use("run", command.digest)
        operation = Operation(Act.APPLY, "toy", "1" * 32, "2" * 64, (use,), "e")
        permit = Permit("p1", Act.APPLY, "digest", "identity", None, "none", datetime.now(UTC))
        changed = await self.executor.change(command, permit, operation, use, self.shown.append)
        assert stat.S_IMODE((changed.log / "output.log").stat().st_mode) == 0o600
        return (changed.log / "output.log").read_text(), changed.output.exit_code


def processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


async def test_a_child_sees_exactly_what_is_meant_for_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ENVIRON | WITHHELD, ("WISHED_TOKEN", *WITHHELD))
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    meant = {name: ENVIRON[name] for name in ("PATH", "HOME", "HTTPS_PROXY", "WISHED_TOKEN")}
    declared = {"DATABASE_URL": "sqlite:///x"} | WITHHELD
    looked = await desk.executor.query(ReadCommand((sys.executable, "-I", "-c", code), tmp_path, declared))
    assert _without_locale(looked.stdout) == meant | {"DATABASE_URL": "sqlite:///x"}
    log, _ = await desk.change(code, declared)
    assert _without_locale(log) == meant | {
        "DATABASE_URL": "sqlite:///x", "WISHED_TOKEN": "***", "HTTPS_PROXY": "http://me:***@proxy:1"
    }  # fmt: skip


def _without_locale(text: str) -> dict[str, str]:
    """The variables of a child, without the one that Python itself sets in the C locale."""
    found: dict[str, str] = json.loads(text)
    found.pop("LC_CTYPE", None)
    return found


async def test_no_secret_is_in_the_log_at_any_moment_nor_in_argv_nor_in_the_supervisor(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ENVIRON)
    code = (
        "import os, sys, time\nword = os.environ['CHILD_SECRET'].encode()\n"
        "def say(raw):\n    os.write(1, raw); time.sleep(0.25)\n"
        "say(b'it is ' + word[:9])\nsay(word[9:] + b', and \\x1b[1m')\n"
        "os.write(2, word + b'\\n')\nsay(repr(word.decode()).encode())"
    )
    running = asyncio.ensure_future(desk.change(code, {"CHILD_SECRET": SECRET}))
    log, told = tmp_path / "runs" / "p1-run" / "output.log", set[bytes]()
    while not running.done():
        told.add(log.read_bytes() if log.exists() else b"")
        for process in processes():
            _holds_no_secret(process)
        await asyncio.sleep(0.02)
    text, code_of_exit = await running
    assert code_of_exit == 0
    assert len(told) > 2, "what a child says is written while it runs"
    assert not any(b"zebra" in one or b"crossing" in one for one in told)
    assert text == "it is ***, and \x1b[1m***\n'***'".replace("'***'", '"***"')
    assert desk.shown == ["it is ***, and ***", '"***"']


def _holds_no_secret(process: psutil.Process) -> None:
    try:
        words, supervisor = process.cmdline(), any("supervisor" in word for word in process.cmdline())
        environ = process.environ() if supervisor else {}
    except psutil.Error:
        return
    assert not any("zebra" in word for word in words)
    assert set(environ) <= {"HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "LC_CTYPE"}


async def test_what_a_command_leaves_running_holds_nobody_up_and_is_masked_too(tmp_path: Path) -> None:
    desk, mark = Desk(tmp_path, ENVIRON), tmp_path / "left.done"
    left = f"import pathlib, time; time.sleep(1.5); print('later', {SECRET!r}, flush=True); "
    left += f"pathlib.Path({str(mark)!r}).touch()"
    code = f"import subprocess, sys; print('now'); subprocess.Popen([sys.executable, '-I', '-c', {left!r}])"
    text, exit_code = await desk.change(code)
    assert (text, exit_code, mark.exists()) == ("now\n", 0, False)
    log = tmp_path / "runs" / "p1-run" / "output.log"
    for _ in range(400):
        if mark.exists() and "later" in log.read_text():
            break
        await asyncio.sleep(0.05)
    assert log.read_text() == "now\nlater ***\n"


async def test_a_child_that_never_stops_talking_is_ended_at_its_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ENVIRON)
    code = f"import signal\nsignal.signal(15, signal.SIG_IGN)\nwhile True: print({SECRET!r}, end='')"
    text, exit_code = await desk.change(code, timeout=0.5)
    assert exit_code == -9
    assert set(text) == {"*"}
    assert all(set(line) <= {"*", "…"} for line in desk.shown)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/usr/bin::.:bin:/bin", "/usr/bin:/bin"),
        ("", os.defpath),
        ("node_modules/.bin", os.defpath),
        ("{open}:/bin", "/bin"),
    ],
)
def test_a_child_searches_no_folder_that_depends_on_where_it_stands(tmp_path: Path, path: str, kept: str) -> None:
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    assert child_environment({"PATH": path.format(open=place)}, {})["PATH"] == kept


def test_a_planted_program_is_not_one_of_dianas_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def program(folder: str, mode: int = 0o755, of_folder: int = 0o755) -> Path:
        path = tmp_path / folder / "git"
        path.parent.mkdir(parents=True)
        path.touch()
        path.chmod(mode)
        path.parent.chmod(of_folder)
        return path

    good = program("elsewhere/bin")
    link = tmp_path / "link"
    link.symlink_to(program("project/bin"))
    own_programs.never_from(tmp_path / "project")
    assert own_programs.trusted(good)
    assert not own_programs.trusted(link)
    assert not own_programs.trusted(program("project/node_modules/.bin"))
    assert not own_programs.trusted(program("all/bin", of_folder=0o777))
    assert not own_programs.trusted(program("file/bin", mode=0o777))
    assert not own_programs.trusted(tmp_path / "missing")
    above = program("above/x/bin")
    (tmp_path / "above").chmod(0o777)
    assert not own_programs.trusted(above)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert not own_programs.trusted(good), "the folder one stands in"
    found = own_programs.find("git")
    assert found is not None
    assert str(found).startswith("/usr")


def test_git_is_asked_for_hashes_and_runs_nothing_of_a_repositorys_settings(tmp_path: Path) -> None:
    mark, git = tmp_path / "ran", own_programs.find("git")
    assert git is not None
    project = tmp_path / "shop"
    (project / "migrations").mkdir(parents=True)
    (project / "migrations/0001.py").write_text("one = 1\n")
    (project / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run((str(git), *words), cwd=project, check=True, capture_output=True)
    hook = f"touch '{mark}'; cat #"
    for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "core.pager",
                 "core.sshCommand", "diff.external", "credential.helper", "alias.ls-tree"):  # fmt: skip
        subprocess.run(
            (str(git), "config", name, f"!{hook}" if name.startswith("alias") else hook), cwd=project, check=True
        )

    def asked() -> bool | None:
        command = committed.command(git, project, "migrations")
        environ = child_environment(os.environ, command.env)
        assert environ["GIT_ALLOW_PROTOCOL"] == "none"
        done = subprocess.run(command.argv, cwd=project, env=environ, capture_output=True, text=True)
        return committed.same(_output(done), project, "migrations")

    (project / "migrations/__pycache__").mkdir()
    (project / "migrations/__pycache__/x.pyc").touch()
    os.utime(project / "migrations/0001.py", (1, 1))
    assert asked() is True
    (project / "migrations/0001.py").write_text("one = 2\n")
    assert asked() is False
    (project / "migrations/0001.py").write_text("one = 1\n")
    (project / "migrations/0002.py").write_text("two = 2\n")
    assert asked() is False
    (project / "migrations/0002.py").unlink()
    (project / "migrations/0001.py").unlink()
    assert asked() is False
    # A commit whose tree is missing would be fetched, by a program of the repository's own choice.
    promised = {
        "extensions.partialClone": "origin", "remote.origin.promisor": "true", "core.repositoryFormatVersion": "1",
        "remote.origin.url": f"ext::/bin/touch {mark}", "protocol.ext.allow": "always",
    }  # fmt: skip
    for name, value in promised.items():
        subprocess.run((str(git), "config", name, value), cwd=project, check=True)
    for path in (project / ".git/objects").glob("??/*"):
        path.unlink()
    assert asked() is None
    assert not mark.exists()


def _output(done: subprocess.CompletedProcess[str]) -> Output:
    return Output(done.returncode, done.stdout, done.stderr, 0.0)
