"""Whole runs among planted secrets: everything that was written, shown, sent or started is searched for every one."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

import walking
from answers import Result
from diana_agent.crash import crashed
from diana_tools.redaction import Redactor
from diana_tools.secret_places import forms
from fakes.messages_server import Call, MessagesServer, Reply, Say, Step
from servers import PgDatabase
from walking import Walker

pytestmark = pytest.mark.integration

SPEAKING = """\
import os, sys, time
from pathlib import Path
def say(text, *more):
    for piece in (text[:len(text) // 2], text[len(text) // 2:]):
        os.write(1, piece.encode()); time.sleep(0.12)
    os.write(2, ("\\n" + " ".join(map(repr, more)) + "\\n").encode())
written = Path("{env}").read_text()
say("told " + os.environ["SMTP_PASSWORD"], os.environ["SMTP_PASSWORD"], config_url)
say(written, written)
api_key = "{literal}"
say("api_key=" + api_key)
"""


@cache
def _ways(word: str) -> frozenset[str]:
    return frozenset((word, *forms([word])))


@dataclass
class Secrets:
    """A secret for every place, each recognised by what nothing else holds; `forms` are all ways to write them."""

    words: dict[str, str] = field(default_factory=dict[str, str])

    def new(self, place: str, shape: str = "{}") -> str:
        self.words[place] = shape.format(f"{place}-{secrets.token_hex(6)}")
        return self.words[place]

    @property
    def written(self) -> list[str]:
        return sorted({form for word in self.words.values() for form in (word, quote(word, safe=""), *forms([word]))})

    def found_in(self, text: str) -> list[str]:
        return [place for place, word in self.words.items() if any(form in text for form in _ways(word))]


class Watch:
    """What the processes of a run are called with, and what their environments hold, looked at again and again."""

    def __init__(self, known: Secrets) -> None:
        self._known, self._over = known, threading.Event()
        self.argv: set[str] = set()
        self.supervisors: set[str] = set()
        self.seen = 0

    @contextmanager
    def watching(self) -> Generator[None]:
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for process in psutil.Process().children(recursive=True):
                try:
                    words = process.cmdline()
                    environ = process.environ() if any("supervisor.py" in word for word in words) else {}
                except psutil.Error:
                    continue
                self.seen += bool(words)
                self.argv.update(self._known.found_in(" ".join(words)))
                self.supervisors.update(self._known.found_in(json.dumps(environ)))


@dataclass
class Field:
    """A project on PostgreSQL with secrets in every corner, and the person before it."""

    walker: Walker
    project: Path
    known: Secrets
    files: Mapping[Path, str]

    def call(self, *words: str, piped: str = "") -> Result:
        watch = Watch(self.known)
        with watch.watching():
            result = self.walker.diana(self.project, *words, piped=piped)
        assert watch.seen
        assert (watch.argv, watch.supervisors) == (set(), set())
        assert self.known.found_in(result.out + result.err) == []
        return result

    def clean(self) -> None:
        """Nothing that was written since holds a secret: home, temporary folder, project."""
        for root in (self.walker.home, self.walker.temporary, self.project):
            for path in root.rglob("*"):
                if path.is_file() and path not in self.files and path != self.walker.settings:
                    assert self.known.found_in(path.read_bytes().decode("utf-8", "replace")) == [], path
        for path, text in self.files.items():
            assert path.read_text() == text, "what was planted lies as it did"


def field_of(tmp_path: Path, walker: Walker, database: PgDatabase) -> Field:
    known = Secrets()
    known.words["url"] = database.password
    walking.pg_shop(database)
    database.execute(f"UPDATE customer SET legacy = '{known.new('row')[:20]}'; UPDATE customer SET email = email")
    database.execute(f"INSERT INTO audit_log VALUES (99, 'password={known.words['row']}')")
    project = tmp_path / "shop"
    speaking = SPEAKING.format(env=project / ".env", literal=known.new("literal"))
    svc = f"postgresql://svc:{known.new('comment')}@db/x"
    first = walking.migration(
        "2b0000000002", walking.BASE,
        f'{speaking}op.execute("COMMENT ON TABLE customer IS \'{svc}\'")\nop.add_column("customer", '
        'sa.Column("points", sa.Integer))'.replace("config_url", "op.get_bind().engine.url.render_as_string(False)"),
        'op.drop_column("customer", "points")',
    )  # fmt: skip
    first = first.replace("config_url", "op.get_bind().engine.url.render_as_string(False)")
    second = walking.migration(
        "3c0000000003", "2b0000000002",
        f'{speaking}raise RuntimeError(f"no way to {svc} " + os.environ["SMTP_PASSWORD"] + " " + written)',
    ).replace("config_url", "op.get_bind().engine.url.render_as_string(False)")  # fmt: skip
    walking.project(project, database.url, first, second)
    with (project / "alembic.ini").open("a") as ini:
        ini.write(f"\n[other]\nbroker = amqp://me:{known.new('ini', '{}%%25@ü')}@mq/x\n")
    known.words["ini"] = known.words["ini"].replace("%%", "%")
    (project / ".env").write_text(
        f"STRIPE_TOKEN='{known.new('dotenv', '{} in quotes')}'\nB=redis://:{known.new('env2')}@r\n"
    )
    walker.environ |= {
        "SMTP_PASSWORD": known.new("environment", "{}'s $päss"), "OTHER_SECRET": known.new("unused"),
        "AWS_SECRET_ACCESS_KEY": known.new("cloud"), "HTTPS_PROXY": f"http://me:{known.new('proxy')}@127.0.0.1:1",
        "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    walker.say('child_env = ["SMTP_PASSWORD", "AWS_SECRET_ACCESS_KEY"]\n' + walking.person_of(
        database.server, **{database.name: "dev"}))  # fmt: skip
    walker.secrets += known.written
    files = {path: path.read_text() for path in project.rglob("*") if path.is_file()}
    return Field(walker, project, known, files)


def test_a_run_that_fails_leaves_no_secret_anywhere(tmp_path: Path, walker: Walker, pg_database: PgDatabase) -> None:
    field = field_of(tmp_path, walker, pg_database)
    shown = field.call("dry-run", "--trust", "--json")
    assert shown.code == 0, shown
    done = field.call("migrate", "--trust", "--yes", "--skip-rehearsal", "--json")
    assert done.code == 7, done
    assert "told ***" in done.err, "the tool's words are shown as they come"
    assert "no way to postgresql://svc:***@db/x ***" in done.err
    logs = [path.read_text() for path in (walker.state / "runs").rglob("output.log")]
    assert any("told ***" in text and "api_key=***" in text for text in logs)
    for words in (("report",), ("report", "--json"), ("journal", "export"), ("config", "show")):
        assert field.call(*words).code == 0
    field.clean()


async def test_what_goes_to_a_model_and_what_it_says_holds_no_secret(
    tmp_path: Path, walker: Walker, pg_database: PgDatabase
) -> None:
    field = field_of(tmp_path, walker, pg_database)
    known = field.known
    said = f"Is it {known.words['environment']} or {known.words['dotenv']}?"
    script: list[Step] = [
        Reply((Say(said), Call("detect"))), Reply((Say(f"Or {known.words['ini']}?"), Call("connect", id="t2"))),
        Reply((Call("plan", id="t3"),)), Reply((Call("read_migration", '{"id": "2b0000000002"}', id="t4"),)),
        Reply((Call("read_migration", json.dumps({"id": known.words["environment"]}), id="t5"),)),
        Reply((Say(f"Done, {known.words['url']}."),)),
    ]  # fmt: skip
    async with MessagesServer(script) as server:
        key = known.new("model", "sk-test-{}")
        walker.secrets.append(key)
        walker.environ |= {"ANTHROPIC_API_KEY": key}
        settings = f'model_endpoint = "{server.url}"\nmodel_sees = "statements"\n' + walker.settings.read_text()
        walker.say(settings)
        typed = f"my password is {known.words['url']}\n/quit\n"
        talked = await asyncio.to_thread(field.call, "chat", "--plain", "--trust", "--model", "claude", piped=typed)
    for masked in ("Is it *** or ***?", "Or ***?", "Done, ***."):
        assert masked in talked.out, talked
    assert "my password is ***" in json.dumps([asked.body for asked in server.asked], ensure_ascii=False)
    assert any("api_key" in json.dumps(asked.body) for asked in server.asked), "the migration's text was sent"
    for asked in server.asked:
        assert known.found_in(json.dumps(asked.body, ensure_ascii=False)) == []
        assert [name for name, value in asked.headers.items() if known.found_in(value)] in (
            ["x-api-key"],
            ["authorization"],
        )
    field.clean()


def test_a_crash_knows_what_its_run_knew(tmp_path: Path) -> None:
    redactor = Redactor(forms(["only-in-an-ini-file"]))
    environ = {"HOME": str(tmp_path), "MY_TOKEN": "only-in-the-environment", "PWD": str(tmp_path)}
    try:
        raise RuntimeError("only-in-an-ini-file, only-in-the-environment, x://u:p4ss@h")
    except RuntimeError as error:
        told = crashed(error, environ)
    text = Path(told.fields["path"]).read_text()
    assert "RuntimeError: ***, ***, x://u:***@h" in text
    assert str(Path(__file__).name) in text
    assert redactor.forms
