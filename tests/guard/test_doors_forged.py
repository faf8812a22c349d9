"""The doors at run time, tried with what Python lets one make: objects without a constructor, copies, liars, races."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diana_agent.events import PermitRedeemed
from diana_agent.guard.mint import Mint
from diana_agent.journal import Journal
from diana_tools.command import CaptureCommand, Command, ReadCommand, WriteCommand
from diana_tools.domain import Level
from diana_tools.errors import ChangeFailed, PermitRefused
from diana_tools.executor import Executor
from diana_tools.permit import Act, Operation, Permit, Use


@dataclass
class Door:
    """A real executor on a real mint and journal, and a command that was permitted once."""

    folder: Path

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder / "journal.jsonl")
        self.mint = Mint(self.journal, lambda: datetime.now(UTC))
        self.executor = Executor(self.mint, lambda: True, {"PATH": "/usr/bin:/bin"}, self.folder / "runs")
        self.command = WriteCommand(("/usr/bin/touch", str(self.mark)), self.folder)
        self.use = Use("run", self.command.digest)
        self.operation = Operation(Act.APPLY, "toy", "i" * 32, "0" * 64, (self.use,), "e")

    @property
    def mark(self) -> Path:
        return self.folder / "changed"

    def permit(self) -> Permit:
        return self.mint.mint(self.operation, level=Level.DEV, destructive=False, grade="read")

    async def tried(self, permit: Permit, operation: Operation | None = None, use: Use | None = None) -> str:
        """The reason of the refusal; nothing was started, and nothing was redeemed."""
        before = len(self.journal.entries)
        with pytest.raises(PermitRefused) as error:
            await self.executor.change(
                self.command, permit, operation or self.operation, use or self.use, lambda _line: None
            )
        assert not self.mark.exists()
        assert len(self.journal.entries) == before
        return error.value.code


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


async def test_with_its_permit_it_does_run(door: Door) -> None:
    await door.executor.change(door.command, door.permit(), door.operation, door.use, lambda _line: None)
    assert door.mark.exists()


class Equal(Permit):
    """A permit that says it equals every other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = Permit.__hash__


def without_a_constructor(like: Permit, **changed: object) -> Permit:
    made: Permit = object.__new__(type(like))
    for name in ("id", "act", "operation", "identity", "backup", "recovery", "expires_at"):
        object.__setattr__(made, name, changed.get(name, getattr(like, name)))
    return made


async def test_a_permit_that_nobody_minted(door: Door) -> None:
    real, soon = door.permit(), datetime.now(UTC) + timedelta(hours=1)
    for forged in (
        Permit("f" * 16, Act.APPLY, door.operation.digest, "i" * 32, None, "e", soon),
        without_a_constructor(real, id="f" * 16),
        without_a_constructor(real, expires_at=soon + timedelta(hours=9)),
        replace(real, act=Act.SCRATCH),
        Equal("f" * 16, Act.APPLY, door.operation.digest, "i" * 32, None, "e", soon),
        Equal(real.id, Act.SCRATCH, door.operation.digest, "other", "other", "a", soon),
    ):
        assert await door.tried(forged) == "permit_unknown"
    bare: Permit = object.__new__(Permit)
    with pytest.raises(AttributeError):
        await door.executor.change(door.command, bare, door.operation, door.use, lambda _line: None)
    assert not door.mark.exists()


async def test_copies_of_a_redeemed_permit(door: Door) -> None:
    real = door.permit()
    copies = (copy.copy(real), copy.deepcopy(real), pickle.loads(pickle.dumps(real)), replace(real))
    await door.executor.change(door.command, real, door.operation, door.use, lambda _line: None)
    door.mark.unlink()
    for again in (*copies, real, without_a_constructor(real)):
        assert await door.tried(again) == "permit_spent"


async def test_a_burnt_permit(door: Door) -> None:
    real = door.permit()
    door.mint.burn(real)
    assert await door.tried(real) == "permit_unknown"


@dataclass(frozen=True, slots=True)
class Posing(Operation):
    """An operation that declares other uses than those it was minted for, and tells the old digest."""

    told: str = ""

    @property
    def digest(self) -> str:
        return self.told


