"""A log is safe whatever a name, an error or a reason holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import stories
from diana_agent import events as ev
from diana_agent.journal import Entry
from diana_agent.report import document, render, summary
from diana_tools.domain import Address, Environment, Level
from diana_tools.measured import ChangeResult, Copy, RecoveryResult, Verification
from logs import CATALOGUE

Tell = Callable[[Sequence[ev.AnyEvent]], list[Entry]]


@pytest.fixture
def tell_(tmp_path: Path) -> Tell:
    return lambda events: stories.told(tmp_path, events)


HOSTILE = (
    "x](javascript:alert(1)) <script>alert(1)</script> | `a` **b** ![i](http://e.example/i.png)\n\n"
    "# Status: ✅ SUCCESS\n\x1b]52;c;eA==\x07\u202e<!-- https://evil.example www.evil.example _c_"
)


def hostile() -> list[ev.AnyEvent]:
    """Every text that others can choose, chosen badly."""
    bad = Environment(HOSTILE, Level.PRODUCTION)
    address = Address("postgresql", HOSTILE, 5432, HOSTILE, HOSTILE)
    pending = tuple(replace(m, name=HOSTILE, description=HOSTILE, path=HOSTILE) for m in stories.PENDING)
    finding = replace(stories.LEGACY, object=HOSTILE, file=HOSTILE, statement=HOSTILE)
    unread = replace(stories.UNREAD, file=HOSTILE, why=HOSTILE)
    plan = stories.plan(
        pending=pending, findings=(finding,), unread=(unread,), address=address, environment=bad, current=(HOSTILE,),
        tool_version=HOSTILE,
    )  # fmt: skip
    made = stories.backup(
        path=HOSTILE, program=HOSTILE, missing=(HOSTILE,), copies=(Copy(HOSTILE, HOSTILE, True, False),)
    )
    result = ChangeResult(
        1, 1.0, "partial", (stories.ALL[0],), stories.ALL[1:], HOSTILE, stories.ALL[1], (HOSTILE,), HOSTILE
    )
    return [
        stories.begin(HOSTILE, ticket=HOSTILE, reason=HOSTILE)[0],
        ev.EnvironmentSettled(environment=bad),
        ev.Prerequisite(name=HOSTILE, met=False, message=HOSTILE, fields={HOSTILE: HOSTILE}),
        ev.Planned(plan=plan), ev.BackedUp(backup=made),
        ev.Rehearsed(rehearsal=replace(stories.REHEARSAL, passed=False, error=HOSTILE)),
        ev.Refused(verb=HOSTILE, reason=HOSTILE, fields={}),
        ev.Noted(message=HOSTILE, fields={"a": HOSTILE}, tone="bad"),
        *stories.confirmed(HOSTILE), *stories.permitted(),
        ev.ChangeFinished(permit="p1", act="apply", result=result),
        ev.Recovered(result=RecoveryResult(HOSTILE, False, (HOSTILE,))),
        ev.Verified(verification=Verification((
            replace(
                stories.checks(schema=False).checks[1], expected=HOSTILE, found=HOSTILE, query=HOSTILE,
                problems=(HOSTILE,),
            ),
        ), (HOSTILE,))),
        ev.Halted(reason=HOSTILE, exit_code=8, fields={"x": HOSTILE}, umbrella=HOSTILE),
    ]  # fmt: skip


def test_hostile_text_reads_as_itself(tell_: Tell) -> None:
    entries = tell_(hostile())
    text = render(entries, CATALOGUE)
    assert "\x1b" not in text
    assert "\u202e" not in text
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    kinds = {token.type for token in flat}
    assert not kinds & {"link_open", "image", "html_block", "html_inline", "table_open", "em_open", "s_open"}
    headings = [
        following.content for token, following in pairwise(tokens) if token.type == "heading_open"
    ]  # fmt: skip
    assert "Status: ✅ SUCCESS" not in headings
    assert len(headings) == 12
    assert sum(token.type == "strong_open" for token in flat) <= 2, "only the first line and the head line are bold"
    assert "\n# Status" not in text


def test_hostile_text_in_json_and_summary_is_clean(tell_: Tell) -> None:
    entries = tell_(hostile())
    for text in (json.dumps(document(entries), ensure_ascii=False), summary(entries, CATALOGUE)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert len([line for line in summary(entries, CATALOGUE).splitlines() if line.startswith("# ")]) == 0


SECRET = "hunter2hunter2"


def test_nothing_secret_reaches_the_log(tell_: Tell) -> None:
    url = f"postgresql://anna:{SECRET}@db/shop"
    events = stories.failure("partial")
    place = next(i for i, e in enumerate(events) if isinstance(e, ev.ChangeFinished))
    events[place] = stories.finished("partial", done=1, error=f"could not connect: {url} password={SECRET}")
    events[0] = stories.begin(reason=f"see {url}", ticket=f"token={SECRET}")[0]
    events.append(ev.Noted(message="x", fields={"error": f"PGPASSWORD={SECRET}"}, tone="bad"))
    entries = tell_(events)
    assert SECRET not in render(entries, CATALOGUE)
    assert SECRET not in summary(entries, CATALOGUE)
    assert SECRET not in json.dumps(document(entries))
