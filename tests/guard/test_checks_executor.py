"""Each check of the executor by itself, on real processes where one must run, and on none where none may."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import psutil
import pytest

from diana_tools import executor as ex
from diana_tools.command import CaptureCommand, ReadCommand, WriteCommand
from diana_tools.errors import ChangeFailed, DianaError, ToolError
from diana_tools.executor import Executor, child_environment, still_runs, withheld
from diana_tools.permit import Act, Use
from diana_tools.redaction import Redactor
from guard.checking import Keeper, granted

ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C", "AWS_SECRET_ACCESS_KEY": "verysecretkey", "OTHER": "x"}
FORBIDDEN = (
    "ANTHROPIC_API_KEY", "AWS_PROFILE", "AZURE_X", "GOOGLE_X", "PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION",
    "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "BASH_FUNC_ls%%", "DISABLE_DATABASE_ENVIRONMENT_CHECK",
    "PYTHONSTARTUP", "PYTHONINSPECT", "NODE_OPTIONS", "RUBYOPT", "PERL5OPT", "JAVA_TOOL_OPTIONS", "GIT_SSH_COMMAND",
    "DIANA_CONFIG",
)  # fmt: skip
RESTRICTING = ("GIT_ALLOW_PROTOCOL", "GIT_NO_LAZY_FETCH", "GIT_OPTIONAL_LOCKS")


@dataclass
class Workshop:
    """An executor over a folder, and what it was told."""

    folder: Path
    keeper: Keeper = field(default_factory=Keeper)
    trusted: bool = True
    environ: dict[str, str] = field(default_factory=lambda: dict(ENVIRON))
    wished: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.executor = Executor(
            self.keeper, lambda: self.trusted, self.environ, self.folder / "runs", child_env=self.wished
        )

    def sh(self, script: str, **changed: object) -> WriteCommand:
        return replace(WriteCommand(("/bin/sh", "-c", script), self.folder, timeout=20), **changed)

    async def change(
        self,
        command: WriteCommand,
        act: Act = Act.APPLY,
        *,
        digest: str = "",
        private: bool = False,
        line: Callable[[str], None] | None = None,
    ) -> ex.Changed:
        mine = granted(act, Use("run", digest or command.digest))
        return await self.executor.change(command, *mine, line or self.lines.append, private=private)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def look(folder: Path, script: str, **changed: object) -> ReadCommand:
    return replace(ReadCommand(("/bin/sh", "-c", script), folder, timeout=20), **changed)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_never_reaches_a_child(name: str) -> None:
    assert withheld(name)
    assert name not in child_environment({name: "x"}, {}, (name,))
    assert name not in child_environment({}, {name: "x"})


@pytest.mark.parametrize("name", RESTRICTING)
def test_what_only_restricts_may_be_declared(name: str) -> None:
    assert not withheld(name)
    assert child_environment({}, {name: "x"})[name] == "x"


def test_a_child_s_environment_is_small() -> None:
    made = child_environment(
        ENVIRON | {"WISH": "1", "PATH": "relative:/usr/bin"}, {"MINE": "2", "HOME": "/other"}, ("WISH", "GONE")
    )
    assert made == {"PATH": "/usr/bin", "HOME": "/other", "LANG": "C", "WISH": "1", "MINE": "2"}
    assert child_environment({}, {})["PATH"]


async def test_project_code_runs_after_trust_alone(shop: Workshop) -> None:
    code = look(shop.folder, "touch made; echo ran", runs_project_code=True)
    shop.trusted = False
    with pytest.raises(ToolError, match="project_not_trusted"):
        await shop.executor.query(code)
    assert not (shop.folder / "made").exists()
    assert (await shop.executor.query(look(shop.folder, "echo fine"))).stdout == "fine\n"
    shop.trusted = True
    assert (await shop.executor.query(code)).stdout == "ran\n"


class LyingRead(ReadCommand):
    """A command that looks, says its class."""

    __slots__ = ()


class LyingWrite(WriteCommand):
    """Says that it is another command than it is."""

    __slots__ = ()

    @property
    def digest(self) -> str:
        return "3" * 64


class LyingCapture(CaptureCommand):
    """A command that looks, says its class."""

    __slots__ = ()


async def test_a_command_is_exactly_of_its_kind(shop: Workshop) -> None:
    argv, made = ("/usr/bin/touch", str(shop.folder / "made")), shop.folder / "made"
    calls = [
        lambda: shop.executor.query(LyingRead(argv, shop.folder)),
        lambda: shop.executor.query(cast("ReadCommand", WriteCommand(argv, shop.folder))),
        lambda: shop.executor.capture(LyingCapture(argv, shop.folder), lambda _: None),
        lambda: shop.executor.capture(cast("CaptureCommand", WriteCommand(argv, shop.folder)), lambda _: None),
        lambda: shop.change(LyingWrite(argv, shop.folder)),
        lambda: shop.change(cast("WriteCommand", ReadCommand(argv, shop.folder))),
    ]
    for call in calls:
        with pytest.raises(ChangeFailed, match="command_mismatch"):
            await call()
    assert not made.exists()
    assert not shop.keeper.redeemed


@pytest.mark.parametrize("harm", ["digest", "permit"])
async def test_a_change_without_its_permit_starts_nothing(shop: Workshop, harm: str) -> None:
    shop.keeper.good = harm != "permit"
    with pytest.raises(DianaError) as caught:
        await shop.change(shop.sh("touch made"), digest="9" * 64 if harm == "digest" else "")
    assert caught.value.code == {"digest": "command_mismatch", "permit": "permit_unknown"}[harm]
    assert not shop.keeper.redeemed
    assert list(shop.folder.iterdir()) == []


async def test_a_change_runs_after_it_was_redeemed(shop: Workshop) -> None:
    shop.keeper.then = lambda: (shop.folder / "redeemed").touch()
    done = await shop.change(shop.sh("ls; cat; echo $$ $OTHER $MINE", env={"MINE": "2"}, stdin=b"in\xff\n"))
    assert done.log == shop.folder / "runs" / "p1-run"
    assert done.log.stat().st_mode & 0o777 == 0o700
    assert done.output.exit_code == 0
    text = (done.log / "output.log").read_bytes()
    assert b"redeemed" in text
    assert b"in\xff\n" in text
    assert shop.lines[-1].endswith(" 2")
    with pytest.raises(FileExistsError):
        await shop.change(shop.sh("ls; cat; echo $$ $OTHER $MINE", env={"MINE": "2"}, stdin=b"in\xff\n"))


async def test_secrets_are_masked_wherever_they_come_from(shop: Workshop) -> None:
    script = "echo start verysecretkey anothersecret end"
    done = await shop.change(shop.sh(script, env={"DB_PASSWORD": "anothersecret"}))
    assert shop.lines == ["start *** *** end"]
    assert b"secret" not in (done.log / "output.log").read_bytes()
    assert "secret" not in done.output.stdout


async def test_what_is_private_is_not_told_live(shop: Workshop) -> None:
    done = await shop.change(shop.sh("echo told"), private=True)
    assert shop.lines == []
    assert done.output.stdout == "told\n"


@dataclass
class Process:
    """A process that was not started: it is over after a few looks, and did to its folder what a supervisor would."""

    spec: dict[str, object] = field(default_factory=dict[str, object])
    arguments: dict[str, object] = field(default_factory=dict[str, object])
    argv: tuple[str, ...] = ()
    exit: str = '{"exit": 0, "seconds": 1.0, "timed_out": false}'

    def __call__(self, argv: tuple[str, ...], **arguments: object) -> Process:
        self.argv, self.arguments = argv, arguments
        return self

    @property
    def stdin(self) -> Process:
        return self

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.exit:
            (Path(self.argv[-1]) / "exit.json").write_text(self.exit)

    def write(self, spec: bytes) -> None:
        self.spec = json.loads(spec)

    def poll(self) -> int | None:
        return 0


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    stub = Process()
    monkeypatch.setattr(subprocess, "Popen", stub)
    return stub


async def test_the_supervisor_is_started_apart_and_told_everything_by_its_input(
    shop: Workshop, process: Process
) -> None:
    command = shop.sh("x", env={"MINE": "2", "LD_PRELOAD": "x"}, as_user="me", stdin=b"\xff", timeout=7.0)
    with shop.executor.holding(5):
        await shop.change(command)
    assert process.argv[1] == "-I"
    assert process.argv[3] == str(shop.folder / "runs" / "p1-run")
    arguments = process.arguments
    assert arguments["start_new_session"] is True
    assert arguments["pass_fds"] == [5]
    assert arguments["stdout"] == arguments["stderr"] == subprocess.DEVNULL
    assert arguments["env"] == {"PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C"}
    assert process.spec == {
        "argv": ["/bin/sh", "-c", "x"], "cwd": str(shop.folder), "timeout": 7.0, "as_user": "me", "stdin": "\xff",
        "env": {"PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C", "MINE": "2"}, "locks": [5],
        "secrets": list(shop.executor.redactor.forms),
    }  # fmt: skip
    assert "verysecretkey" in shop.executor.redactor.forms


async def test_a_lock_is_held_by_changes_of_the_target_while_it_is_held(shop: Workshop, process: Process) -> None:
    with shop.executor.holding(5):
        await shop.change(shop.sh("x"), Act.SCRATCH)
        assert process.spec["locks"] == []
    with suppress(KeyError), shop.executor.holding(6):
        raise KeyError
    other = replace(shop.sh("y"), stdin=None)
    (shop.folder / "runs" / "p1-run" / "exit.json").unlink()
    (shop.folder / "runs" / "p1-run").rmdir()
    await shop.change(other)
    assert process.spec["locks"] == []
    assert process.spec["stdin"] == ""


async def test_a_supervisor_that_dies_at_once_is_said_so(
    shop: Workshop, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.exit = ""
    asked: list[Path] = []

    async def end(folder: Path) -> None:
        asked.append(folder)

    monkeypatch.setattr(ex, "_end_unwatched", end)
    with pytest.raises(ChangeFailed, match="supervisor_died"):
        await shop.change(shop.sh("x"))
    assert asked == [shop.folder / "runs" / "p1-run"]
    process.exit = "{"
    (asked[0]).rmdir()
    with pytest.raises(ChangeFailed, match="supervisor_died"):
        await shop.change(shop.sh("x"))
    assert len(asked) == 1, "an exit that was left is not looked for again"


async def test_a_supervisor_without_an_ear_is_an_error(
    shop: Workshop, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "stdin", None)
    with pytest.raises(RuntimeError):
        await shop.change(shop.sh("x"))


@dataclass
class Ended(Exception):
    """Stops a start after its arguments were seen."""

    arguments: dict[str, object]


@pytest.mark.parametrize("user", [None, "root"])
async def test_a_looking_command_is_started_apart(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, user: str | None
) -> None:
    async def start(*argv: str, **arguments: object) -> None:
        raise Ended({"argv": argv, **arguments})

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    shop.wished = ("OTHER",)
    shop.__post_init__()
    with pytest.raises(Ended) as caught:
        await shop.executor.query(look(shop.folder, "x", env={"MINE": "2"}, as_user=user))
    seen = caught.value.arguments
    assert seen["start_new_session"] is True
    assert seen["stdin"] == subprocess.DEVNULL
    assert seen["env"] == {"PATH": "/usr/bin:/bin", "HOME": "/h", "LANG": "C", "OTHER": "x", "MINE": "2"}
    assert (seen["user"], seen["group"]) == (user, None if user is None else 0)
    assert seen["extra_groups"] == (None if user is None else ())


async def test_what_a_command_says_and_is_told(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(_pid: int, _sign: int) -> None:
        pytest.fail("it ended by itself, and its number may be another's")

    monkeypatch.setattr(os, "killpg", kill)
    done = await shop.executor.query(look(shop.folder, "cat; echo err >&2; exit 3", stdin=b"in"))
    assert (done.exit_code, done.stdout, done.stderr) == (3, "in", "err\n")
    assert (done.timed_out, done.truncated) == (False, False)
    assert (await shop.executor.query(look(shop.folder, "exec cat"))).stdout == "", "nothing to read"
    assert (await shop.executor.query(look(shop.folder, "exec <&-; sleep 0.05", stdin=b"x" * 200_000))).exit_code == 0
    assert (await shop.executor.query(look(shop.folder, "exec >&- 2>&-; sleep 0.2; exit 5"))).exit_code == 5
    with pytest.raises(ToolError, match="program_missing"):
        await shop.executor.query(ReadCommand(("/no/such/program",), shop.folder))


async def test_output_is_bounded_in_memory(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ex, "_KEEP_BYTES", 10)
    done = await shop.executor.query(look(shop.folder, "printf 0123456789abc; printf 0123456789abc >&2"))
    assert (done.stdout, done.stderr, done.truncated) == ("0123456789", "0123456789", True)
    assert not (await shop.executor.query(look(shop.folder, "printf 012345678"))).truncated
    assert (await shop.executor.query(look(shop.folder, "printf 0123456789"))).truncated
    taken: list[bytes] = []
    caught = CaptureCommand(("/bin/sh", "-c", "printf 0123456789abc; echo e >&2"), shop.folder)
    done = await shop.executor.capture(caught, taken.append)
    assert (b"".join(taken), done.stdout, done.stderr) == (b"0123456789abc", "", "e\n")


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_command_that_takes_too_long_is_ended_with_all_it_started(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    monkeypatch.setattr(ex, "_GRACE_S", 0.3 if deaf else 20.0)
    sent, real = list[int](), os.killpg

    def kill(pid: int, sign: int) -> None:
        sent.append(sign)
        real(pid, sign)

    monkeypatch.setattr(os, "killpg", kill)
    trap = "trap '' TERM;" if deaf else ""
    script = f"{trap} sleep 60 & echo $!; {trap} wait; sleep 60"
    done = await shop.executor.query(look(shop.folder, script, timeout=0.5))
    assert (done.timed_out, done.exit_code) == (True, -1)
    assert sent == ([signal.SIGTERM, signal.SIGKILL] if deaf else [signal.SIGTERM])
    with suppress(psutil.NoSuchProcess):
        child = psutil.Process(int(done.stdout))
        with suppress(psutil.TimeoutExpired):
            child.wait(5)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_a_command_whose_reader_fails_is_ended(shop: Workshop) -> None:
    started: list[int] = []

    def sink(chunk: bytes) -> None:
        started.append(int(chunk))
        raise KeyError

    with pytest.raises(KeyError):
        await shop.executor.capture(CaptureCommand(("/bin/sh", "-c", "echo $$; exec sleep 60"), shop.folder), sink)
    assert not psutil.pid_exists(started[0]) or psutil.Process(started[0]).status() == psutil.STATUS_ZOMBIE


async def test_a_supervisor_that_is_killed_does_not_leave_its_command_alone(shop: Workshop) -> None:
    script = "echo ready; exec sleep 60"
    folder = shop.folder / "runs" / "p1-run"

    def kill(_line: str) -> None:
        for one in psutil.process_iter(["cmdline"]):
            words = cast("Mapping[str, list[str] | None]", one.info)["cmdline"] or []
            if str(folder) in words and sys.executable in words:
                one.kill()

    with pytest.raises(ChangeFailed, match="supervisor_died"):
        await shop.change(shop.sh(script), line=kill)
    assert not still_runs(folder)


def test_a_run_has_one_redactor(tmp_path: Path) -> None:
    one = Redactor()
    assert Executor(Keeper(), lambda: True, ENVIRON, tmp_path, redactor=one).redactor is one
    assert "verysecretkey" in one.forms
