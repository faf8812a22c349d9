"""Each check of the mint by itself: once, in time, for exactly what was minted, and recovery only after a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from pathlib import Path

import pytest

from diana_agent.events import ChangeFinished, PermitRedeemed
from diana_agent.guard.mint import Mint
from diana_agent.journal import Journal, read
from diana_tools.domain import Level
from diana_tools.errors import DianaError, PermitRefused
from diana_tools.measured import ChangeResult
from diana_tools.permit import Act, Operation, Permit, Use
from guard.checking import AFTER, BACK, MAIN, OPERATION, START, Standing


class Till:
    """A mint with its journal and clock."""

    def __init__(self, folder: Path) -> None:
        self.clock = Standing()
        self.journal = Journal(folder / "journal.jsonl", self.clock)
        self.mint = Mint(self.journal, self.clock)

    def made(self, level: Level = Level.PRODUCTION) -> Permit:
        return self.mint.mint(OPERATION, level=level, destructive=True, grade="restored")

    def refused(self, permit: Permit, use: Use = MAIN, operation: Operation = OPERATION) -> str:
        """The code of the refusal; nothing of it may stand in the journal."""
        before = len(self.journal.entries)
        with pytest.raises(PermitRefused) as error:
            self.mint.redeem(permit, operation, use)
        assert len(self.journal.entries) == before
        return error.value.code

    def finished(self, state: str, permit: str) -> None:
        result = ChangeResult(0, 1.0, state, ("1",), ())
        self.journal.append(ChangeFinished(permit=permit, act="apply", result=result), "tool")


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def test_a_use_is_written_before_it_is_good_and_good_once(till: Till) -> None:
    permit = till.made()
    till.mint.redeem(permit, OPERATION, MAIN)
    assert till.journal.events()[-1] == PermitRedeemed(permit=permit.id, use="run", digest=MAIN.digest)
    assert [entry.event.kind for entry in read(till.journal.path)] == ["permit_minted", "permit_redeemed"]
    assert till.refused(permit) == "permit_spent"
    till.mint.redeem(permit, OPERATION, AFTER)
    assert till.refused(permit, AFTER) == "permit_spent"
    assert {entry.actor for entry in till.journal.entries} == {"guard"}


def test_a_use_that_could_not_be_written_is_burnt(till: Till) -> None:
    permit = till.made()
    till.journal.close()
    with pytest.raises(DianaError, match="journal_unwritable"):
        till.mint.redeem(permit, OPERATION, MAIN)
    with pytest.raises(PermitRefused, match="permit_spent"):
        till.mint.redeem(permit, OPERATION, MAIN)


def test_a_permit_that_could_not_be_written_is_none(till: Till) -> None:
    till.journal.close()
    with pytest.raises(DianaError, match="journal_unwritable"):
        till.made()


@pytest.mark.parametrize(("level", "minutes"), [(Level.PRODUCTION, 15), (Level.STAGING, 60), (Level.DEV, 60)])
def test_a_permit_has_its_time(till: Till, level: Level, minutes: int) -> None:
    assert till.made(level).expires_at == START + timedelta(minutes=minutes)
    late, last = till.made(level), till.made(level)
    till.clock.pass_by(minutes=minutes, seconds=-1)
    till.mint.redeem(last, OPERATION, MAIN)
    till.clock.pass_by(seconds=1)
    assert till.refused(late) == "permit_expired"
    till.mint.redeem(last, OPERATION, AFTER)


def test_a_clock_set_back_spends_nothing(till: Till) -> None:
    permit = till.made()
    till.mint.redeem(till.made(), OPERATION, MAIN)
    till.clock.pass_by(seconds=-1)
    assert till.refused(permit) == "permit_expired"


@pytest.mark.parametrize(
    "change",
    [
        {"act": Act.RESTORE}, {"tool": "other"}, {"identity": "9" * 32}, {"plan_hash": "9" * 64},
        {"uses": (MAIN, BACK)}, {"uses": (MAIN,)}, {"recovery": "e"}, {"backup": None}, {"backup": "backup-2"},
        {"uses": (replace(MAIN, digest="9" * 64), AFTER, BACK)}, {"uses": (replace(MAIN, name="walk"), AFTER, BACK)},
        {"uses": (replace(MAIN, recovery=True), AFTER, BACK)},
    ],
)  # fmt: skip
def test_another_operation_is_not_what_was_minted(till: Till, change: dict[str, object]) -> None:
    other = replace(OPERATION, **change)
    assert other.digest != OPERATION.digest, "every field counts"
    assert till.refused(till.made(), operation=other) == "permit_mismatch"


@pytest.mark.parametrize(
    "change",
    [{"id": "0" * 16}, {"act": Act.SCRATCH}, {"operation": "9" * 64}, {"identity": "9" * 32}, {"backup": None},
     {"recovery": "e"}, {"expires_at": START + timedelta(days=1)}],
)  # fmt: skip
def test_another_permit_is_unknown(till: Till, change: dict[str, object]) -> None:
    assert till.refused(replace(till.made(), **change)) == "permit_unknown"


@pytest.mark.parametrize("use", [replace(MAIN, digest="9" * 64), replace(MAIN, recovery=True), Use("other", "3" * 64)])
def test_another_use_is_not_among_those_minted(till: Till, use: Use) -> None:
    assert till.refused(till.made(), use) == "permit_mismatch"


class AnyPermit(Permit):
    """Says that it equals everything."""

    __slots__ = ()
    __hash__ = Permit.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class AnyOperation(Operation):
    """Says that it equals everything."""

    __slots__ = ()
    __hash__ = Operation.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class AnyUse(Use):
    """Says that it equals everything."""

    __slots__ = ()
    __hash__ = Use.__hash__

    def __eq__(self, other: object) -> bool:
        return True


def test_what_says_that_it_equals_anything_is_of_no_use(till: Till) -> None:
    permit = till.made()
    liar = AnyPermit(permit.id, Act.SCRATCH, "9" * 64, "9" * 32, None, "e", START + timedelta(days=1))
    assert till.refused(liar) == "permit_unknown"
    same = AnyOperation(Act.APPLY, "toy", "1" * 32, OPERATION.plan_hash, OPERATION.uses, "b", "backup-1")
    assert till.refused(permit, operation=same) == "permit_mismatch"
    assert till.refused(permit, AnyUse("run", "9" * 64)) == "permit_mismatch"
    till.mint.redeem(permit, OPERATION, MAIN)


def test_what_was_minted_and_altered_in_its_place_is_noticed(till: Till) -> None:
    mine = replace(OPERATION)
    permit = till.mint.mint(mine, level=Level.PRODUCTION, destructive=True, grade="restored")
    with pytest.raises(FrozenInstanceError):
        mine.backup = None  # pyright: ignore[reportAttributeAccessIssue]  # that is the test
    object.__setattr__(mine, "backup", None)
    assert till.refused(permit, operation=mine) == "permit_mismatch"


def test_another_mint_knows_nothing_of_it(till: Till) -> None:
    permit, other = till.made(), Mint(till.journal, till.clock)
    with pytest.raises(PermitRefused, match="permit_unknown"):
        other.redeem(permit, OPERATION, MAIN)


def test_a_burnt_permit_is_unknown(till: Till) -> None:
    permit = till.made()
    till.mint.burn(permit)
    till.mint.burn(permit)
    assert till.refused(permit) == "permit_unknown"


def test_recovery_comes_after_the_main_use(till: Till) -> None:
    permit = till.made()
    assert till.refused(permit, BACK) == "permit_mismatch"
    till.mint.redeem(permit, OPERATION, MAIN)
    till.clock.pass_by(hours=9)
    till.mint.redeem(permit, OPERATION, BACK)
    assert till.refused(permit, BACK) == "permit_spent"


@pytest.mark.parametrize(
    ("state", "whose", "may"),
    [("applied", "mine", False), ("partial", "mine", True), ("unchanged", "mine", True), ("applied", "other", True)],
)
def test_recovery_never_comes_after_success(till: Till, state: str, whose: str, may: bool) -> None:
    permit = till.made()
    till.mint.redeem(permit, OPERATION, MAIN)
    till.finished(state, permit.id if whose == "mine" else "0" * 16)
    if may:
        till.mint.redeem(permit, OPERATION, BACK)
    else:
        assert till.refused(permit, BACK) == "permit_mismatch"


def test_a_refused_use_leaves_the_permit_as_it_was(till: Till) -> None:
    permit = till.made()
    refusals: list[Callable[[], str]] = [
        lambda: till.refused(permit, Use("other", "3" * 64)),
        lambda: till.refused(permit, operation=replace(OPERATION, backup=None)),
        lambda: till.refused(permit, BACK),
    ]
    assert {refusal() for refusal in refusals} == {"permit_mismatch"}
    till.mint.redeem(permit, OPERATION, MAIN)
