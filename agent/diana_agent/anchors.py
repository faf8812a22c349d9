"""Anchors: the heads of a journal that were kept elsewhere, gathered from wherever they may be.

The chain finds edits, removals and swaps; that its end was cut off, or all of it written anew, only an anchor finds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from diana_agent import events as ev
from diana_agent.approvals_store import mark_of
from diana_agent.heads import HEADS_FILE, kept_heads
from diana_agent.index import INDEX_FILE, known_head, known_runs
from diana_agent.journal import GENESIS, Entry
from diana_config.folders import Folders
from diana_config.settings import Settings
from diana_tools.databases import manifest
from diana_tools.errors import DianaError
from diana_tools.measured import Backup
from diana_tools.stores.base import Store

Source = Literal["log", "manifest", "store", "heads", "index", "given"]
Verdict = Literal["agrees", "disagrees", "unreadable"]

_IN_LOG = re.compile(r"diana journal verify (\S+) --anchor ([0-9a-f]{64})")
_HEAD = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")
"""The form of a run's id: any other word in a log or a manifest names no run, and no file."""
_MADE = re.compile(r"-(\d{8}T\d{6})Z-")
_MOST_COPIES = 50
_MOST_LOGS = 500
_LARGEST_LOG = 8 << 20


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head kept elsewhere: where, and what it says; `problem` is why it could not be read, and then there is none."""

    source: Source
    place: str
    head: str = ""
    problem: str = ""

    def verdict(self, known: frozenset[str]) -> Verdict:
        """Whether it still stands in the journal; `known` are the hashes of its good entries."""
        if self.problem:
            return "unreadable"
        return "agrees" if self.head in known else "disagrees"


def hashes(entries: Iterable[Entry]) -> frozenset[str]:
    """What an anchor may name: every entry, and the beginning."""
    return frozenset({GENESIS, *(entry.hash for entry in entries)})


def gather(
    run: str, entries: Sequence[Entry], settings: Settings, folders: Folders, *, stores: bool = True
) -> tuple[Anchor, ...]:
    """Every anchor of a run that can be found; with `stores` those in the person's stores are fetched as well."""
    events = [entry.event for entry in entries]
    made = _backups(run, events, settings, folders)
    found = [*_logs(run, events, settings, folders), *(anchor for anchor, _ in made)]
    if stores:
        found += _in_stores([backup for _, backup in made if backup is not None], events, settings)
    found += _heads(run, folders.state)
    found += _index(run, folders.state / "runs")
    return tuple(dict.fromkeys(found))


def named_here(folders: Folders) -> frozenset[str]:
    """Every run that there is a journal of on this machine, or was when its head was kept or it was last listed."""
    runs = folders.state / "runs"
    names = {path.stem for path in runs.glob("*.jsonl")}
    with suppress(OSError):
        names |= {name for name, _ in kept_heads(folders.state).kept}
    if (runs / INDEX_FILE).is_file():
        with suppress(DianaError):
            names |= known_runs(runs)
    return frozenset(names)


def named_anywhere(settings: Settings, folders: Folders) -> frozenset[str]:
    """The same, and the runs that migration logs and backup manifests name, which may have run on another machine."""
    names = set(named_here(folders))
    for path in _logs_near(settings, folders):
        with suppress(OSError):
            names |= {name for name, _ in _IN_LOG.findall(_text(path)) if _RUN.fullmatch(name)}
    for path in _manifests_near(settings, folders):
        with suppress(OSError, DianaError):
            names |= {batch for batch in (manifest.read(path).batch,) if _RUN.fullmatch(batch)}
    return frozenset(names)


def copied_since(settings: Settings, begin: str) -> tuple[tuple[str, Anchor], ...]:
    """Runs that manifests in the person's stores name, each with its anchor, of backups made since `begin`.

    `begin` is a run's id or how one begins. A store that cannot be asked is an anchor of no run.
    """
    from diana_agent.stores import opened

    found: list[tuple[str, Anchor]] = []
    for setting in settings.stores:
        try:
            store = opened(setting)
            later = [name for name in store.manifests() if _made(name) >= begin[:15]]
            found += _copies(store, sorted(later, key=_made)[:_MOST_COPIES])
        except DianaError as error:
            found.append(("", Anchor("store", setting.name, problem=error.code)))
    return tuple(found)


def _made(name: str) -> str:
    """When a backup was made, by its manifest's name, in the form that a run's id begins with; empty when unknown."""
    stamps = _MADE.findall(name)
    return stamps[-1] if stamps else ""


def _copies(store: Store, names: Iterable[str]) -> Iterator[tuple[str, Anchor]]:
    for name in names:
        there = None
        with suppress(DianaError):
            there = manifest.load(store.read(name) or b"", Path(name))
        if there is not None and _RUN.fullmatch(there.batch) and there.journal:
            yield there.batch, Anchor("store", f"{store.name}/{name}", there.journal)