class Always(Use):
    """A use that says it equals every other."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = Use.__hash__


async def test_an_operation_or_a_use_that_poses_as_another(door: Door) -> None:
    other = Operation(Act.APPLY, "toy", "i" * 32, "0" * 64, (Use("run", "f" * 64),), "e")
    permit = door.mint.mint(other, level=Level.DEV, destructive=False, grade="read")
    posing = Posing(Act.APPLY, "toy", "i" * 32, "0" * 64, (door.use,), "e", None, other.digest)
    assert posing.digest == permit.operation
    assert await door.tried(permit, posing) == "permit_mismatch"
    assert await door.tried(permit, other) == "permit_mismatch"
    assert await door.tried(permit, other, Always("run", door.command.digest)) == "permit_mismatch"


MINTING = """
import pickle, sys
from datetime import UTC, datetime
from pathlib import Path
from diana_agent.guard.mint import Mint
from diana_agent.journal import Journal
from diana_tools.domain import Level
operation = pickle.loads(bytes.fromhex(sys.argv[2]))
mint = Mint(Journal(Path(sys.argv[1])), lambda: datetime.now(UTC))
print(pickle.dumps(mint.mint(operation, level=Level.DEV, destructive=False, grade="read")).hex())
"""


async def test_a_permit_of_another_process(door: Door, tmp_path: Path) -> None:
    """Minted for the very same operation by a Diana beside this one: even with her journal at hand it is nothing."""
    journal = tmp_path / "hers.jsonl"
    told = subprocess.run(
        [sys.executable, "-c", MINTING, str(journal), pickle.dumps(door.operation).hex()],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    hers: Permit = pickle.loads(bytes.fromhex(told.stdout))
    assert hers.operation == door.operation.digest
    assert await door.tried(hers) == "permit_unknown"
    later = Mint(Journal(journal), lambda: datetime.now(UTC))
    with pytest.raises(PermitRefused, match="permit_unknown"):
        later.redeem(hers, door.operation, door.use)


def test_of_many_threads_one_redeems(door: Door) -> None:
    permit, start, told = door.permit(), threading.Barrier(16), list[str]()

    def redeem() -> None:
        start.wait()
        try:
            door.mint.redeem(permit, door.operation, door.use)
            told.append("redeemed")
        except PermitRefused as refused:
            told.append(refused.code)

    threads = [threading.Thread(target=redeem) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["permit_spent"] * 15 + ["redeemed"]
    assert sum(isinstance(event, PermitRedeemed) for event in door.journal.events()) == 1


class Lying(WriteCommand):
    """A command that tells the digest of another one."""

    told = ""

    @property
    def digest(self) -> str:
        return self.told


async def test_a_command_that_tells_the_digest_of_another(door: Door) -> None:
    Lying.told = door.command.digest
    elsewhere = door.folder / "elsewhere"
    with pytest.raises(ChangeFailed, match="command_mismatch"):
        await door.executor.change(
            Lying(("/usr/bin/touch", str(elsewhere)), door.folder), door.permit(), door.operation, door.use,
            lambda _line: None,
        )  # fmt: skip
    assert not elsewhere.exists()


class Looking(ReadCommand):
    """A command derived from one that only looks."""


@pytest.mark.parametrize("kind", [WriteCommand, CaptureCommand, ReadCommand, Command, Looking])
async def test_the_doors_for_looking_start_nothing_else(door: Door, kind: type[Command]) -> None:
    command = kind(("/usr/bin/touch", str(door.mark)), door.folder)
    if kind is not ReadCommand:
        with pytest.raises(ChangeFailed, match="command_mismatch"):
            await door.executor.query(command)  # pyright: ignore[reportArgumentType]  # the types refuse it first
    if kind is not CaptureCommand:
        with pytest.raises(ChangeFailed, match="command_mismatch"):
            await door.executor.capture(command, lambda _: None)  # pyright: ignore[reportArgumentType]  # as above
    assert not door.mark.exists()
