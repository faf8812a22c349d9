"""Settles every key by the strongest tier that spoke, and remembers where each value came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from diana_config import environments, policy
from diana_config.keys import KEYS, Value
from diana_config.settings import SEES, Mode, PolicySetting, Settings, Tier, Word

if TYPE_CHECKING:
    from diana_config.tiers import Said

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Strongest:
    """The winning value of each key, typed on the way out; the key's own check has made it that type."""

    values: dict[str, tuple[Value, str, Tier | None]]

    def text(self, key: str) -> str:
        return _typed(str, self.values[key][0])

    def yes(self, key: str) -> bool:
        return _typed(bool, self.values[key][0])

    def whole(self, key: str) -> int:
        return _typed(int, self.values[key][0])

    def seconds(self, key: str) -> float:
        return _typed(float, self.values[key][0])

    def names(self, key: str) -> tuple[str, ...]:
        value = self.values[key][0]
        return value if isinstance(value, tuple) else ()

    def tier(self, key: str) -> Tier | None:
        return self.values[key][2]


def _typed(kind: type[_T], value: Value) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"a check let {type(value).__name__} through for {kind.__name__}")
    return value


def settled(tiers: Sequence[Said], user_file: str) -> Settings:
    """One `Settings` out of what the tiers said, the strongest first."""
    best = _strongest(tiers)
    own = [said for said in tiers if said.tier.person]
    project = [said for said in tiers if said.tier is Tier.PROJECT]
    policies = [said.policy for said in own]
    tightening = project[0].policy if project else policy.PolicyWords()
    timeout = best.tier("timeout")
    return Settings(
        environment=best.text("environment"),
        mode=Mode(best.text("mode")),
        database=best.text("database"),
        tool=best.text("tool"),
        tool_root=best.text("tool_root"),
        target=best.text("target"),
        version=best.text("version"),
        count=best.whole("count"),
        skip_backup=best.yes("skip_backup"),
        timeout=best.seconds("timeout"),
        timeout_set=timeout is not None and timeout.person,
        rollback_on_failure=best.yes("rollback_on_failure"),
        expected_db=best.text("expected_db"),
        user_name=best.text("user_name"),
        language=best.text("language"),
        document_language=best.text("document_language"),
        skill=best.text("skill"),
        output_folder=best.text("output_folder"),
        log_name=best.text("log_name"),
        model=best.text("model"),
        model_name=best.text("model_name"),
        model_endpoint=best.text("model_endpoint"),
        interpreter=best.text("interpreter"),
        ticket=best.text("ticket"),
        reason=best.text("reason"),
        stores=environments.merged_stores(said.stores for said in own),
        environments=environments.merged(said.environments for said in own),
        project_environments=environments.merged(said.environments for said in project),
        policy=policy.effective(policies, tightening),
        prices=next((said.prices for said in own if said.prices), None),
        backup_folder=best.text("backup_folder"),
        child_env=best.names("child_env"),
        adapters=best.names("adapters"),
        signers=best.text("signers"),
        revoked_signers=best.text("revoked_signers"),
        signing_key=best.text("signing_key"),
        signer=best.text("signer"),
        model_sees=best.text("model_sees"),
        words=_words(tiers),
        notes=tuple(note for said in tiers for note in said.notes),
        user_file=user_file,
        sources=_sources(best, tiers),
        tiers=tuple((key, tier) for key, (_, _, tier) in best.values.items() if tier is not None),
    )


def _strongest(tiers: Sequence[Said]) -> _Strongest:
    found: dict[str, tuple[Value, str, Tier | None]] = {key.name: (key.default, "default", None) for key in KEYS}
    for said in reversed(tiers):
        for name, value, source in said.values:
            found[name] = (value, source, said.tier)
    found["model_sees"] = _sees(found["model_sees"], tiers)
    return _Strongest(found)


def _sees(strongest: tuple[Value, str, Tier | None], tiers: Sequence[Said]) -> tuple[Value, str, Tier | None]:
    """What a remote model may see: a person's word, or less where the project asks for less."""
    mine, source, tier = strongest
    for said in tiers:
        for name, value, where in said.values:
            if name == "model_sees" and not said.tier.person and SEES.index(str(value)) < SEES.index(str(mine)):
                mine, source = value, f"{source}, {where}"
    return mine, source, tier


def _words(tiers: Sequence[Said]) -> tuple[Word, ...]:
    return tuple(
        Word(said.tier, value, source)
        for said in tiers
        for name, value, source in said.values
        if name == "environment" and isinstance(value, str) and value
    )


def _sources(best: _Strongest, tiers: Sequence[Said]) -> tuple[tuple[str, str], ...]:
    found = [(key, source) for key, (_, source, _) in best.values.items()]
    for said in tiers:
        for one in said.environments:
            found.append((f"environments.{one.name}", one.source))
    named = {key for key, _ in found}
    for said in tiers:
        for store in said.stores:
            key = f"stores.{store.name}"
            if key not in named:
                named.add(key)
                found.append((key, said.policy.source))
    found.extend(_policy_sources(tiers))
    found.extend(("prices", said.policy.source) for said in tiers if said.prices)
    return tuple(found)


def _policy_sources(tiers: Sequence[Said]) -> list[tuple[str, str]]:
    """A key of the policy may have two sources: who set it, and the project that tightened it."""
    found: dict[str, str] = {}
    for key in ("remote_copy", "max_backup_age_minutes", "scratch_rows_in_production", "coding_agents"):
        found[f"policy.{key}"] = "default"
    for level, _ in PolicySetting().least_proof:
        found[f"policy.least_proof.{level}"] = "default"
    for said in reversed([said for said in tiers if said.tier.person]):
        found |= dict.fromkeys(said.policy.said, said.policy.source)
    for said in tiers:
        if not said.tier.person:
            for key in said.policy.said:
                before = found.get(key, "default")
                found[key] = said.policy.source if before == "default" else f"{before}, {said.policy.source}"
    return list(found.items())
