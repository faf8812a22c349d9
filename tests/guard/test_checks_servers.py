"""Each check of the door to a server by itself, on one that only notes what it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from diana_tools import session_places as places
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ChangeFailed, ConnectionFailed, LockHeld
from diana_tools.permit import Act, Use
from diana_tools.sessions import Sessions
from guard.checking import Keeper
from guard.checking_sessions import SERVER, Server, changed

OWN = places.OwnServer(Path("/state/scratch"))
POSTGRES, TEMPLATE = replace(SERVER, database="postgres"), replace(SERVER, database="template1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    stub = Server()
    monkeypatch.setattr(sqlalchemy, "create_engine", stub.create_engine)
    return stub


@pytest.mark.parametrize(
    ("url", "digest", "act", "place"),
    [
        (SERVER, places.session_digest(SERVER), Act.CANCEL, None),
        (POSTGRES, places.maintenance_digest(SERVER), Act.RESTORE, places.Beside(SERVER)),
        (TEMPLATE, places.maintenance_digest(SERVER), Act.RESTORE, places.Beside(SERVER)),
    ],
)
def test_a_session_that_goes_there_is_opened(
    url: DatabaseUrl, digest: str, act: Act, place: places.Place, server: Server
) -> None:
    keeper = Keeper()
    changed(keeper, url, act, Use("x", digest), place)
    assert [use.name for use in keeper.redeemed] == ["x"]
    assert (server.opened, server.closed, server.disposed) == (1, 1, 1)
    assert server.options == {"isolation_level": "AUTOCOMMIT"}


def test_looking_at_a_server_is_held_to_reading_twice_and_ends_without_a_trace(server: Server) -> None:
    url = replace(SERVER, query=(("options", "-c search_path=x"),))
    with Sessions(Keeper()).read(url, statement_timeout_ms=1234) as session:
        assert session.one("SELECT 1") is True
        assert server.told == [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET LOCAL statement_timeout = 1234",
            "SELECT 1",
        ]  # fmt: skip
        assert server.rolled_back == server.closed == 0
    assert server.arguments["options"] == "-c search_path=x -c default_transaction_read_only=on"
    assert (server.rolled_back, server.closed, server.disposed) == (1, 1, 1)
    assert server.url == "postgresql+psycopg://me:***@127.0.0.1:5432/shop?options=-c+search_path%3Dx"


def test_a_changing_session_is_not_held_to_reading(server: Server) -> None:
    changed(Keeper(), SERVER, Act.CANCEL, Use("x", places.session_digest(SERVER)))
    assert "options" not in server.arguments
    assert server.told == []


@pytest.mark.parametrize("fails", ["connect", "READ ONLY", "statement_timeout"])
def test_a_session_that_cannot_be_held_to_reading_is_none(server: Server, fails: str) -> None:
    server.fails = fails
    with pytest.raises(ConnectionFailed), Sessions(Keeper()).read(SERVER):
        pytest.fail("it was opened")
    assert server.disposed == 1
    assert server.closed == server.opened


@pytest.mark.parametrize(("answer", "held"), [(True, True), (False, False), (None, False), (1, False)])
def test_the_server_s_own_lock_is_held_or_refused(server: Server, answer: object, held: bool) -> None:
    server.answer, came = answer, list[bool]()

    def hold() -> None:
        with Sessions(Keeper()).hold(SERVER, "00000000000000ff" + "9" * 16):
            came.append(True)
            assert server.closed == 0, "held as long as the connection is"

    if held:
        hold()
    else:
        with pytest.raises(LockHeld, match="database_held_on_server"):
            hold()
    assert bool(came) is held
    assert server.given == [{"key": 255}]
    assert server.arguments["options"] == "-c default_transaction_read_only=on"
    assert server.options == {"isolation_level": "AUTOCOMMIT"}
    assert (server.closed, server.disposed) == (1, 1)


def test_a_lock_s_key_may_be_negative(server: Server) -> None:
    with Sessions(Keeper()).hold(SERVER, "ff" * 16):
        assert server.given == [{"key": -1}]


@pytest.mark.parametrize(
    "told", ["/state/scratch/data", "/state/scratch", "/srv/data", None, "", b"/state/scratch/data"]
)
def test_a_scratch_s_server_says_itself_where_its_data_are(server: Server, told: object) -> None:
    server.answer, keeper = told, Keeper()
    use = Use("load", places.own_server_digest(OWN.folder))
    if told == "/state/scratch/data":
        changed(keeper, SERVER, Act.SCRATCH, use, OWN)
    else:
        with pytest.raises(ChangeFailed, match="session_mismatch"):
            changed(keeper, SERVER, Act.SCRATCH, use, OWN)
    assert server.told == [places.DATA_PLACE]
    assert (server.closed, server.disposed) == (1, 1)


def test_an_unknown_engine_is_refused() -> None:
    url = replace(SERVER, engine="mysql")
    with pytest.raises(ConnectionFailed, match="engine_unknown"), Sessions(Keeper()).read(url):
        pytest.fail("it was opened")
