"""Every sentence stands in the catalogue once, is said by somebody, and gets all its fields where it is said."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from diana_agent import exits
from diana_agent.cli import main
from diana_prompts.catalogue import Catalogue, fields_of
from reading_sources import ROOT, Source, called, keys, pattern, possible, sources

FILES = tuple(sorted((ROOT / "prompts/diana_prompts/messages/en").glob("*.toml")))
PACKAGED = Catalogue()

# A word that comes at run time follows these: who words it, and in which file of its own that is tested.
FAMILIES = (
    "error", "refused", "evidence", "history", "tool", "unread", "missing", "problem", "proof", "copy", "safer",
    "setting", "because", "rule",
)  # fmt: skip
VARIANTS = re.compile(r"(.+)\.(title|beginner|expert|one)")
OPEN = {"(.+)", "tui\\.(.+)", *(rf"{family}\.(.+)" for family in FAMILIES)}


@cache
def messages() -> dict[str, str]:
    return {name: text for path in FILES for name, text in tomllib.loads(path.read_text("utf-8")).items()}


@cache
def spaces() -> set[str]:
    """First parts of ids: `ask`, `error`, ..."""
    return {name.partition(".")[0] for name in messages()}


@cache
def texts() -> Counter[str]:
    """Every string of the source; in the screen's own code also with its prefix."""
    found: Counter[str] = Counter()
    for source in sources():
        found.update(str(one.value) for one in source.texts)
        if "/tui/" in source.name:
            found.update(f"tui.{one.value}" for one in source.texts)
    return found


@cache
def patterns() -> frozenset[str]:
    """Every f-string of the source that begins an id, as a regular expression; on the screen also with its prefix."""
    found: set[str] = set()
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.JoinedStr):
                found.add(pattern(node))
                if "/tui/" in source.name:
                    found.add(rf"tui\.{pattern(node)}")
    return frozenset(one for one in found if _head(one) in spaces())


def _head(regex: str) -> str | None:
    found = re.match(r"([a-z_]+)\\\.", regex)
    return found[1] if found else None


@cache
def words() -> set[str]:
    """What a run-time word can be: strings, and what stands before a colon or a field in longer ones."""
    found = set(texts())
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.JoinedStr):
                found.add(pattern(node).partition(":")[0].partition("(")[0])
    return found | {text.partition(":")[0] for text in found}


def known(message: str) -> bool:
    """Whether an id, or a pattern of one, is in the catalogue."""
    if "(.+)" not in message:
        return message in messages()
    return any(re.fullmatch(message, one) for one in messages())


def used(message: str) -> bool:
    """Whether the source can say this id."""
    if texts()[message] or any(re.fullmatch(one, message) for one in patterns() - OPEN):
        return True
    family, _, rest = message.partition(".")
    if family in FAMILIES and (rest in words() or rest.rpartition(".")[2] in words()):
        return True
    if family == "safer":
        return f"rule.{rest}" in messages()
    variant = VARIANTS.fullmatch(message)
    return variant is not None and variant[1] in messages() and used(variant[1])


def test_an_id_stands_in_one_file_only() -> None:
    found = Counter(name for path in FILES for name in tomllib.loads(path.read_text("utf-8")))
    assert [name for name, times in found.items() if times > 1] == []


def test_the_package_reads_what_lies_in_the_files() -> None:
    assert all(PACKAGED.has(name) for name in messages())


def test_every_id_is_said_by_somebody() -> None:
    assert sorted(name for name in messages() if not used(name)) == []


def _said(source: Source) -> Iterator[tuple[ast.Call, ast.expr, str]]:
    """Calls that say a sentence, with the id's expression, and what the callee puts before it."""
    for call in source.calls:
        name = called(call)
        if name in ("say", "_say", "note", "item", "has", "heading") and call.args:
            yield call, call.args[0], ""
        elif name in ("words", "_words") and call.args and "/tui/" in source.name:
            yield call, call.args[0], "tui."
        elif name == "Ask" and call.args:
            yield call, call.args[0], ""


