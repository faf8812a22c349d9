"""Each check on a tool call's way by itself: known, on offer, with good arguments, now; and what a failure becomes."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from diana_agent import dispatch as dispatching
from diana_agent.dispatch import dispatch, halted
from diana_agent.events import AnyEvent, Detected, Halted, Refused, StepEntered, StepLeft, ToolAnswered, ToolRequested
from diana_agent.models.base import JsonValue, ToolCall, ToolResult
from diana_agent.run import Outcome, Run
from diana_tools.domain import Confidence, Detection, Evidence
from diana_tools.errors import DianaError, PermitRefused, ToolError
from guard.ground import Ground

FOUND = Detection("toy", "", "toy.ini", "m", 1, (Evidence("toy.ini", "x"),), Confidence.CERTAIN)


@dataclass
class Desk:
    """A run whose verbs do what the test says, and what they were called with."""

    run: Run
    outcome: Outcome | DianaError = field(default_factory=lambda: Outcome("done"))
    carried: list[tuple[str, Mapping[str, str]]] = field(default_factory=list[tuple[str, Mapping[str, str]]])

    async def call(self, verb: str, arguments: str = "{}", actor: str = "model", **more: frozenset[str]) -> Called:
        before = len(self.run.journal.entries)
        result, outcome = await dispatch(self.run, ToolCall("c1", verb, arguments), actor, **more)
        entries = self.run.journal.entries[before:]
        assert isinstance(entries[0].event, ToolRequested)
        assert isinstance(entries[-1].event, ToolAnswered)
        assert entries[-1].event.result == result.content
        assert entries[-1].event.ok is result.ok
        assert entries[-1].actor == "tool"
        return Called(result, outcome, entries[0].actor, tuple(entry.event for entry in entries[1:-1]))


@dataclass(frozen=True)
class Called:
    result: ToolResult
    outcome: Outcome
    actor: str
    between: tuple[AnyEvent, ...]

    @property
    def body(self) -> dict[str, JsonValue]:
        made: dict[str, JsonValue] = json.loads(self.result.content)
        return made


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Desk]:
    ground = Ground(tmp_path / "ground")
    made = Desk(ground.open())
    entries = dispatching._VERBS  # pyright: ignore[reportPrivateUsage]  # its checks, without what follows them

    def entry(name: str, schema: type[dispatching.Nothing]) -> object:
        async def carry(_run: Run, arguments: Mapping[str, str]) -> Outcome:
            made.carried.append((name, arguments))
            if isinstance(made.outcome, DianaError):
                raise made.outcome
            return made.outcome

        return dispatching._Entry(schema, carry)  # pyright: ignore[reportPrivateUsage]  # as above

    for name, one in list(entries.items()):
        monkeypatch.setitem(entries, name, entry(name, one.schema))  # pyright: ignore[reportArgumentType]  # a dict
    yield made
    ground.close()


async def test_an_unknown_verb_and_one_not_on_offer_are_refused(desk: Desk) -> None:
    called = await desk.call("shell")
    assert (called.outcome.status, called.outcome.reason, called.outcome.exit_code) == ("refused", "unknown_verb", 2)
    called = await desk.call("detect", offered=frozenset({"facts"}))
    assert (called.outcome.status, called.outcome.reason, called.outcome.exit_code) == ("refused", "not_offered", 2)
    assert (called.between, desk.carried, called.result.ok) == ((), [], False)
    called = await desk.call("shell", offered=frozenset({"shell"}))
    assert called.outcome.reason == "unknown_verb"


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [("detect", '{"environment": "dev"}'), ("detect", "rm -rf"), ("detect", "[]"), ("read_migration", "{}"),
     ("read_migration", '{"id": 1}'), ("read_migration", '{"id": ""}'), ("read_migration", ""),
     ("facts", '{"topic": "x", "sql": "DROP"}')],
)  # fmt: skip
async def test_arguments_that_do_not_fit_are_refused(desk: Desk, verb: str, arguments: str) -> None:
    called = await desk.call(verb, arguments)
    assert (called.outcome.status, called.outcome.reason, called.outcome.exit_code) == ("refused", "bad_arguments", 2)
    assert (called.between, desk.carried, called.result.ok) == ((), [], False)
    assert dict(called.outcome.fields)["fault"]


async def test_no_arguments_are_none(desk: Desk) -> None:
    assert (await desk.call("detect", "")).outcome.status == "done"
    assert desk.carried == [("detect", {})]


async def test_what_may_not_come_now_is_refused_by_the_guard(desk: Desk) -> None:
    called = await desk.call("migrate")
    fields = {"verb": "migrate", "next": "detect, facts, analyze"}
    assert (called.outcome.status, called.outcome.reason, called.outcome.exit_code) == ("refused", "not_now", 4)
    assert dict(called.outcome.fields) == fields
    assert called.between == (Refused(verb="migrate", reason="not_now", fields=fields),)
    assert desk.carried == []
    assert called.body["next"] == ["detect", "facts", "analyze", "read_migration"]


async def test_what_is_known_offered_fitting_and_due_is_carried_out(desk: Desk) -> None:
    called = await desk.call("read_migration", '{"id": "0001"}', offered=frozenset({"read_migration"}))
    assert (called.outcome.status, called.result.ok, called.between) == ("done", True, ())
    assert desk.carried == [("read_migration", {"id": "0001"})]


@pytest.mark.parametrize(
    ("status", "how", "ok"),
    [("done", "done", True), ("nothing", "done", True), ("refused", "skipped", False), ("halted", "failed", False)],
)
async def test_a_step_is_entered_and_left(desk: Desk, status: str, how: str, ok: bool) -> None:
    desk.outcome = Outcome(status)  # pyright: ignore[reportArgumentType]  # one of the four
    called = await desk.call("detect")
    entered, left = called.between
    assert entered == StepEntered(step=2)
    assert isinstance(left, StepLeft)
    assert (left.step, left.outcome) == (2, how)
    assert called.result.ok is ok


@pytest.mark.parametrize(("actor", "who"), [("model", "model"), ("face", "person")])
async def test_who_asked_stands_in_the_journal(desk: Desk, actor: str, who: str) -> None:
    called = await desk.call("detect", actor=actor)
    assert called.actor == who


async def test_a_refused_permit_is_an_answer(desk: Desk) -> None:
    desk.outcome = PermitRefused("permit_spent", {"use": "run"})
    called = await desk.call("facts", '{"topic": "loss"}')
    assert (called.outcome.status, called.outcome.reason, called.outcome.exit_code) == ("refused", "permit_spent", 4)
    assert called.outcome.fields == (("use", "run"),)
    assert called.between == ()


async def test_a_failure_ends_the_walk_and_is_an_answer(desk: Desk) -> None:
    desk.outcome = ToolError("detect_first", {"a": "b"})
    called = await desk.call("facts", '{"topic": "loss"}')
    assert (called.outcome.status, called.outcome.reason, called.outcome.exit_code) == ("halted", "detect_first", 5)
    (event,) = called.between
    assert isinstance(event, Halted)
    assert (event.reason, event.exit_code, event.fields) == ("detect_first", 5, {"a": "b"})
    assert halted(desk.run, desk.outcome).fields == (("a", "b"),)


@pytest.mark.parametrize("code", ["journal_unwritable", "journal_changed"])
async def test_only_a_broken_journal_ends_the_run(desk: Desk, code: str) -> None:
    desk.outcome = DianaError(code)
    with pytest.raises(DianaError, match=code):
        await dispatch(desk.run, ToolCall("c1", "detect", "{}"), "model")
    assert not any(isinstance(event, (Halted, ToolAnswered)) for event in desk.run.journal.events())


async def test_a_long_answer_is_cut_to_what_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.outcome = Outcome("done", body={"text": "x" * 100})
    whole = (await desk.call("detect")).result.content
    assert '"text": "xxx' in whole
    assert "truncated" not in whole
    monkeypatch.setattr(dispatching, "LONGEST_ANSWER", len(whole))
    assert (await desk.call("detect")).result.content == whole
    monkeypatch.setattr(dispatching, "LONGEST_ANSWER", len(whole) - 1)
    called = await desk.call("detect")
    assert called.body.keys() == {"status", "reason", "sentence", "fields", "next", "truncated"}
    assert called.body["truncated"] is True


async def test_what_comes_next_is_read_after_the_call(desk: Desk) -> None:
    desk.run.write(Detected(found=(FOUND,), chosen=FOUND, version="1"))
    called = await desk.call("facts", '{"topic": "loss"}')
    following = called.body["next"]
    assert isinstance(following, list)
    assert following[0] == "connect"
