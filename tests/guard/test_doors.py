"""The doors themselves, at run time: what a forged, borrowed or misused permit gets is nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from diana_agent.guard.mint import Mint
from diana_tools.command import WriteCommand
from diana_tools.databases.base import Grant
from diana_tools.databases.postgresql import scratch as pg_scratch
from diana_tools.databases.sqlite import scratch as sqlite_scratch
from diana_tools.domain import DatabaseUrl, Level
from diana_tools.errors import ChangeFailed, DianaError, PermitRefused
from diana_tools.permit import Act, Operation, Permit, Use
from diana_tools.session_places import (
    Beside,
    OwnServer,
    Place,
    maintenance_digest,
    own_server_digest,
    session_digest,
)
from diana_tools.sessions import Sessions
from guard.ground import Ground
from servers import PgDatabase


class Doors:
    """Real doors on a real mint and journal, and the target that nothing here may change."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.run = ground.open()
        self.mint = Mint(self.run.journal, ground.clock)
        self.sessions = Sessions(self.mint)
        self.target = DatabaseUrl("sqlite", "", "", None, str(ground.database))
        self.before = ground.content()

    def grant(self, act: Act, *uses: Use) -> Grant:
        operation = Operation(act, "toy", "i" * 32, "0" * 64, uses, "e")
        return Grant(self.mint.mint(operation, level=Level.DEV, destructive=False, grade="read"), operation)

    def shut(self, url: DatabaseUrl, grant: Grant, use: Use, place: Place = None) -> str:
        """The code of the refusal; the use must not have been spent by it."""
        with (
            pytest.raises(DianaError) as error,
            self.sessions.change(url, grant.permit, grant.operation, use, place) as session,
        ):
            session.run("DELETE FROM customer")
        assert self.ground.content() == self.before
        return error.value.code


@pytest.fixture
def doors(ground: Ground) -> Doors:
    return Doors(ground)


def forged(doors: Doors, operation: Operation) -> Permit:
    soon = doors.ground.clock() + timedelta(hours=1)
    return Permit("f" * 16, operation.act, operation.digest, operation.identity, None, "e", soon)


def test_a_forged_permit_opens_nothing(doors: Doors) -> None:
    use = Use("restore", session_digest(doors.target))
    operation = Operation(Act.RESTORE, "toy", "i" * 32, "0" * 64, (use,), "e")
    assert doors.shut(doors.target, Grant(forged(doors, operation), operation), use) == "permit_unknown"
    real = doors.grant(Act.RESTORE, use)
    for lie in (
        replace(real.permit, act=Act.SCRATCH),
        replace(real.permit, backup="another"),
        replace(real.permit, expires_at=real.permit.expires_at + timedelta(hours=9)),
    ):
        assert doors.shut(doors.target, Grant(lie, real.operation), use) == "permit_unknown"


async def test_a_forged_permit_starts_nothing(doors: Doors, tmp_path: Path) -> None:
    command = WriteCommand(("/usr/bin/touch", str(tmp_path / "made")), tmp_path)
    use = Use("run", command.digest)
    operation = Operation(Act.APPLY, "toy", "i" * 32, "0" * 64, (use,), "e")
    with pytest.raises(PermitRefused, match="permit_unknown"):
        await doors.run.doors.executor.change(command, forged(doors, operation), operation, use, lambda _line: None)
    assert not (tmp_path / "made").exists()


def test_a_use_of_a_command_opens_no_session(doors: Doors, tmp_path: Path) -> None:
    use = Use("run", WriteCommand(("/usr/bin/touch", "x"), tmp_path).digest)
    assert doors.shut(doors.target, doors.grant(Act.RESTORE, use), use) == "session_mismatch"


def own_server(url: DatabaseUrl) -> str:
    return own_server_digest(Path(url.database))


@pytest.mark.parametrize("digest", [session_digest, maintenance_digest, own_server])
async def test_a_use_of_a_session_starts_no_command(
    doors: Doors, tmp_path: Path, digest: Callable[[DatabaseUrl], str]
) -> None:
    command = WriteCommand(("/usr/bin/touch", str(tmp_path / "made")), tmp_path)
    use = Use("run", digest(doors.target))
    grant = doors.grant(Act.APPLY, use)
    with pytest.raises(ChangeFailed, match="command_mismatch"):
        await doors.run.doors.executor.change(command, grant.permit, grant.operation, use, lambda _line: None)
    assert not (tmp_path / "made").exists()


