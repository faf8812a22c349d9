"""`diana journal verify|show|export`: whether a run's record is whole, what stands in it, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from diana_agent import exits
from diana_agent.anchors import Anchor, copied_since, gather, given, hashes, named_anywhere, named_here
from diana_agent.call import Call
from diana_agent.events import Connected
from diana_agent.headless import print_line
from diana_agent.journal import GENESIS, ChainReport, Entry, held, whole_part
from diana_agent.models.base import JsonValue
from diana_agent.run import JsonObject
from diana_agent.runtime import settings_of
from diana_agent.sentences import lines_of, refusal
from diana_config.folders import Folders
from diana_config.settings import Settings
from diana_prompts.catalogue import Catalogue
from diana_tools.errors import DianaError, SettingsError
from diana_tools.redaction import plain

_LONGEST_LINE = 500
_MOST_NAMED = 5

Copies: TypeAlias = tuple[tuple[str, Anchor], ...]
"""Runs that copies in stores name, each with that anchor."""


@dataclass(frozen=True, slots=True)
class JournalWords:
    """What was said on the command line: which run, heads kept elsewhere, and what of the record to show.

    With `every` the run's word names a database instead, or nothing for all.
    """

    run: str = ""
    anchors: tuple[str, ...] = ()
    every: bool = False
    kinds: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One run's journal as it was found: its chain, its good entries, and the anchors that were compared."""

    run: str
    path: Path
    chain: ChainReport
    entries: tuple[Entry, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    alive: bool = field(default=False)

    @property
    def known(self) -> frozenset[str]:
        """What an anchor may name."""
        return hashes(self.entries)

    @property
    def problem(self) -> str:
        """What is wrong with the chain, or that an anchor is not in it; empty when nothing is."""
        if self.chain.problem:
            return self.chain.problem
        apart = any(anchor.verdict(self.known) == "disagrees" for anchor in self.anchors)
        return "journal_cut" if apart else ""


def journal(call: Call, action: str, words: JournalWords, *, as_json: bool) -> int:
    """Carry one of the verbs out and return the exit code: 9 where a record is not whole.

    Raises:
        SettingsError: settings that cannot be used, no such run, or several.
    """
    settings = settings_of(call)
    catalogue = Catalogue(settings.language)
    if action == "verify" and words.every:
        return _verify_all(call.folders, settings, words.run, catalogue, as_json=as_json)
    known, copies = known_to(settings, call.folders, words.run), Copies()
    if action == "verify":
        known, copies = _missed(settings, call.folders, words.run)
    record = _read(path_of(call.folders, words.run, known))
    if action == "show" and not as_json:
        return _show(record, words, catalogue)
    found = gather(record.run, record.entries, settings, call.folders)
    copied = (anchor for run, anchor in copies if run in ("", record.run))
    record = replace(record, anchors=tuple(dict.fromkeys((*given(words.anchors), *found, *copied))))
    if action == "verify":
        return _verify(record, catalogue, as_json=as_json)
    return _export(record, words, as_lines=action == "export" and not as_json)


def known_to(settings: Settings, folders: Folders, run: str) -> frozenset[str]:
    """The runs that a word may mean; without one, those of this machine alone."""
    return named_anywhere(settings, folders) if run else named_here(folders)


def _missed(settings: Settings, folders: Folders, run: str) -> tuple[frozenset[str], Copies]:
    """Every run that anything names, for none may be missed: also those that nothing but a copy in a store does.

    The stores are asked for what is later than all that is known here, or for a run that is not.
    """
    known = named_anywhere(settings, folders)
    if run and any(name.startswith(run) for name in known):
        return known, ()
    copies = copied_since(settings, run or max(known, default=""))
    return known | {name for name, _ in copies if name}, copies


def path_of(folders: Folders, run: str, known: Collection[str]) -> Path:
    """The journal of a run by its id or the beginning of it, or the newest one; a name is taken, never a path.

    It need not be there: the `known` runs are those that anything names.

    Raises:
        SettingsError: `no_such_run`, `run_ambiguous`.
    """
    folder = folders.state / "runs"
    if not run:
        newest = max(known, default=None)
        if newest is None:
            raise SettingsError("no_such_run", {"run": "-", "folder": str(folder)})
        return folder / f"{newest}.jsonl"
    names = sorted({name for name in known if name.startswith(run)}, reverse=True)
    if run in names:
        names = [run]
    if not names:
        raise SettingsError("no_such_run", {"run": plain(run, 80), "folder": str(folder)})
    if len(names) > 1:
        fields = {"run": plain(run, 80), "count": str(len(names)), "runs": ", ".join(names[:_MOST_NAMED])}
        raise SettingsError("run_ambiguous", fields)
    return folder / f"{names[0]}.jsonl"


def _read(path: Path) -> Record:
    try:
        chain, entries = whole_part(path)
    except DianaError as error:
        return Record(path.stem, path, ChainReport(0, GENESIS, error.code))
    return Record(path.stem, path, chain, tuple(entries), alive=held(path))


def _verify(record: Record, catalogue: Catalogue, *, as_json: bool) -> int:
    code = exits.VERIFICATION if record.problem else exits.DONE
    if as_json:
        print_line(json.dumps({"schema": "diana.journal/1", **_facts(record), "exit": code}))
        return code
    print_line(_sentence(record, catalogue))
    for anchor in record.anchors:
        verdict = anchor.verdict(record.known)
        fields = {"place": plain(anchor.place, 300), "head": anchor.head[:12], "problem": plain(anchor.problem, 200)}
        print_line("  " + catalogue.say(f"journal.anchor.{verdict}", source=_source(anchor, catalogue), **fields))
    if not record.anchors:
        print_line("  " + catalogue.say("journal.no_anchor"))
    return code


def _sentence(record: Record, catalogue: Catalogue) -> str:
    problem, chain = record.problem, record.chain
    standing = tuple(dict.fromkeys(one.place for one in record.anchors if one.head))
    if problem == "journal_missing" and standing:
        places = plain(", ".join(standing[:_MOST_NAMED]), 1_000)
        return catalogue.say("journal.missing", run=record.run, path=str(record.path), places=places)
    if problem:
        fields = {"path": str(record.path), "line": str(chain.line or chain.entries), "error": "-"}
        return refusal(problem, fields, catalogue)
    agreed = sum(anchor.verdict(record.known) == "agrees" for anchor in record.anchors)
    said = catalogue.say("journal.good", run=record.run, entries=chain.entries, head=chain.head, anchors=agreed)
    return f"{said} {catalogue.say('journal.alive')}" if record.alive else said


def _source(anchor: Anchor, catalogue: Catalogue) -> str:
    return catalogue.say(f"journal.source.{anchor.source}")


def _facts(record: Record) -> JsonObject:
    """The state of a record as JSON; everything in it is ASCII once it is written."""
    anchors: list[JsonValue] = [
        {"source": one.source, "place": one.place, "head": one.head, "verdict": one.verdict(record.known),
         "problem": one.problem}
        for one in record.anchors
    ]  # fmt: skip
    return {
        "run": record.run, "entries": record.chain.entries, "head": record.chain.head, "problem": record.problem,
        "line": record.chain.line, "alive": record.alive, "anchors": anchors,
    }  # fmt: skip


def _verify_all(folders: Folders, settings: Settings, database: str, catalogue: Catalogue, *, as_json: bool) -> int:
    """Every run, or those of one database; the person's stores are asked for a single run only."""
    records: list[Record] = []
    for name in sorted(named_anywhere(settings, folders)):
        record = _read(folders.state / "runs" / f"{name}.jsonl")
        # Whose journal is gone may be anybody's.
        if not database or not record.entries or database in _databases(record):
            found = gather(name, record.entries, settings, folders, stores=False)
            records.append(replace(record, anchors=found))
    bad = [record for record in records if record.problem]
    code = exits.VERIFICATION if bad else exits.DONE
    if as_json:
        runs: list[JsonValue] = [_facts(record) for record in records]
        print_line(json.dumps({"schema": "diana.journal/1", "runs": runs, "exit": code}))
        return code
    for record in records:
        print_line(f"{record.run}: {_sentence(record, catalogue)}")
    print_line(catalogue.say("journal.all", count=len(records), bad=len(bad)))
    return code


def _databases(record: Record) -> set[str]:
    """The words for the databases that a run connected to."""
    there = [entry.event.address for entry in record.entries if isinstance(entry.event, Connected)]
    return {word for one in there for word in (one.name, one.place, one.database)}


def _show(record: Record, words: JournalWords, catalogue: Catalogue) -> int:
    """One line an event, safe for a terminal whatever stands in the record; what is broken is said at the end."""
    for entry in _chosen(record.entries, words):
        for line in _lines(entry, catalogue):
            print_line(f"{entry.at:%H:%M:%S} {entry.actor:<7} {line}")
    if record.chain.problem:
        print_line(_sentence(record, catalogue))
        return exits.VERIFICATION
    return exits.DONE


def _lines(entry: Entry, catalogue: Catalogue) -> Iterator[str]:
    said: Sequence[str] = ()
    with suppress(KeyError, ValueError, IndexError):  # a sentence that this version does not have, or without its field
        said = lines_of(entry.event, catalogue)
    for text in said or (f"({entry.event.kind})",):
        yield " ".join(plain(text, _LONGEST_LINE).splitlines())


def _chosen(entries: Sequence[Entry], words: JournalWords) -> list[Entry]:
    since = _moment(words.since)
    return [
        entry for entry in entries
        if (not words.kinds or entry.event.kind in words.kinds) and (since is None or entry.at >= since)
    ]  # fmt: skip


def _moment(text: str) -> datetime | None:
    """An ISO 8601 time; without a zone it is UTC, as the record shows it.

    Raises:
        SettingsError: `since_wrong`.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError("since_wrong", {"since": plain(text, 40)}) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _export(record: Record, words: JournalWords, *, as_lines: bool) -> int:
    """The record as one JSON document, or as JSON lines: the state of its chain first, then its good entries.

    Plain ASCII, so that nothing in it can drive a terminal. Each entry has what its hash is made of.
    """
    code = exits.VERIFICATION if record.problem else exits.DONE
    head: JsonObject = {"schema": "diana.journal/1", **_facts(record), "exit": code}
    chosen = {entry.seq for entry in _chosen(record.entries, words)}
    entries = [one for number, one in enumerate(_written(record), 1) if number in chosen]
    if as_lines:
        print_line(json.dumps(head))
        for one in entries:
            print_line(json.dumps(one))
    else:
        print_line(json.dumps(head | {"events": list[JsonValue](entries)}))
    return code


def _written(record: Record) -> list[JsonValue]:
    """The good entries as they stand in the file: what this version would write again may differ."""
    lines = record.path.read_bytes().split(b"\n")[: len(record.entries)] if record.entries else []
    return [json.loads(line) for line in lines]
