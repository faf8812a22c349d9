"""Checks of the guard and around it, taken out by hand, one at a time: the property must notice each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from diana_agent.approvals import Approval
from diana_agent.events import PermitRedeemed, UserSaid
from diana_agent.guard import guard as guards
from diana_agent.guard import policy
from diana_agent.guard.guard import Guard, Request
from diana_agent.guard.mint import Mint
from diana_agent.guard.policy import Ask, Verdict
from diana_agent.journal import Journal
from diana_agent.steps import approved, migrate, restore
from diana_tools import executor as executors
from diana_tools import plan as plans
from diana_tools.command import WriteCommand
from diana_tools.domain import Plan
from diana_tools.executor import Changed, Executor
from diana_tools.permit import Operation, Permit, Use
from diana_tools.sessions import Sessions
from guard.game import KILL, THIEF
from guard.ground import ADD, DROP
from guard.outsiders import Headless
from guard.property_machine import ADD_AND_BACK, Focus

Patch = pytest.MonkeyPatch
Fault = Callable[[Patch], None]


def _value(place: object, name: str, value: object) -> Fault:
    """A check that always gives the same."""

    def given(*_given: object, **_named: object) -> object:
        return value

    def plant(patch: Patch) -> None:
        patch.setattr(place, name, given)

    return plant


def _soon(place: object, name: str, value: object) -> Fault:
    """The same for a check that is awaited."""

    async def given(*_given: object, **_named: object) -> object:
        return value

    def plant(patch: Patch) -> None:
        patch.setattr(place, name, given)

    return plant


def _constant(place: object, name: str, value: object) -> Fault:
    def plant(patch: Patch) -> None:
        patch.setattr(place, name, value)

    return plant


def _redeem(patch: Patch, redeem: Callable[[Mint, Permit, Operation, Use], None]) -> None:
    patch.setattr(Mint, "redeem", redeem)


def _any_operation(patch: Patch) -> None:
    """The mint knows the permit, and does not look at what it was minted for."""
    real = Mint.redeem

    def redeem(mint: Mint, permit: Permit, operation: Operation, use: Use) -> None:
        known = mint._minted.get(permit.id)  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        if known is not None:
            permit = replace(permit, operation=operation.digest)
            mint._minted[permit.id] = (permit, operation, known[2])  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        real(mint, permit, operation, use)

    _redeem(patch, redeem)


def _again(patch: Patch) -> None:
    """A permit is good as often as one likes."""
    real = Mint.redeem

    def redeem(mint: Mint, permit: Permit, operation: Operation, use: Use) -> None:
        mint._used[permit.id] = set()  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        real(mint, permit, operation, use)

    _redeem(patch, redeem)


def _for_ever(patch: Patch) -> None:
    """A permit does not expire."""
    real = Mint.redeem

    def redeem(mint: Mint, permit: Permit, operation: Operation, use: Use) -> None:
        clock = mint._clock  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        known = mint._minted.get(permit.id)  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        mint._clock = (lambda: known[2]) if known is not None else clock  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        try:
            real(mint, permit, operation, use)
        finally:
            mint._clock = clock  # pyright: ignore[reportPrivateUsage]  a fault is planted inside

    _redeem(patch, redeem)


def _unwritten(patch: Patch) -> None:
    """A redemption is not written down."""
    real = Journal.append

    def append(journal: Journal, event: object, actor: object) -> object:
        if isinstance(event, PermitRedeemed):
            return None
        return real(journal, event, actor)  # pyright: ignore[reportArgumentType]  handed on as it came

    patch.setattr(Journal, "append", append)


def _without_asks(*dropped: str) -> Fault:
    """The policy forgets to ask for something in production."""

    def plant(patch: Patch) -> None:
        real = policy.apply

        def apply(facts: policy.ApplyFacts, rules: policy.Rules) -> Verdict:
            verdict = real(facts, rules)
            return replace(verdict, asks=tuple(ask for ask in verdict.asks if ask.question not in dropped))

        patch.setattr(policy, "apply", apply)

    return plant


def _any_age(patch: Patch) -> None:
    """A backup does not grow old."""
    real = policy.apply

    def apply(facts: policy.ApplyFacts, rules: policy.Rules) -> Verdict:
        return real(facts, replace(rules, max_backup_age=timedelta(days=9)))

    patch.setattr(policy, "apply", apply)


class _Willing:
    """A redeemer that refuses nothing and writes nothing."""

    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        """Let it pass."""


def _any_permit(door: type[Sessions] | type[Executor]) -> Fault:
    def plant(patch: Patch) -> None:
        real = door.__init__

        def made(self: Sessions | Executor, _redeemer: object, *rest: object) -> None:
            real(self, _Willing(), *rest)  # pyright: ignore[reportArgumentType, reportCallIssue]  handed on as it came

        patch.setattr(door, "__init__", made)

    return plant


def _chat_counts(patch: Patch) -> None:
    """The phrase in the chat counts as typed."""
    real = Guard._asked  # pyright: ignore[reportPrivateUsage]  a fault is planted inside

    async def asked(guard: Guard, ask: Ask, request: Request, plan_hash: str) -> bool:
        typed = await real(guard, ask, request, plan_hash)
        journal = guard._journal  # pyright: ignore[reportPrivateUsage]  a fault is planted inside
        said = [event.text for event in journal.events() if isinstance(event, UserSaid)]
        return typed or (bool(ask.phrase) and ask.phrase in said)

    patch.setattr(Guard, "_asked", asked)


def _files_forgotten(patch: Patch) -> None:
    """The project's files are not part of what is compared."""
    real = plans.plan_hash

    def plan_hash(plan: Plan) -> str:
        pending = tuple(replace(one, checksum="") for one in plan.pending)
        return real(replace(plan, code=(), pending=pending))

    patch.setattr(plans, "plan_hash", plan_hash)


