"""What every test gets: a home of its own, no credentials, no network but loopback; and PostgreSQL on request."""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import servers
from servers import PgDatabase, PgServer

pytest_plugins = ("skips", "sampling", "shown", "listed")

_FOREIGN = (
    "ANTHROPIC_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "CLAUDE",
    "DIANA_",
    "PG",
    "GIT_",
    "DATABASE_URL",
    "SSH_AUTH_SOCK",
)
_SHARED = "TESTS_SHARED_FOLDER"


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home with its own XDG folders and git settings, and none of the developer's variables; returns it."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for name, folder in (
        ("XDG_CONFIG_HOME", ".config"), ("XDG_DATA_HOME", ".local/share"), ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CACHE_HOME", ".cache"), ("XDG_RUNTIME_DIR", ".run"),
    ):  # fmt: skip
        (home / folder).mkdir(parents=True, mode=0o700, exist_ok=True)
        monkeypatch.setenv(name, str(home / folder))
    git = home / ".gitconfig"
    git.write_text("[user]\n\tname = Test\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(git))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # The AWS SDK would otherwise ask a link-local address for credentials.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


def _outside(address: object) -> bool:
    """Whether a socket address is an IP one that is not loopback."""
    if not isinstance(address, tuple) or not address:
        return False
    host = str(address[0])  # pyright: ignore[reportUnknownArgumentType]  # any tuple a test may pass
    try:
        return not ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return host not in ("localhost", "")


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Refuse connections that leave the machine, and fail the test even if the refusal was swallowed."""
    tried: list[str] = []

    def guarded(real: Callable[..., object]) -> Callable[..., object]:
        def connect(self: socket.socket, address: object) -> object:
            if self.family in (socket.AF_INET, socket.AF_INET6) and _outside(address):
                tried.append(str(address))
                raise ConnectionRefusedError(f"tests never leave this machine: {address}")
            return real(self, address)

        return connect

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    yield
    if tried:
        pytest.fail(f"a connection left this machine: {', '.join(tried)}")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that all workers of this run share; they inherit its name."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        servers.sweep_killed_runs()
        os.environ[_SHARED] = str(servers.run_folder())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's server, in the process that outlives all workers."""
    if "PYTEST_XDIST_WORKER" not in os.environ and (folder := os.environ.pop(_SHARED, "")):
        servers.stop_shared_pg(Path(folder))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_server() -> PgServer:
    """The run's one private PostgreSQL server; without programs it is a skip, in CI a failure."""
    try:
        return servers.shared_pg(Path(os.environ[_SHARED]))
    except servers.NoServer as why:
        if os.environ.get("CI"):
            pytest.fail(f"no PostgreSQL server: {why}")
        pytest.skip(f"no PostgreSQL server: {why}")


@pytest.fixture
def pg_database(pg_server: PgServer) -> Generator[PgDatabase]:
    """A fresh, empty database, dropped afterwards together with its sessions."""
    database = pg_server.create(f"t_{secrets.token_hex(6)}")
    yield database
    pg_server.drop(database.name)
