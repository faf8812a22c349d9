"""Sentences that are chosen by a word at run time: every word that there is has one, with the fields it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from diana_agent import workflow
from diana_agent.guard.levels import because_fields
from diana_agent.steps.detect import TOOLS
from diana_config.keys import KEYS
from diana_config.settings import Tier
from diana_prompts.catalogue import Catalogue, fields_of, languages
from diana_tools.analysis.rule import rules
from diana_tools.measured import Grade
from diana_tools.permit import Act
from reading_sources import Source, called, keys, possible, sources

CATALOGUE = Catalogue()


class Anything(dict[str, str]):
    """Fields for any sentence."""

    def __missing__(self, name: str) -> str:
        return "x"


def text_of(message: str) -> str:
    """The sentence itself, its fields unfilled."""
    from importlib.resources import files
    from tomllib import loads

    for entry in (files("diana_prompts") / "messages" / "en").iterdir():
        found = loads(entry.read_text("utf-8"))
        if message in found:
            return str(found[message])
    raise KeyError(message)


def _handed(name: str, place: int) -> set[str]:
    """Every text that the source hands to a callee of that name in that place."""
    found: set[str] = set()
    for source in sources():
        for call in source.calls:
            if called(call) == name and len(call.args) > place:
                found |= possible(source, call.args[place]) or set()
    return {one for one in found if one and "(.+)" not in one}


FAMILIES: dict[str, set[str]] = {
    "fact.backup.{}": {grade.value for grade in Grade},
    "report.grade.{}": {grade.value for grade in Grade},
    "fact.recovery.{}": _handed("Recovery", 0) | {"none"},
    "report.rung.{}": _handed("Recovery", 0) | _handed("RecoveryResult", 0),
    "fact.rehearsed.{}": {"full", "schema"},
    "rehearse.passed.{}": {"full", "schema"},
    "rehearse.target.{}": {"content", "counts", "moved"},
    "basis.{}": _handed("Estimate", 2),
    "approval.act.{}": {act.value for act in Act},
    "report.outcome.{}": {"done", "skipped", "failed"},
    "plain.ask.{}": {"yes_no", "phrase", "choice", "text"},
    "preview.{}": _handed("Preview", 2),
    "rule.{}": {rule.id for rule in rules()},
    "safer.{}": {rule.id for rule in rules()},
    "kind.{}": {rule.kind for rule in rules()},
    "setting.{}": {key.name for key in KEYS},
    "tool.{}": set(TOOLS),
    "embedded.before.{}": set(workflow.STEPS),
    "because.{}": {tier.value for tier in Tier}
    | {"identity", "place", "project_place", "last", "relative", "same_file", "same_run", "own"},
    "{}.title": _handed("Ask", 0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_member_of_a_family_has_its_sentence(family: str) -> None:
    members = FAMILIES[family]
    assert members
    assert {member for member in members if not CATALOGUE.has(family.format(member))} == set()


def test_the_reason_for_a_level_is_said_with_its_fields() -> None:
    message, fields = because_fields("user eu-prod production")
    assert CATALOGUE.say(message, **fields) == "your settings say eu-prod (production)"


def _prerequisites() -> Iterator[tuple[str, set[str] | None]]:
    words = {True: ("met",), False: ("unmet",)}
    for source in sources():
        for call in source.calls:
            if called(call) != "_show" or not source.name.endswith("steps/prerequisites.py"):
                continue
            name, met, fields = call.args[1:4]
            known = words.get(met.value) if isinstance(met, ast.Constant) and isinstance(met.value, bool) else None
            asynchronous = ("unknown",) if isinstance(met, ast.Await) else ()
            for one in possible(source, name) or ():
                for word in known or ("met", "unmet", *asynchronous):
                    yield f"prerequisite.{one}.{word}", keys(source, fields)


def test_every_prerequisite_is_said_met_and_unmet_with_its_fields() -> None:
    found = list(_prerequisites())
    assert len(found) > 10
    for message, fields in found:
        assert CATALOGUE.has(message), message
        assert fields is None or fields_of(text_of(message)) <= fields, message


def _requested(file: str) -> set[str]:
    """The names of the fields that a step hands to the guard, for whatever the guard says."""
    for source in sources():
        if source.name.endswith(file):
            for call in source.calls:
                given = next((one.value for one in call.keywords if one.arg == "fields"), None)
                if called(call) == "Request" and given is not None:
                    found = keys(source, given)
                    assert found, file
                    return found
    raise AssertionError(file)


def _policy(*functions: str, other: bool = False) -> tuple[set[str], set[str]]:
    """The questions and the reasons in these functions of the policy, or in all others."""
    source = next(one for one in sources() if one.name.endswith("guard/policy.py"))
    asks: set[str] = set()
    reasons: set[str] = set()
    for call in source.calls:
        function = source.function(call)
        inside = function is not None and (function.name in functions) is not other
        if inside and call.args and called(call) in ("Ask", "Verdict"):
            (asks if called(call) == "Ask" else reasons).update(possible(source, call.args[0]) or ())
    return asks, reasons | (_tabled(source) if other else set[str]())


def _tabled(source: Source) -> set[str]:
    """Reasons that stand in a table of reason and condition."""
    rows = (node for node in ast.walk(source.tree) if isinstance(node, ast.Tuple) and len(node.elts) == 2)
    return {
        str(row.elts[0].value)
        for row in rows
        if isinstance(row.elts[0], ast.Constant) and isinstance(row.elts[0].value, str)
    }


def _guards_own() -> set[str]:
    """What the guard itself refuses with, whatever was asked for."""
    source = next(one for one in sources() if one.name.endswith("guard/guard.py"))
    returned = (node.value for node in ast.walk(source.tree) if isinstance(node, ast.Return))
    found = {one for value in returned for one in possible(source, value) or () if one}
    return {one for one in found if one.islower() and "." not in one}


@pytest.mark.parametrize(
    ("step", "restoring"), [("steps/migrate.py", False), ("steps/restore.py", True)], ids=["migrate", "restore"]
)
def test_whatever_the_guard_says_of_a_request_has_its_fields(step: str, restoring: bool) -> None:
    given = _requested(step)
    asks, reasons = _policy("restore", other=not restoring)
    reasons |= _guards_own()
    assert asks
    assert {"declined", "coding_agent"} <= reasons
    for ask in asks:
        assert fields_of(text_of(ask)) <= given, ask
    for reason in reasons:
        message = f"refused.{reason}" if CATALOGUE.has(f"refused.{reason}") else f"error.{reason}"
        added = {"agent"} if reason == "coding_agent" else set[str]()
        assert fields_of(text_of(message)) <= given | added, message


@pytest.mark.parametrize("language", languages())
def test_every_sentence_can_be_filled(language: str) -> None:
    from importlib.resources import files
    from tomllib import loads

    for entry in (files("diana_prompts") / "messages" / language).iterdir():
        for name, text in loads(entry.read_text("utf-8")).items():
            assert str(text).strip(), name
            str(text).format_map(Anything())
            assert all(field.isidentifier() for field in fields_of(str(text))), name
