"""What was sent last, byte for byte as the other side received it; and nothing goes where nobody was asked about."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diana_agent.cli import main
from diana_agent.models.base import Conversation, JsonObject, Message, ModelTurn, Text
from diana_agent.models.claude import Care, Claude
from diana_agent.models.last_request import LastRequest, Sent
from diana_agent.models.told import Sharing
from fakes.messages_server import MessagesServer, Refuse, Reply, Say, Step
from integration.claude_talk import KEY, VERBS, collect

ODD = 'an "odd" thing: \\ / <tag> é 漢字 ✓\ttab'


async def ask(script: Sequence[Step], last: LastRequest, text: str = ODD) -> tuple[ModelTurn, MessagesServer]:
    async with MessagesServer(script) as server:
        claude = Claude("claude-test", KEY, server.url, backoff=0.01, care=Care(Sharing(), last))
        _, turn = await collect(claude, Conversation("You are Diana.", (Message("user", (Text(text),)),)), VERBS)
        await claude.close()
    return turn, server


def state(home: Path) -> Path:
    return home / ".local/state/diana"


async def test_what_is_kept_is_what_was_received(isolated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, server = await ask([Reply((Say("Yes."),))], LastRequest(state(isolated)))
    (asked,) = server.asked
    file = state(isolated) / "last-request.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert KEY not in file.read_text()

    assert main(["model", "--show-last", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "diana.model/1"
    assert told["sent"]["body"].encode() == asked.raw
    assert told["sent"]["bytes"] == len(asked.raw)
    assert (told["sent"]["method"], told["sent"]["url"]) == ("POST", f"{server_url(asked.headers)}/v1/messages")
    headers = dict(told["sent"]["headers"])
    assert headers == {name: value if name != "authorization" else "***" for name, value in asked.headers.items()}

    assert main(["model", "--show-last"]) == 0
    shown = capsys.readouterr()
    assert shown.out.encode().endswith(b"\n\n" + asked.raw + b"\n")
    assert "authorization: ***" in shown.out
    assert KEY not in shown.out + shown.err
    assert str(len(asked.raw)) in shown.err


def server_url(headers: dict[str, str]) -> str:
    return f"http://{headers['host']}"


async def test_only_the_last_one_is_kept_also_of_several_tries(isolated: Path) -> None:
    last = LastRequest(state(isolated))
    await ask([Reply((Say("Yes."),))], last, "the first")
    _, server = await ask(
        [Refuse(529), Refuse(400, "invalid_request_error"), Reply((Say("Yes."),))], last, "the second"
    )
    kept = last.read()
    assert kept is not None
    assert kept.body.encode() == server.asked[-1].raw
    assert len({one.raw for one in server.asked}) == 2
    assert "the first" not in (state(isolated) / "last-request.json").read_text()


async def test_what_cannot_be_kept_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    turn, server = await ask([Reply((Say("Yes."),))], LastRequest(tmp_path / "state"))
    assert turn.problem == "model.not_kept"
    assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_takes_nothing_to_another_host(tmp_path: Path, status: int) -> None:
    async with MessagesServer([Reply((Say("Mine now."),))]) as other:
        away = Refuse(status, headers=(("location", f"{other.url}/v1/messages"),))
        turn, server = await ask([away], LastRequest(tmp_path))
    assert turn.problem
    assert other.asked == []
    assert len(server.asked) == 1


def test_where_nothing_was_sent_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "--show-last"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "Nothing was ever sent to a remote model from this account.\n"
    assert shown.err == ""
    assert main(["model", "--show-last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": "diana.model/1", "sent": None, "exit": 0}


@pytest.mark.parametrize("damage", ["{", "[]", '{"body": 3}', '{"method": "POST"}'])
def test_a_damaged_file_is_nothing_sent(isolated: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    state(isolated).mkdir(parents=True, mode=0o700)
    file = state(isolated) / "last-request.json"
    file.write_text(damage)
    file.chmod(0o600)
    assert main(["model", "--show-last"]) == 0
    assert "Nothing was ever sent" in capsys.readouterr().out


def test_headers_that_nobody_knows_keep_their_value_to_themselves() -> None:
    pairs = [("X-Api-Key", KEY), ("Authorization", KEY), ("X-Custom", KEY), ("Cookie", KEY), ("Accept", "a/b")]
    sent = Sent.of("POST", f"https://user:{KEY}@host.example/v1", pairs, b"{}")
    assert KEY not in repr(sent)
    assert dict(sent.headers)["accept"] == "a/b"
    assert sent.url == "https://***@host.example/v1"


def test_what_cannot_be_seen_is_shown_as_its_escape(tmp_path: Path) -> None:
    body = json.dumps({"a": "x\u202ey\x9b\u200b"}, ensure_ascii=False)
    last = LastRequest(tmp_path)
    last.keep(Sent.of("POST", "https://h/", [], body.encode()), datetime.now(UTC))
    kept = last.read()
    assert kept is not None
    assert kept.body == body
    assert json.loads(kept.shown) == json.loads(body)
    assert kept.shown.isascii()


def test_the_verb_says_who_talks_and_what_may_be_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*flags: str) -> JsonObject:
        assert main(["model", "--json", *flags]) == 0
        return json.loads(capsys.readouterr().out)

    assert told()["model"] == "embedded"
    assert main(["model"]) == 0
    assert "nothing leaves this machine" in capsys.readouterr().out
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    found = told("--model-sees", "names")
    assert (found["remote"], found["host"], found["sees"]) == (True, "api.anthropic.com", "names")
    assert found["source"] == "flag --model-sees"
    assert told("--model-sees", "nothing")["remote"] is False
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"https://anna:{KEY}@models.example:8443")
    assert told()["host"] == "models.example:8443"
    assert main(["model"]) == 0
    assert "names and counts" in capsys.readouterr().out
    assert os.environ["ANTHROPIC_API_KEY"] == KEY