def test_every_id_that_is_said_exists() -> None:
    wrong = [
        f"{source.at(call)} {prefix}{one}"
        for source in sources()
        for call, message, prefix in _said(source)
        for one in possible(source, message) or ()
        if not known(prefix + one) and _head(one.replace(".", "\\.")) in spaces()
    ]
    assert wrong == []


def test_every_f_string_that_begins_an_id_can_end_as_one() -> None:
    of_screen = {one.partition(".")[2].partition(".")[0] for one in messages() if one.startswith("tui.")}
    lost: set[str] = set()
    for source in sources():
        screen = "/tui/" in source.name
        for node in ast.walk(source.tree):
            regex = pattern(node) if isinstance(node, ast.JoinedStr) else ""
            begins = spaces() | (of_screen if screen else set[str]())
            if _head(regex) in begins and not known(regex) and not (screen and known(rf"tui\.{regex}")):
                lost.add(f"{source.name} {regex}")
    assert lost == set()


def _variable_ids(source: Source) -> Iterator[tuple[str, set[str], str]]:
    """Ids that are said with named fields only: where, the fields, the id."""
    for call, message, prefix in _said(source):
        if called(call) not in ("say", "_say", "note", "item", "words", "_words"):
            continue
        if any(one.arg is None for one in call.keywords):
            continue
        given = {one.arg for one in call.keywords if one.arg}
        for one in possible(source, message) or ():
            if "(.+)" not in one and known(prefix + one):
                yield source.at(call), given, prefix + one


def test_every_sentence_gets_its_fields_where_it_is_said() -> None:
    found = [one for source in sources() for one in _variable_ids(source)]
    assert len(found) > 200, "the search finds too little: it must be mended"
    lacking = [
        f"{where} {message} lacks {sorted(fields_of(messages()[message]) - given)}"
        for where, given, message in found
        if not fields_of(messages()[message]) <= given
    ]
    assert lacking == []


def _help(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit):
        main([*argv, "--help"])
    return capsys.readouterr().out


def test_every_verb_and_flag_that_a_sentence_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    verbs = set(re.findall(r"^    ([a-z-]+) ", _help(capsys), re.MULTILINE))
    flags = {flag for verb in verbs for flag in re.findall(r"--[a-z-]+", _help(capsys, verb))}
    assert {"migrate", "journal"} <= verbs
    for message, text in messages().items():
        for verb, flag in re.findall(r"\bdiana ([a-z][a-z-]+)|(?<![\w-])(--[a-z-]+)", text):
            assert not verb or verb in verbs, message
            assert not flag or flag in flags, message


ERRORS = {
    "DianaError", "SettingsError", "ChoiceNeeded", "ToolError", "ConnectionFailed", "BackupError", "RehearsalError",
    "ScratchBreach", "ChangeFailed", "PermitRefused", "LockHeld",
}  # fmt: skip
# Functions that build an error, where they are, and the fields that they add to those named in the call.
BUILDERS = {
    "wrong": ("config/", {"key", "where"}),
    "failed": ("tools/diana_tools/databases/postgresql/restore.py", {"place", "backup", "error"}),
}
# What hands another error's or a probe's code on: those codes are looked at where they are made.
HANDED_ON = {
    "code", "error.code", "probe.error", "walk.report.problem", "answer.reason",
}  # fmt: skip


def test_every_kind_of_error_is_looked_at() -> None:
    made = {
        node.name
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in ERRORS for base in node.bases)
    }
    assert made <= ERRORS


def _raised(source: Source) -> Iterator[tuple[str, str, set[str] | None]]:
    """Errors: where, the code, and the names of the fields where they can be told."""
    for call in source.calls:
        builder, added = BUILDERS.get(called(call), ("-", set[str]()))
        built = source.name.startswith(builder)
        if not call.args or not (built or called(call) in ERRORS):
            continue
        codes = possible(source, call.args[0])
        if codes is None:
            assert ast.unparse(call.args[0]) in HANDED_ON, f"{source.at(call)}: {ast.unparse(call)[:100]}"
            continue
        if built:
            named = {one.arg for one in call.keywords}
            fields = None if None in named else {one for one in named if one} | added
        else:
            fields = keys(source, call.args[1] if len(call.args) > 1 else None)
        for code in codes:
            yield source.at(call), code, fields


