"""A mark that is made once: of many at the same moment at most one is first, in a folder and on real S3 servers."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from approving import NOW, approval, request
from diana_agent.approvals_store import MarkedThere, mark_of, marked_there
from diana_tools.errors import BackupError, PermitRefused
from diana_tools.stores import local
from diana_tools.stores.base import Store
from diana_tools.stores.s3 import open_store
from integration.s3_ground import KEY, SECRET, S3Server, s3_server

pytestmark = pytest.mark.integration

MANY = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    """A server that takes `If-None-Match` and ignores it: two puts are both answered with 200."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        running.bucket("marks")
        yield running


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@contextmanager
def conditional(server: S3Server, *, lose: int = 0) -> Generator[str]:
    """The server behind one that honours the condition, as Amazon's does; `lose` answers get lost on their way."""
    taken, lock, left = set[str](), threading.Lock(), [lose]
    host, port = server.url.removeprefix("http://").split(":")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                refused = self.headers.get("If-None-Match") == "*" and self.path in taken
                if self.command == "PUT" and not refused:
                    taken.add(self.path)
            status, answer = (412, b"") if refused else self._there(body)
            if self.command == "PUT" and not refused and left[0]:
                left[0] -= 1
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _there(self, body: bytes) -> tuple[int, bytes]:
            there = http.client.HTTPConnection(host, int(port))
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    there.putheader(name, value)
            there.endheaders(body or None)
            answer = there.getresponse()
            found = answer.status, answer.read()
            there.close()
            return found

        do_GET = do_PUT = _hand_on  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


def cloud(url: str, prefix: str) -> Store:
    return open_store("cloud", f"s3://marks/{prefix}", True, {"endpoint": url, "region": "eu-west-1"})


def disk(folder: Path) -> Store:
    return local.open_store("disk", str(folder), True, {})


def first_of_many(made: Callable[[], Store]) -> list[bool]:
    """Whether each of many, in a thread and with a store of its own, was told that it was the first."""
    ready, came = threading.Barrier(MANY), list[bool]()

    def one(number: int) -> None:
        store, text = made(), f"runner {number}".encode()
        ready.wait()
        try:
            came.append(store.keep_once("mark", text) == text)
        except BackupError:  # a server that stumbles over many writers at once: who is told that may not run either
            came.append(False)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == MANY
    return came


@pytest.mark.parametrize("number", range(10))
def test_in_a_folder_exactly_one_is_first(tmp_path: Path, number: int) -> None:
    assert first_of_many(lambda: disk(tmp_path)).count(True) == 1, number


def test_where_the_server_decides_exactly_one_is_first(server: S3Server) -> None:
    with conditional(server) as url:
        assert first_of_many(lambda: cloud(url, "decided")).count(True) == 1
        assert cloud(url, "decided").keep_once("mark", b"late") != b"late"


def test_where_the_server_ignores_the_condition_at_most_one_is_first(server: S3Server) -> None:
    for prefix in ("ignored1", "ignored2", "ignored3"):
        came = first_of_many(partial(cloud, server.url, prefix))
        assert came.count(True) <= 1, "two would both run"
        assert cloud(server.url, prefix).keep_once("mark", b"late") != b"late"
    alone = cloud(server.url, "alone")
    assert alone.keep_once("mark", b"mine") == b"mine"
    assert alone.keep_once("mark", b"other") == b"mine"
    assert alone.read("mark") == b"mine"
    assert alone.read("nothing") is None


def test_who_was_first_and_never_heard_of_it_is_still_the_first(server: S3Server) -> None:
    with conditional(server, lose=1) as url:
        assert cloud(url, "lost").keep_once("mark", b"mine") == b"mine"


def test_what_cannot_be_read_or_written_is_an_error_and_never_a_no(tmp_path: Path, server: S3Server) -> None:
    (tmp_path / "mark").symlink_to(tmp_path / "elsewhere")
    gone, nobody = disk(tmp_path / "gone"), open_store("c", "s3://marks", True, {"endpoint": "http://127.0.0.1:1"})
    for act in (
        lambda: gone.read("mark"), lambda: gone.keep_once("mark", b"x"), lambda: disk(tmp_path).read("mark"),
        lambda: disk(tmp_path).keep_once("mark", b"x"),
        lambda: nobody.read("mark"), lambda: nobody.keep_once("mark", b"x"),
        lambda: open_store("c", "s3://no-such-bucket", True, {"endpoint": server.url}).keep_once("mark", b"x"),
    ):  # fmt: skip
        with pytest.raises(BackupError):
            act()


def test_an_approval_is_marked_in_the_store_that_it_names_and_in_no_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    named = local.open_store("s3-eu", str(tmp_path / "one"), True, {})
    other = local.open_store("other", str(tmp_path / "two"), True, {})
    here = local.open_store("s3-eu", str(tmp_path / "two"), False, {})
    made = approval()
    mark = marked_there(made, (other, here, named))
    assert not mark.spent()
    assert mark.spend("r1", "a" * 64, NOW) == ""
    assert marked_there(made, (named,)).spent()
    assert marked_there(made, (named,)).spend("r2", "a" * 64, NOW) == "approval_replayed"
    assert [path.name for path in tmp_path.glob("*/*")] == [mark_of(made.nonce)]
    assert (tmp_path / "one" / mark_of(made.nonce)).stat().st_mode & 0o777 == 0o600
    with pytest.raises(PermitRefused, match="approval_store_unknown"):
        marked_there(made, (other, here))
    (tmp_path / "one" / mark_of(made.nonce)).unlink()
    (tmp_path / "one").rmdir()
    for act in (mark.spent, lambda: mark.spend("r3", "a" * 64, NOW)):
        with pytest.raises(PermitRefused, match="approval_store_unreachable") as caught:
            act()
        assert caught.value.fields["store"] == "s3-eu"
    bare = MarkedThere(approval(request(store="")), None)
    assert (bare.spent(), bare.spend("r", "a" * 64, NOW)) == (False, "")
