"""A real S3 server (rclone over a folder), and a man in the middle who spoils what passes."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

KEY, SECRET = "testkey", "not-a-secret-12345"


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where it listens, and the folder whose sub-folders are its buckets."""

    url: str
    folder: Path
    client: S3Client

    def bucket(self, name: str) -> Path:
        """A new bucket, made by the protocol; its folder."""
        self.client.create_bucket(Bucket=name)
        return self.folder / name


@contextmanager
def s3_server(folder: Path) -> Generator[S3Server]:
    (folder / "data").mkdir()
    # The key is read as CSV; by the environment it is in no argument list.
    env = os.environ | {"RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"'}
    command = [
        str(Path(sys.prefix) / "bin" / "rclone"), "--config", os.devnull, "serve", "s3", "--addr", "127.0.0.1:0",
        "--vfs-cache-mode", "off", "--cache-dir", str(folder / "cache"), str(folder / "data"),
    ]  # fmt: skip
    log = folder / "log"
    with log.open("wb") as handle:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=handle, stderr=handle)
    try:
        url = _address(process, log)
        session = boto3.session.Session(KEY, SECRET, region_name="eu-west-1")
        client = session.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
        with closing(client):
            yield S3Server(url, folder / "data", client)
    finally:
        process.terminate()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    waiting = threading.Event()
    while process.poll() is None:
        if found := re.search(r"\[(http://127\.0\.0\.1:\d+)/\]", log.read_text()):
            return found.group(1)
        waiting.wait(0.05)
    raise AssertionError(log.read_text())


@dataclass(slots=True)
class Passing:
    """One answer on its way to the client: whatever of it is changed here, the client gets."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes

    def say(self, name: str, value: str) -> None:
        """Put a header in the place of the one that is there, however it is spelled."""
        self.headers = {known: told for known, told in self.headers.items() if known.lower() != name}
        self.headers[name] = value


@dataclass(slots=True)
class Middle:
    """The man in the middle: `spoil` sees every answer; `seen` are the requests as `METHOD path`."""

    url: str = ""
    seen: list[str] = field(default_factory=list[str])


@contextmanager
def in_the_middle(server: S3Server, spoil: Callable[[Passing], None]) -> Generator[Middle]:
    """A proxy on loopback that hands every request on unchanged, signature and all."""
    middle = Middle()
    host, port = server.url.removeprefix("http://").split(":")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _hand_on(self) -> None:
            middle.seen.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            there = http.client.HTTPConnection(host, int(port))
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    there.putheader(name, value)
            there.endheaders(body or None)
            answer = there.getresponse()
            passing = Passing(self.command, self.path, answer.status, dict(answer.getheaders()), answer.read())
            there.close()
            passing.headers = {
                n: v for n, v in passing.headers.items() if n.lower() not in ("transfer-encoding", "date")
            }
            spoil(passing)
            self.send_response(passing.status)
            if self.command != "HEAD":
                passing.headers["Content-Length"] = str(len(passing.body))
            for name, value in passing.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(passing.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _hand_on  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        middle.url = f"http://127.0.0.1:{proxy.server_port}"
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield middle
        finally:
            proxy.shutdown()
            thread.join()
