"""The parts of the PostgreSQL engine that need no server: programs, names, password files, pipes, definitions."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from diana_tools.databases.archive import Writer
from diana_tools.databases.postgresql import catalog, feed, names, programs, restore
from diana_tools.domain import Address, DatabaseUrl
from diana_tools.errors import BackupError
from diana_tools.measured import Backup, Schema, State

URL = DatabaseUrl(
    "postgresql", "psycopg", "db.example", 5433, "shop", "ann", "s:e\\c", (("sslmode", "require"), ("x", "y"))
)


def program(folder: Path, name: str, text: str, mode: int = 0o755) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"\x7fELF\x00" + text.encode() + b"\x00")
    (folder / name).chmod(mode)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in PATH that is the only place where programs are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(programs, "_FOLDERS", ())
    monkeypatch.setenv("PATH", f"relative:{folder}")
    return folder


def test_programs_are_found_by_their_own_version(only: Path) -> None:
    for name in programs.CLIENT:
        program(only, name, f"{name} (PostgreSQL) 17.5 (Debian 17.5-1)")
    found = programs.find(17, programs.CLIENT)
    assert found is not None
    assert (found.version, found.major, found.zstd) == ("17.5", 17, False)
    assert found.path("pg_dump") == str(only / "pg_dump")
    assert programs.find(16, programs.CLIENT) is None
    assert programs.find(17, programs.SERVER) is None
    assert programs.known(programs.CLIENT)[0] == "17.5"
    program(only, "pg_dump", "pg_dump (PostgreSQL) 17.6\x00libzstd.so.1")
    program(only, "pg_restore", "pg_restore (PostgreSQL) 17.6")
    again = programs.find(17, programs.CLIENT)
    assert again is not None
    assert (again.version, again.zstd) == ("17.6", True)


def test_wrappers_mixed_versions_and_unsafe_places_are_passed_over(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(only, "pg_dump", "pg_dump (PostgreSQL) 17.5")
    (only / "pg_restore").write_text("#!/usr/bin/perl\n")
    (only / "pg_restore").chmod(0o755)
    assert programs.find(17, programs.CLIENT) is None
    program(only, "pg_restore", "pg_restore (PostgreSQL) 16.1")
    assert programs.find(17, programs.CLIENT) is None
    program(only, "pg_restore", "pg_restore (PostgreSQL) 17.5")
    assert programs.find(17, programs.CLIENT) is not None
    (only / "pg_restore").chmod(0o777)
    assert programs.find(17, programs.CLIENT) is None
    (only / "pg_restore").chmod(0o755)
    only.chmod(0o777)
    assert programs.find(17, programs.CLIENT) is None
    only.chmod(0o755)
    # A folder of the project that we are in is never used, whatever PATH says.
    monkeypatch.chdir(only.parent)
    assert programs.find(17, programs.CLIENT) is None


@pytest.mark.parametrize(("text", "major"), [("15.18 (Debian)", 15), ("18beta1", 18), (" 9.6.2", 9), ("", 0), ("x", 0)])
def test_major_version(text: str, major: int) -> None:
    assert programs.major_of(text) == major


def test_the_environment_of_the_programs_has_no_password(tmp_path: Path) -> None:
    env = programs.client_environment(URL, tmp_path / "pgpass")
    assert env["PGHOST"] == "db.example"
    assert env["PGPORT"] == "5433"
    assert env["PGUSER"] == "ann"
    assert env["PGDATABASE"] == "shop"
    assert env["PGSSLMODE"] == "require"
    assert env["PGPASSFILE"] == str(tmp_path / "pgpass")
    assert not [value for value in env.values() if URL.password in value]
    socket_url = replace(URL, host="", port=None, username="", query=(("host", "/run/postgresql"),))
    assert programs.client_environment(socket_url, None)["PGHOST"] == "/run/postgresql"


def test_the_password_file_is_private_and_escaped(tmp_path: Path) -> None:
    path = tmp_path / "pgpass"
    programs.write_passfile(path, URL.password)
    assert path.read_text() == "*:*:*:*:s\\:e\\\\c\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ValueError, match="line break"):
        programs.write_passfile(tmp_path / "other", "two\nlines")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("users", '"users"'),
        ('a"b', '"a""b"'),
        ("a:b", 'U&"a\\003Ab"'),
        ("a\\b:c", 'U&"a\\\\b\\003Ac"'),
        ("a\\b", '"a\\b"'),
    ],
)
def test_identifiers_are_quoted_and_hold_no_parameter(name: str, sql: str) -> None:
    assert names.quoted(name) == sql


def test_literals_are_quoted_and_hold_no_parameter() -> None:
    assert names.literal("it's") == "'it''s'"
    assert names.literal("a:b\\c'") == "U&'a\\003Ab\\\\c'''"
    assert names.shown("public", "t") == "t"
    assert names.shown("billing", "t") == "billing.t"


def test_every_way_to_read_a_dotted_name() -> None:
    assert names.splits("a.b.c") == [("a.b", "c"), ("a", "b.c")]
    assert names.splits("plain") == []


def test_an_array_cast_reads_as_after_a_restore() -> None:
    before = "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'it''s, b'::character varying])::text[])))"
    after = "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s, b'::character varying)::text])))"
    assert catalog.normal(before) == after
    assert catalog.normal(after) == after
    assert catalog.normal("CHECK ((a = ANY (ARRAY['x'::text])))") == "CHECK ((a = ANY (ARRAY['x'::text])))"


def backup(path: Path, database: str = "shop") -> Backup:
    return Backup(
        id="backup-shop-20260102T030405Z-r1", engine="postgresql", path=str(path), manifest=str(path) + ".json",
        size=1, sha256="0" * 64, identity="i", address=Address("postgresql", "h", 1, database),
        made_at="2026-01-02T03:04:05+00:00", version=(), state=State(Schema(()), (), ()), server="15.1", program="p",
        batch="b",
    )  # fmt: skip


def test_names_beside_the_database_fit_what_the_server_keeps(tmp_path: Path) -> None:
    made = backup(tmp_path / "x.dump")
    assert restore.side_name("shop", made) == restore.side_name("shop", made)
    for name in ("shop", "x" * 63, "ä" * 31):
        side = restore.side_name(name, made)
        assert len(side.encode()) <= 63
        assert side != name
        assert "\ufffd" not in side


def packed(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "archive.dump.zst"
    with Writer(path, compress=True) as writer:
        writer.write(content)
        writer.commit()
    return path


async def read(at: Path, limit: int = -1) -> bytes:
    def work() -> bytes:
        with at.open("rb") as handle:
            return handle.read(limit)

    return await asyncio.to_thread(work)


async def test_a_packed_archive_is_read_through_a_pipe(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    made, at = backup(packed(tmp_path, content)), tmp_path / "pipe"
    async with feed.offered(made, at):
        assert stat.S_ISFIFO(at.stat().st_mode)
        assert await read(at) == content
    assert not at.exists()


async def test_a_reader_may_stop_early_or_never_come(tmp_path: Path) -> None:
    made, at = backup(packed(tmp_path, os.urandom(3_000_000))), tmp_path / "pipe"
    async with feed.offered(made, at):
        assert len(await read(at, 10)) == 10
    async with feed.offered(made, at):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive.dump.zst"]


async def cancelled_while_somebody_opens(made: Backup, at: Path, reading: list[asyncio.Future[bytes]]) -> None:
    async with feed.offered(made, at):
        reading.append(asyncio.ensure_future(read(at)))
        raise asyncio.CancelledError


async def test_a_reader_that_comes_too_late_is_not_left_waiting(tmp_path: Path) -> None:
    made, at = backup(packed(tmp_path, b"x")), tmp_path / "pipe"
    reading: list[asyncio.Future[bytes]] = []
    with pytest.raises(asyncio.CancelledError):
        await cancelled_while_somebody_opens(made, at, reading)
    (said,) = await asyncio.gather(*reading, return_exceptions=True)
    assert said in (b"", b"x") or isinstance(said, FileNotFoundError)


async def through(made: Backup, at: Path) -> bytes:
    async with feed.offered(made, at):
        return await read(at)


async def test_damage_inside_is_said_although_the_reader_was_content(tmp_path: Path) -> None:
    path = packed(tmp_path, os.urandom(300_000))
    raw = path.read_bytes()
    path.write_bytes(raw[:-200_000])
    at = tmp_path / "pipe"
    with pytest.raises(BackupError) as failed:
        await through(backup(path), at)
    assert failed.value.code == "backup_truncated"
    assert not at.exists()


async def test_a_plain_archive_is_offered_as_it_is(tmp_path: Path) -> None:
    path, at = tmp_path / "x.dump", tmp_path / "archive"
    path.write_bytes(b"PGDMP")
    async with feed.offered(backup(path), at):
        assert await read(at) == b"PGDMP"
    assert not at.exists()
    assert path.exists()