def sentence_of(code: str) -> str | None:
    """The sentence that people read for a code: of a refusal, else of an error."""
    return messages().get(f"refused.{code}", messages().get(f"error.{code}"))


def test_every_error_has_its_sentence() -> None:
    found = [one for source in sources() for one in _raised(source)]
    assert len(found) > 200, "the search finds too little: it must be mended"
    assert sorted({f"{where} {code}" for where, code, _ in found if sentence_of(code) is None}) == []


def test_every_error_is_raised_with_the_fields_of_its_sentence() -> None:
    lacking = [
        f"{where} {code} lacks {sorted(needed - fields)}"
        for source in sources()
        for where, code, fields in _raised(source)
        if fields is not None and not (needed := fields_of(sentence_of(code) or "")) <= fields
    ]
    assert lacking == []


def _reasons(source: Source) -> Iterator[tuple[str, str]]:
    """Refusals and outcomes: where, and the reason's code."""
    places = {"Verdict": 0, "Refusal": 0, "refuse": 1, "Outcome": 2}
    for call in source.calls:
        name = called(call)
        if name not in places or "/probes/" in source.name:
            continue
        place = places[name]
        given = next((one.value for one in call.keywords if one.arg == "reason"), None)
        for code in possible(source, given or (call.args[place] if len(call.args) > place else None)) or ():
            if code:
                yield source.at(call), code


def _decided() -> Iterator[tuple[str, str]]:
    """Every word that the guard's and the approvals' own decisions return."""
    for source in sources():
        if not source.name.startswith(("agent/diana_agent/guard/", "agent/diana_agent/approvals")):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Return) or (isinstance(node, ast.Tuple) and len(node.elts) == 2):
                value = node.value if isinstance(node, ast.Return) else node.elts[0]
                for code in possible(source, value) or ():
                    if re.fullmatch(r"[a-z]+(_[a-z]+)+", code):
                        yield source.at(value) if value else source.name, code


def test_every_reason_has_its_sentence() -> None:
    found = [*(one for source in sources() for one in _reasons(source)), *_decided()]
    assert {"no_backup", "not_now", "declined_before", "approval_expired"} <= {code for _, code in found}
    assert sorted({f"{where} {code}" for where, code in found if sentence_of(code) is None}) == []


def test_codes_that_decide_an_exit_are_codes_that_are_raised() -> None:
    raised = {code for source in sources() for _, code, _ in _raised(source)} | words()
    table = ast.parse((ROOT / "agent/diana_agent/exits.py").read_text())
    named = {str(one.value) for one in ast.walk(table) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    assert exits.DONE == 0
    assert {code for code in named if re.fullmatch(r"[a-z]+(_[a-z]+)+", code)} <= raised


SENTENCE = re.compile(r"[A-Z][a-z]+,?( [a-z'-]+,?){3,}")
NOT_WORDS = re.compile(r"\b(SELECT|FROM|WHERE|PRAGMA)\b|[|\\\\]")
SILENT = ("tools/diana_tools/", "config/diana_config/")


def _sentences(source: Source) -> Iterator[str]:
    for one in source.texts:
        if SENTENCE.search(str(one.value)) and not NOT_WORDS.search(str(one.value)):
            yield f"{source.at(one)} {str(one.value)[:80]!r}"


def test_tools_and_settings_hold_no_sentence_for_people() -> None:
    quiet = [source for source in sources() if source.name.startswith(SILENT) and "/probes/" not in source.name]
    assert [one for source in quiet for one in _sentences(source)] == []


@pytest.mark.parametrize("name", ["print", "input"])
def test_tools_and_settings_speak_to_nobody(name: str) -> None:
    quiet = [source for source in sources() if source.name.startswith(SILENT) and "/probes/" not in source.name]
    assert [source.at(call) for source in quiet for call in source.calls if called(call) == name] == []