def given(heads: Iterable[str]) -> tuple[Anchor, ...]:
    """The anchors of the command line; what is no head cannot be read."""
    return tuple(
        Anchor("given", "--anchor", head) if _HEAD.fullmatch(head) else Anchor("given", "--anchor", problem="no_head")
        for head in heads
    )


def _logs(run: str, events: Sequence[ev.AnyEvent], settings: Settings, folders: Folders) -> Iterator[Anchor]:
    """Migration logs: those the journal names, and those in the folders where they are written."""
    named = [Path(event.path) for event in events if isinstance(event, ev.Reported)]
    for path in dict.fromkeys((*named, *_logs_near(settings, folders))):
        try:
            text = _text(path)
        except OSError as error:
            if path in named:
                yield Anchor("log", str(path), problem=error.strerror or "")
            continue
        heads = [head for name, head in _IN_LOG.findall(text) if name == run]
        if path in named and not heads:
            yield Anchor("log", str(path), problem="no_head")
        yield from (Anchor("log", str(path), head) for head in heads)


def _logs_near(settings: Settings, folders: Folders) -> list[Path]:
    places = [folders.state / "logs", *([Path(settings.output_folder)] if settings.output_folder else [])]
    return sorted((path for place in places for path in place.glob("*.md")), reverse=True)[:_MOST_LOGS]


def _text(path: Path) -> str:
    with path.open("rb") as handle:
        return handle.read(_LARGEST_LOG).decode("utf-8", "replace")


def _manifests_near(settings: Settings, folders: Folders) -> list[Path]:
    base = Path(settings.backup_folder) if settings.backup_folder else folders.data / "backups"
    return [path for pattern in ("backup-*.json", "*/backup-*.json") for path in sorted(base.glob(pattern))]


def _backups(
    run: str, events: Sequence[ev.AnyEvent], settings: Settings, folders: Folders
) -> list[tuple[Anchor, Backup | None]]:
    """Manifests of the run's backups, by the journal and by looking where backups are."""
    made = [event.backup for event in events if isinstance(event, ev.BackedUp)]
    near = _manifests_near(settings, folders)
    found: list[tuple[Anchor, Backup | None]] = []
    for path in dict.fromkeys((*(Path(one.manifest) for one in made), *near)):
        mine = next((one for one in made if one.manifest == str(path)), None)
        try:
            if mine is None and run.encode() not in path.read_bytes():
                continue
            there = manifest.read(path)
        except (OSError, DianaError) as error:
            words = error.code if isinstance(error, DianaError) else error.strerror or ""
            found.append((Anchor("manifest", str(path), problem=words), mine))
            continue
        if there.batch == run and there.journal:
            found.append((Anchor("manifest", str(path), there.journal), there))
    return found


def _in_stores(made: Sequence[Backup], events: Sequence[ev.AnyEvent], settings: Settings) -> Iterator[Anchor]:
    """Copies of the manifests, and the mark of a used approval, in each store that the backup may be in."""
    from diana_agent.stores import stores_for

    marks = [mark_of(event.nonce) for event in events if isinstance(event, ev.ApprovalUsed)]
    copied = {(event.backup, event.copy_.store) for event in events if isinstance(event, ev.Copied)}
    for backup in made:
        try:
            opened = stores_for(settings, backup.address)
        except DianaError as error:
            yield Anchor("store", ", ".join(one.name for one in settings.stores), problem=error.code)
            continue
        for store in opened:
            for name in (Path(backup.manifest).name, *marks):
                place = f"{store.name}/{name}"
                try:
                    text = store.read(name)
                    if text is not None:
                        yield Anchor("store", place, _head_in(text))
                    elif (backup.id, store.name) in copied and name not in marks:
                        yield Anchor("store", place, problem="store_missing")
                except (DianaError, ValueError) as error:
                    yield Anchor("store", place, problem=error.code if isinstance(error, DianaError) else "no_head")


def _head_in(text: bytes) -> str:
    """The journal's head in a manifest's or a mark's text.

    Raises:
        ValueError: there is none.
    """
    try:
        body = json.loads(text)
        head = body["backup"]["journal"] if "backup" in body else body["journal"]
    except (KeyError, TypeError, RecursionError):
        raise ValueError from None
    if not isinstance(head, str) or not _HEAD.fullmatch(head):
        raise ValueError
    return head


def _heads(run: str, state: Path) -> Iterator[Anchor]:
    place = str(state / HEADS_FILE)
    try:
        kept = kept_heads(state)
    except OSError as error:
        yield Anchor("heads", place, problem=error.strerror or "")
        return
    yield from (Anchor("heads", place, head) for head in kept.of(run))
    if kept.unreadable:
        yield Anchor("heads", place, problem="no_head")


def _index(run: str, folder: Path) -> Iterator[Anchor]:
    place = str(folder / INDEX_FILE)
    if not (folder / INDEX_FILE).is_file():
        return
    try:
        head = known_head(folder, run)
    except DianaError as error:
        yield Anchor("index", place, problem=error.code)
        return
    if head:
        yield Anchor("index", place, head)