def _unlocked(patch: Patch) -> None:
    """Nobody holds the database."""

    def run_lock(*_given: object) -> nullcontext[None]:
        return nullcontext()

    patch.setattr(migrate, "run_lock", run_lock)
    patch.setattr(restore, "run_lock", run_lock)


class _Same(WriteCommand):
    """A command that says that it is another."""

    said = ""

    @property
    def digest(self) -> str:
        """What was declared."""
        return self.said


def _other_command(patch: Patch) -> None:
    """The door does not compare the command with the one that the use was declared for."""
    real = Executor.change

    async def change(executor: Executor, command: WriteCommand, permit: Permit, operation: Operation, use: Use,
                     line: Callable[[str], None], *, private: bool = False) -> Changed:  # fmt: skip
        same = _Same(command.argv, command.cwd, command.env, command.stdin, command.timeout, command.as_user)
        _Same.said = use.digest
        return await real(executor, same, permit, operation, use, line, private=private)

    _value(executors, "_exactly", None)(patch)
    patch.setattr(Executor, "change", change)


ANYTHING = Focus()


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, and what the games begin with so that few of them are enough to notice it."""

    plant: Fault
    focus: Focus = ANYTHING


BREAKS_AFTER = Focus(person="confirm", ambush=("asked", "another database behind the same path"))
NEVER = ("line", "nothing")


def _approved(sql: str = "", meanwhile: str = "nothing", lie: str = "", rows: bool | None = None) -> Focus:
    """Games that begin with a headless run, tried twice with the same approval."""
    how = Headless("confirm", lie, meanwhile, 0, "", again=True)
    return Focus(sql, "leave", NEVER, rows=rows, times=4, headless=how)


GROWS_OLD = Focus(person="confirm", ambush=("proven", "61 minutes"))
FAULTS: Mapping[str, Planted] = {
    "nothing is asked": Planted(_soon(Guard, "_confirmed", "")),
    "the phrase is not asked for": Planted(_without_asks("ask.destructive")),
    "the yes for production is not asked for": Planted(_without_asks("ask.production")),
    "the phrase without a restore test is not asked for": Planted(_without_asks("ask.unproven")),
    "the phrase for no backup is not asked for": Planted(_without_asks("ask.skip_backup"), Focus(sql=ADD)),
    "any answer matches": Planted(_value(guards, "matches", True)),
    "the phrase in the chat counts": Planted(_chat_counts, Focus(sql=DROP, person="chat")),
    "wrong tries are not counted": Planted(_constant(guards, "MAX_TRIES", 99), Focus(sql=DROP, person="clumsier")),
    "a no is forgotten": Planted(_value(Guard, "closed", ""), Focus(person="no", ambush=("line", "nothing"))),
    "a permit is good for any operation": Planted(_any_operation),
    "a permit is good again": Planted(_again),
    "a permit is good for ever": Planted(_for_ever, Focus(person="confirm", ambush=("measured", "20 minutes"))),
    "a redemption is not written": Planted(_unwritten),
    "a recovery needs no failure": Planted(
        _value(Mint, "_may_recover", None), Focus(ADD_AND_BACK, "confirm", ("verified", THIEF))
    ),
    "nothing is looked at again": Planted(_soon(migrate, "_recheck", None)),
    "migrations are not compared": Planted(
        _files_forgotten, Focus(sql=DROP, person="confirm", ambush=("answered", "the migration grows"))
    ),
    "the code of a run is not compared": Planted(
        _files_forgotten, Focus(person="confirm", ambush=("answered", "the helper changes"))
    ),
    "the identity is not compared": Planted(_value(plans, "same_database", True), BREAKS_AFTER),
    "the backup is not hashed again": Planted(_value(migrate, "_as_written", True)),
    "copies are not looked for again": Planted(
        _soon(migrate, "_still_copied", True), Focus(person="confirm", ambush=("asked", "the store is empty"))
    ),
    "any backup will do": Planted(
        _value(policy, "_useless", ""), Focus(person="confirm", ambush=("proven", "61 minutes"))
    ),
    "any age will do": Planted(_any_age, Focus(person="confirm", ambush=("proven", "61 minutes"))),
    "a destructive plan may skip the backup": Planted(
        _value(policy, "_without_backup", Verdict(asks=(Ask("ask.production"),))), Focus(sql=ADD)
    ),
    "an earlier change without an end is passed over": Planted(
        _value(migrate, "refuse_unfinished", None), Focus(ADD, "confirm", ("permit_redeemed", KILL), again=6)
    ),
    "nobody holds the database": Planted(_unlocked, Focus(ADD, "confirm", NEVER, times=5, race=True)),
    "an approval is never used up": Planted(
        _value(approved.Given, "spend", ""), _approved(sql=f"{ADD}\nINSERT INTO nowhere VALUES (1);")
    ),
    "an approval is good for any plan": Planted(
        _value(approved, "check", ""), _approved(meanwhile="the migration grows")
    ),
    "an approval covers everything": Planted(_value(Approval, "covers", True), _approved(lie="less", rows=False)),
    "the door does not compare commands": Planted(_other_command),
    "sessions take any permit": Planted(_any_permit(Sessions)),
    "commands take any permit": Planted(_any_permit(Executor)),
}
