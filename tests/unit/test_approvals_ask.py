"""What an approver is shown and types, and what counts as no."""

from __future__ import annotations

import pytest

import stories
from approving import ASKS, CATALOGUE, request
from diana_agent.approvals_ask import confirm, facts
from diana_agent.guard import phrases
from diana_agent.guard.policy import Ask
from diana_agent.person import Question, Reply
from diana_tools.domain import Environment, Level
from diana_tools.errors import DianaError
from diana_tools.measured import Grade


class Scripted:
    """A person at a terminal who answers in turn."""

    def __init__(self, *answers: str, present: bool = True, wrong: int = 0) -> None:
        self.present, self.wrong = present, wrong
        self.asked: list[Question] = []
        self._answers = list(answers)

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        text = self._answers.pop(0) if self._answers else ""
        return Reply(given=bool(text), text=text, wrong=self.wrong)


async def test_an_approver_types_what_the_plan_needs() -> None:
    person = Scripted("execute destructive migrations", phrases.EXECUTE, "y")
    assert await confirm(request(), person, CATALOGUE) == request().asks
    first = person.asked[0]
    assert (first.kind, first.phrase, first.danger) == ("phrase", phrases.EXECUTE, True)
    assert "Data will be lost, or nobody could tell that it will not." in first.facts
    assert "Database: shop at db.example.org:5432/shop" in first.facts
    assert "What: apply migrations, plan AERU" in first.facts
    assert "Ticket: OPS-1" in first.facts
    assert "customers.legacy: 1,200 values lost" in first.facts
    assert person.asked[-1].kind == "yes_no"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (("",), "phrase_wrong"),
        (("a", "b", "c", phrases.EXECUTE), "phrase_wrong"),
        ((phrases.EXECUTE, "n", "y"), "declined"),
        ((phrases.EXECUTE, ""), "declined"),
        ((phrases.EXECUTE, phrases.EXECUTE), "declined"),
    ],
)
async def test_anything_else_is_no_approval(answers: tuple[str, ...], reason: str) -> None:
    assert await confirm(request(), Scripted(*answers), CATALOGUE) == reason


@pytest.mark.parametrize(("wrong", "approved"), [(0, True), (2, True), (3, False)])
async def test_tries_that_a_face_turned_away_count(wrong: int, approved: bool) -> None:
    person = Scripted(phrases.EXECUTE, "y", wrong=wrong)
    assert await confirm(request(), person, CATALOGUE) == (request().asks if approved else "phrase_wrong")


async def test_nobody_approves_for_nobody() -> None:
    assert await confirm(request(), Scripted("y", present=False), CATALOGUE) == "approval_nobody"


async def test_where_the_policy_asks_nothing_the_approver_is_asked_all_the_same() -> None:
    dev = request(stories.plan(environment=Environment("dev", Level.DEV), findings=()), asks=())
    assert await confirm(dev, Scripted(), CATALOGUE) == "declined"
    assert await confirm(dev, Scripted("y"), CATALOGUE) == ()


async def test_a_request_with_a_question_that_is_none() -> None:
    strange = request(asks=(*ASKS, Ask("ask.no_such_thing")))
    with pytest.raises(DianaError, match="request_unreadable"):
        await confirm(strange, Scripted(phrases.EXECUTE, "y", "y"), CATALOGUE)
    without = request(fields={})
    with pytest.raises(DianaError, match="request_unreadable"):
        await confirm(without, Scripted(phrases.EXECUTE, "y"), CATALOGUE)


def test_what_a_file_says_is_shown_harmless() -> None:
    nasty = "x\x1b[2J\x1b]52;c;eA==\x07\u202e\nDatabase: test at localhost"
    shown = facts(request(facts=(nasty,), asked_by=nasty, ticket=nasty, reason=nasty), CATALOGUE)
    text = "".join(shown)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any("\n" in line for line in shown)
    assert sum(line.startswith("Database: ") for line in shown) == 1


def test_no_backup_is_said_to_the_approver() -> None:
    shown = facts(request(skip_backup=True, least_proof=Grade.NONE, store=""), CATALOGUE)
    assert "NO BACKUP is demanded: there will be nothing to restore from." in shown
