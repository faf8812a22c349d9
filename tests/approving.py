"""A request and its approval, for tests: one production plan of the shop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import stories
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_used import UsedApprovals
from diana_agent.guard import phrases
from diana_agent.guard.policy import Ask
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Plan
from diana_tools.measured import Grade
from diana_tools.permit import Act

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
CATALOGUE = Catalogue("en")
ASKS = (Ask("ask.destructive", phrases.EXECUTE), Ask("ask.production"))


def wish(**changed: object) -> ap.Wish:
    made = ap.Wish(
        asks=ASKS, fields={"count": "3", "database": "shop", "environment": "eu-prod", "code": "AERU", "seconds": "3",
                           "timeout": "300"},
        facts=("customers.legacy: 1,200 values lost",), least_proof=Grade.RESTORED, store="s3-eu", skip_backup=False,
        ticket="OPS-1", reason="release 12", asked_by="ci@build-7",
    )  # fmt: skip
    return replace(made, **changed)


def request(plan: Plan | None = None, **changed: object) -> ap.Request:
    return ap.make_request(plan or stories.plan(), Act.APPLY, wish(**changed), NOW)


def approval(asked: ap.Request | None = None, *, at: datetime = NOW, secret: bytes = KEY) -> ap.Approval:
    asked = asked or request()
    drafted = ap.draft(asked, approver="Bo", now=at, confirmed=asked.asks)
    return seals.hmac_sealed(drafted, secret)


def run_facts(plan: Plan | None = None, act: Act = Act.APPLY) -> ap.RunFacts:
    return ap.run_facts(plan or stories.plan(), act, hmac_allowed=True)


@dataclass
class Shelf:
    used: UsedApprovals

    def check(
        self,
        given_: ap.Approval,
        now_facts: ap.RunFacts | None = None,
        *,
        now: datetime = NOW + timedelta(minutes=1),
        secret: bytes | None = KEY,
        agent: str = "",
    ) -> str:
        seal = seals.hmac_seal(given_, secret)
        return ap.check(given_, now_facts or run_facts(), now, self.used, seal, agent=agent)