def test_a_scratch_grant_never_opens_the_target_even_when_it_was_declared_for_it(doors: Doors, tmp_path: Path) -> None:
    for use in sqlite_scratch.uses(tmp_path):
        assert doors.shut(doors.target, doors.grant(Act.SCRATCH, use), use) == "session_mismatch"
    use = Use("scratch_load", session_digest(doors.target))
    assert doors.shut(doors.target, doors.grant(Act.SCRATCH, use), use) == "session_mismatch"


def test_a_scratch_grant_opens_the_file_that_was_made_under_it_and_no_other(doors: Doors, tmp_path: Path) -> None:
    url = sqlite_scratch.scratch_url(tmp_path)
    make, load, mark = sqlite_scratch.uses(tmp_path)
    grant = doors.grant(Act.SCRATCH, make, load, mark)
    doors.sessions.create_sqlite(url, grant.permit, grant.operation, make)
    with doors.sessions.change(url, grant.permit, grant.operation, load) as session:
        session.run("CREATE TABLE t (a)")
    other = doors.grant(Act.SCRATCH, load)
    assert doors.shut(url, other, load) == "session_mismatch", "a file of another permit"
    Path(url.database).unlink()
    Path(url.database).symlink_to(doors.ground.database)
    assert doors.shut(url, grant, mark) == "session_mismatch", "the target behind the scratch's name"
    Path(url.database).unlink()
    Path(url.database).hardlink_to(doors.ground.database)
    assert doors.shut(url, grant, mark) == "session_mismatch", "the target under the scratch's name"


def test_only_a_scratch_grant_makes_a_file(doors: Doors, tmp_path: Path) -> None:
    url = sqlite_scratch.scratch_url(tmp_path)
    use = Use("scratch_make", session_digest(url))
    grant = doors.grant(Act.RESTORE, use)
    with pytest.raises(ChangeFailed, match="session_mismatch"):
        doors.sessions.create_sqlite(url, grant.permit, grant.operation, use)
    assert not Path(url.database).exists()


@pytest.fixture
def shop(pg_database: PgDatabase) -> PgDatabase:
    pg_database.execute("CREATE TABLE customer (id int); INSERT INTO customer VALUES (1), (2)")
    return pg_database


def kept(shop: PgDatabase) -> bool:
    return shop.query("SELECT count(*) FROM customer") == [(2,)]


@pytest.mark.integration
def test_no_use_of_a_scratch_grant_opens_a_target_on_a_server(doors: Doors, shop: PgDatabase, tmp_path: Path) -> None:
    url = shop.target
    for use in pg_scratch.uses(tmp_path, url, shop.server.version):
        for place in (None, Beside(url), OwnServer(tmp_path), OwnServer(pg_scratch.server.place_of(tmp_path))):
            assert doors.shut(url, doors.grant(Act.SCRATCH, use), use, place) == "session_mismatch"
    for use in (Use("scratch_mark", session_digest(url)), Use("scratch_mark", maintenance_digest(url))):
        for place in (None, Beside(url)):
            assert doors.shut(url, doors.grant(Act.SCRATCH, use), use, place) == "session_mismatch"
    assert kept(shop)


@pytest.mark.integration
def test_a_session_is_bound_to_one_database_of_one_server(doors: Doors, shop: PgDatabase) -> None:
    url = shop.target
    use = Use("cancel_sessions", session_digest(url))
    for other in (
        replace(url, database="postgres"), replace(url, port=url.port + 1 if url.port else 1),
        replace(url, host="localhost"),
    ):  # fmt: skip
        assert doors.shut(other, doors.grant(Act.CANCEL, use), use) == "session_mismatch"
    beside = Use("restore_swap", maintenance_digest(url))
    assert doors.shut(url, doors.grant(Act.RESTORE, beside), beside, Beside(url)) == "session_mismatch"
    assert doors.shut(url, doors.grant(Act.RESTORE, beside), beside) == "session_mismatch"
    elsewhere = replace(url, database="template1", host="localhost")
    assert doors.shut(elsewhere, doors.grant(Act.RESTORE, beside), beside, Beside(url)) == "session_mismatch"
    grant = doors.grant(Act.RESTORE, beside)
    there = replace(url, database="postgres")
    with doors.sessions.change(there, grant.permit, grant.operation, beside, Beside(url)) as session:
        assert session.one("SELECT current_database()") == "postgres"
    assert kept(shop)
