"""In production nothing that is typed inside a coding agent's terminal is taken for a person's word."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from diana_agent.events import Asked, PermitMinted
from diana_agent.guard.guard import Guard, Refusal, Request
from diana_agent.guard.policy import Ask, Verdict
from diana_agent.journal import Journal
from diana_agent.person import Question, Reply
from diana_agent.sentences import refusal
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Level
from diana_tools.permit import Act, Operation, Permit, Use


class Yes:
    """Whoever answers everything as it is wanted."""

    present = True

    async def ask(self, question: Question) -> Reply:
        return Reply(given=True, text=question.phrase or "y")


def request(level: Level) -> Request:
    operation = Operation(Act.APPLY, "toy", "identity", "hash", (Use("run", "digest"),), "a", "backup-1")
    return Request(
        verb="migrate", operation=operation, level=level, destructive=False, grade="restored",
        verdict=Verdict(asks=(Ask("ask.production"),)), fields={"count": "2"},
    )  # fmt: skip


def guard(folder: Path, agent: str) -> tuple[Guard, Journal]:
    journal = Journal(folder / "run.jsonl")
    return Guard(journal, Yes(), Catalogue(), lambda: datetime.now(UTC), lambda: agent), journal


async def test_a_yes_inside_an_agents_terminal_is_nobodys_in_production(tmp_path: Path) -> None:
    keeper, journal = guard(tmp_path, "an-agent")
    answer = await keeper.permit(request(Level.PRODUCTION))
    assert isinstance(answer, Refusal)
    assert answer.reason == "coding_agent"
    assert not [event for event in journal.events() if isinstance(event, Asked | PermitMinted)]
    assert "an-agent" in refusal(answer.reason, dict(answer.fields), Catalogue())
    journal.close()


@pytest.mark.parametrize(("level", "agent"), [(Level.PRODUCTION, ""), (Level.STAGING, "an-agent")])
async def test_elsewhere_the_person_is_asked(tmp_path: Path, level: Level, agent: str) -> None:
    keeper, journal = guard(tmp_path, agent)
    assert isinstance(await keeper.permit(request(level)), Permit)
    assert [event for event in journal.events() if isinstance(event, Asked)]
    journal.close()
