"""The only file, beside the supervisor, that starts a process: exec, never a shell, minimal environment."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from diana_tools import supervisor
from diana_tools.command import CaptureCommand, Command, Output, ReadCommand, Spec, WriteCommand
from diana_tools.errors import ChangeFailed, ToolError
from diana_tools.own_programs import safe_path
from diana_tools.permit import Act, Operation, Permit, Redeemer, Use
from diana_tools.redaction import Redactor
from diana_tools.secret_places import forms, of_environment

_KEPT = ("HOME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
         "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
_WITHHELD = ("ANTHROPIC_", "AWS_", "AZURE_", "GOOGLE_", "PRISMA_USER_CONSENT", "LD_", "DYLD_", "BASH_ENV", "BASH_FUNC",
             "DISABLE_DATABASE_ENVIRONMENT_CHECK", "PYTHONSTARTUP", "PYTHONINSPECT", "NODE_OPTIONS", "RUBYOPT",
             "PERL5OPT", "JAVA_TOOL_OPTIONS", "GIT_", "DIANA_")  # fmt: skip
_RESTRICTING = frozenset({"GIT_ALLOW_PROTOCOL", "GIT_NO_LAZY_FETCH", "GIT_OPTIONAL_LOCKS"})
"""What only ever takes something away from a program may be declared, whatever it begins with."""
_SUPERVISOR = ("HOME", "PATH", "LANG", "LC_ALL", "TMPDIR")
_KEEP_BYTES = 4_000_000
_LONGEST_LINE = 2000
_LONGEST_PENDING = 1 << 16
_GRACE_S = 3.0
_CLOCK_S = 10.0
UNWATCHED = -1000
"""The exit code of a command that nobody watched to its end; no signal has this number."""

Line = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Changed:
    """A finished changing command: its output and the folder where the supervisor wrote everything."""

    output: Output
    log: Path


def withheld(name: str) -> bool:
    """Whether a variable never reaches a child, whoever declares it (guard.md 12)."""
    return name.startswith(_WITHHELD) and name not in _RESTRICTING


def child_environment(
    environ: Mapping[str, str], declared: Mapping[str, str], wished: tuple[str, ...] = ()
) -> dict[str, str]:
    """The minimal environment, the person's own `wished` names, and what the command declares; the withheld never."""
    kept = {name: environ[name] for name in (*_KEPT, *wished) if name in environ and not withheld(name)}
    kept["PATH"] = safe_path(kept.get("PATH", ""))
    kept |= {name: value for name, value in declared.items() if not withheld(name)}
    return kept


def free_port() -> int:
    """A port on loopback that nobody used a moment ago, for a server of Diana's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Executor:
    """Runs commands. Changing ones take a permit; ones that run the project's code take the person's trust."""

    def __init__(
        self,
        redeemer: Redeemer,
        trusted: Callable[[], bool],
        environ: Mapping[str, str],
        runs: Path,
        child_env: tuple[str, ...] = (),
        redactor: Redactor | None = None,
    ) -> None:
        self.redactor = Redactor() if redactor is None else redactor
        """The one of this run: what a changing command prints, and what is shown of it, is masked by it."""
        self.redactor.learn(forms(of_environment(environ)))
        self._child_env = child_env
        self._redeemer = redeemer
        self._trusted = trusted
        self._environ = environ
        self._runs = runs
        self._lock: tuple[int, ...] = ()

    @contextmanager
    def holding(self, lock: int) -> Generator[None]:
        """Let every change that is started meanwhile hold this open lock file too, until it has ended itself."""
        self._lock = (lock,)
        try:
            yield
        finally:
            self._lock = ()

    async def query(self, command: ReadCommand) -> Output:
        """Run a command that only looks; both streams bounded in memory.

        Raises:
            ToolError: `program_missing`; `project_not_trusted` before anything is started.
            ChangeFailed: `command_mismatch` where the command is not exactly one that only looks.
        """
        _exactly(command, ReadCommand)
        if command.runs_project_code and not self._trusted():
            raise ToolError("project_not_trusted", {"folder": str(command.cwd)})
        out, err = bytearray(), bytearray()
        return await self._run(command, lambda b: _keep(out, b), lambda b: _keep(err, b), out, err)

    async def capture(self, command: CaptureCommand, sink: Callable[[bytes], None]) -> Output:
        """Run a command that only looks and hand its standard output on as it comes (never kept in memory).

        Raises:
            ToolError: `program_missing`.
            ChangeFailed: `command_mismatch` where the command is not exactly one to capture.
        """
        _exactly(command, CaptureCommand)
        err = bytearray()
        return await self._run(command, sink, lambda b: _keep(err, b), bytearray(), err)

    async def change(
        self,
        command: WriteCommand,
        permit: Permit,
        operation: Operation,
        use: Use,
        line: Line,
        *,
        private: bool = False,
    ) -> Changed:
        """Redeem the permit, then run the command under the supervisor; lines are cleaned, masked and handed on live.

        `private` keeps the output of Diana's own programs out of the live lines.

        Raises:
            PermitRefused: nothing was started.
            ChangeFailed: `command_mismatch` when the command is not the one the use was declared for;
                `supervisor_died`: what it watched was ended here.
        """
        _exactly(command, WriteCommand)
        if use.digest != command.digest:
            raise ChangeFailed("command_mismatch", {"use": use.name})
        self._redeemer.redeem(permit, operation, use)
        folder = self._runs / f"{permit.id}-{use.name}"
        folder.mkdir(parents=True, mode=0o700)
        self.redactor.learn(forms(of_environment(command.env)))
        spec = Spec(
            argv=list(command.argv), cwd=str(command.cwd),
            env=child_environment(self._environ, command.env, self._child_env),
            timeout=command.timeout, as_user=command.as_user, stdin=(command.stdin or b"").decode("latin-1"),
            locks=[] if permit.act is Act.SCRATCH else list(self._lock), secrets=list(self.redactor.forms),
        )  # fmt: skip
        process = self._supervised(folder, spec)
        await _follow(folder / "output.log", process, (lambda _text: None) if private else self._masked(line))
        if not (folder / "exit.json").exists():
            await _end_unwatched(folder)
        return Changed(_finished(folder), folder)

    def _masked(self, line: Line) -> Line:
        return lambda text: line(self.redactor.text(text, _LONGEST_LINE))

    def _supervised(self, folder: Path, spec: Spec) -> subprocess.Popen[bytes]:
        # Not asyncio's: its transports kill what still runs when the loop goes away.
        process = subprocess.Popen(
            (sys.executable, "-I", supervisor.__file__, str(folder)), stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=spec["locks"],
            env={name: self._environ[name] for name in _SUPERVISOR if name in self._environ},
        )  # fmt: skip
        with suppress(BrokenPipeError), _opened(process.stdin) as talk:
            talk.write(json.dumps(spec).encode())
        return process

    async def _run(
        self,
        command: Command,
        on_out: Callable[[bytes], None],
        on_err: Callable[[bytes], None],
        out: bytearray,
        err: bytearray,
    ) -> Output:
        started = time.monotonic()
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv, cwd=command.cwd, env=child_environment(self._environ, command.env, self._child_env),
                stdin=asyncio.subprocess.PIPE if command.stdin is not None else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
                user=command.as_user, group=pwd.getpwnam(command.as_user).pw_gid if command.as_user else None,
                extra_groups=() if command.as_user else None,
            )  # fmt: skip
        except OSError as error:
            raise ToolError("program_missing", {"program": command.argv[0], "error": error.strerror or ""}) from None
        told, errors = _opened(process.stdout), _opened(process.stderr)
        if process.stdin is not None:
            with suppress(ConnectionError):
                process.stdin.write(command.stdin or b"")
                await process.stdin.drain()
                process.stdin.close()
        timed_out = False
        try:
            async with asyncio.timeout(command.timeout):
                await asyncio.gather(_drain(told, on_out), _drain(errors, on_err))
                await process.wait()
        except TimeoutError:
            timed_out = True
        finally:
            if process.returncode is None:
                await _end(process)
        return Output(
            process.returncode or 0 if not timed_out else -1, out.decode("utf-8", "replace"),
            err.decode("utf-8", "replace"), time.monotonic() - started, timed_out, len(out) >= _KEEP_BYTES,
        )  # fmt: skip


def _exactly(command: Command, kind: type[Command]) -> None:
    """The types say so already; at run time a class derived from a command could lie about its digest or its kind."""
    if type(command) is not kind:
        raise ChangeFailed("command_mismatch", {"use": kind.__name__})


Pipe = TypeVar("Pipe", asyncio.StreamReader, asyncio.StreamWriter, IO[bytes])


def _opened(pipe: Pipe | None) -> Pipe:
    """A pipe that was asked for."""
    if pipe is None:
        raise RuntimeError("a pipe that was asked for is missing")
    return pipe


def _keep(buffer: bytearray, chunk: bytes) -> None:
    buffer.extend(chunk[: _KEEP_BYTES - len(buffer)])


async def _drain(stream: asyncio.StreamReader, sink: Callable[[bytes], None]) -> None:
    while chunk := await stream.read(1 << 18):
        sink(chunk)


async def _end(process: asyncio.subprocess.Process) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
                return


async def _follow(log: Path, process: subprocess.Popen[bytes], line: Line) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pending, offset = "", 0
    while True:
        ended = process.poll() is not None
        if log.exists():
            with log.open("rb") as handle:
                handle.seek(offset)
                chunk = handle.read(1 << 20)
            offset += len(chunk)
            *lines, pending = (pending + decoder.decode(chunk)).split("\n")
            if len(pending) > _LONGEST_PENDING:
                lines, pending = [*lines, pending], ""
            for text in lines:
                line(text)
            if chunk:
                continue
        if ended:
            if pending:
                line(pending)
            return
        await asyncio.sleep(0.05)


def _finished(folder: Path) -> Output:
    try:
        exit_file = supervisor.read_exit(folder)
    except (OSError, ValueError):
        raise ChangeFailed("supervisor_died", {"folder": str(folder)}) from None
    text, cut = _logged(folder)
    return Output(exit_file["exit"], text, "", exit_file["seconds"], exit_file["timed_out"], cut)


def ended(folder: Path) -> Changed:
    """A changing command of an earlier process that is over: as its supervisor left it, or unwatched."""
    return Changed(_finished(folder), folder) if (folder / "exit.json").exists() else unwatched(folder)


def unwatched(folder: Path) -> Changed:
    """What is known of a changing command whose supervisor died: its output so far, no exit code."""
    text, cut = _logged(folder)
    return Changed(Output(UNWATCHED, text, "", 0.0, truncated=cut), folder)


def still_runs(folder: Path) -> bool:
    """Whether the command that a supervisor started there is alive, this one and no later process of its number."""
    import psutil

    if (folder / "exit.json").exists():
        return False
    try:
        noted = json.loads((folder / "pid.json").read_text())
        process = psutil.Process(int(noted["pid"]))
        near = abs(process.create_time() - float(noted["started"])) < _CLOCK_S
        return near and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, psutil.Error):
        return False


async def _end_unwatched(folder: Path) -> None:
    """A command without a supervisor has no time limit any more: it is ended, and its whole group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not still_runs(folder):
            return
        with suppress(OSError, ValueError):
            os.killpg(int(json.loads((folder / "pid.json").read_text())["pid"]), sign)
        for _ in range(100):
            if not still_runs(folder):
                return
            await asyncio.sleep(0.05)


def _logged(folder: Path) -> tuple[str, bool]:
    """The bounded output of a changing command, and whether it was more."""
    try:
        raw = (folder / "output.log").read_bytes()
    except FileNotFoundError:
        raw = b""
    kept = raw if len(raw) <= _KEEP_BYTES else raw[: _KEEP_BYTES // 2] + b"\n...\n" + raw[-_KEEP_BYTES // 2 :]
    return kept.decode("utf-8", "replace"), len(raw) > _KEEP_BYTES
