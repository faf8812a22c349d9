"""BMAD's own files as the weakest tier (O10, O11): found, followed through their references, never executed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diana_config.errors import SettingsError
from diana_config.keys import BY_DOCUMENT, DRY_RUN
from diana_config.reading import UNSAFE, as_list, as_table, shown, text_of, yaml_of
from diana_config.settings import Note

FOLDERS = ("bmad", "_bmad", ".bmad")
CONFIG = "bmi/config.yaml"
WORKFLOW = "bmi/workflows/5-deployment/database-migration/workflow.yaml"

_DEEPEST = 10
_FROM_CONFIG = re.compile(r"\{config_source\}:([A-Za-z0-9_.\-]+)")
_VARIABLE = re.compile(r"\{([A-Za-z0-9_\-]+)\}")
_KEPT = ("project-root", "output_folder", "date")
_ROOT = "{project-root}"


@dataclass(frozen=True, slots=True)
class BmadWord:
    """One value by the document's name for it. `input` says that it may be a description of an input instead."""

    document: str
    raw: object
    source: str
    input: bool = False


@dataclass(frozen=True, slots=True)
class _Source:
    table: Mapping[str, object]
    file: str


@dataclass(frozen=True, slots=True)
class _Files:
    """The workflow's variables (none: an empty table), and the configuration with what it inherits from."""

    workflow: _Source
    chain: tuple[_Source, ...]


def words_of(project: Path) -> tuple[tuple[BmadWord, ...], tuple[Note, ...]]:
    """What the project's BMAD files say, by the document's names, and what a person should be shown of them.

    Raises:
        SettingsError: `bmad_outside`, `bmad_circle`, and what reading a file raises.
    """
    folder = next((project / name for name in FOLDERS if _present(project / name)), None)
    if folder is None:
        return (), ()
    files = _read(project, folder)
    names = (*BY_DOCUMENT, DRY_RUN)
    found = (_word(name, files) for name in names)
    return tuple(word for word in found if word is not None), _notes(files)


def _present(folder: Path) -> bool:
    return os.path.lexists(folder / CONFIG) or os.path.lexists(folder / WORKFLOW)


def _read(project: Path, folder: Path) -> _Files:
    workflow = _file(project, folder / WORKFLOW) or _Source({}, "")
    said = workflow.table.get("config_source")
    named = _path(project, said) if isinstance(said, str) else None
    start = named if named is not None and os.path.lexists(named) else folder / CONFIG
    return _Files(workflow, _chain(project, start, ()))


def _chain(project: Path, path: Path, above: tuple[str, ...]) -> tuple[_Source, ...]:
    real = os.path.realpath(path)
    if real in above or len(above) >= _DEEPEST:
        raise SettingsError("bmad_circle", {"file": shown(str(path), 300)})
    source = _file(project, path)
    if source is None:
        return ()
    said = source.table.get("inherit_from")
    parents = [said] if isinstance(said, str) else as_list(said) or []
    chain = [source]
    for parent in parents[:_DEEPEST]:
        if isinstance(parent, str):
            chain.extend(_chain(project, _path(project, parent), (*above, real)))
    return tuple(chain)


def _path(project: Path, said: str) -> Path:
    if UNSAFE.search(said):
        raise SettingsError("bmad_outside", {"file": shown(said, 300)})
    below = said.removeprefix(_ROOT).lstrip("/") if said.startswith(_ROOT) else said
    return Path(os.path.normpath(project / below))


def _file(project: Path, path: Path) -> _Source | None:
    where = shown(str(path), 300)
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(project)):
        raise SettingsError("bmad_outside", {"file": where})
    text = text_of(path)
    return None if text is None else _Source(yaml_of(text, where), where)


def _word(name: str, files: _Files) -> BmadWord | None:
    raw = _resolved(files.workflow.table.get(name), files)
    if raw is not None:
        return BmadWord(name, raw, files.workflow.file)
    for part in ("required_inputs", "optional_inputs"):
        raw = _input(files.workflow.table.get(part), name)
        if raw is not None:
            return BmadWord(name, raw, files.workflow.file, input=True)
    for source in files.chain:
        raw = _resolved(source.table.get(name), files)
        if raw is not None:
            return BmadWord(name, raw, source.file)
    return None


def _input(inputs: object, name: str) -> object:
    """The value of an input; both `- name: value` lists and tables, and `name: {default: value}`, are in use."""
    tables = [as_table(item) for item in as_list(inputs) or [inputs]]
    raw = next((table[name] for table in tables if table and name in table), None)
    described = as_table(raw)
    return raw if described is None else described.get("default")


def _resolved(raw: object, files: _Files, depth: int = 0) -> object:
    """A value with its references followed; None where one leads nowhere."""
    if not isinstance(raw, str) or depth > _DEEPEST:
        return raw if not isinstance(raw, str) else None
    whole = _FROM_CONFIG.fullmatch(raw.strip())
    if whole:
        return _resolved(_looked_up(whole.group(1), files), files, depth + 1)
    text = raw
    for name in dict.fromkeys(_VARIABLE.findall(raw)):
        if name in _KEPT:
            continue
        value = _resolved(_variable(name, files), files, depth + 1)
        if not isinstance(value, str) or len(text) + len(value) > 4000:
            return None
        text = text.replace(f"{{{name}}}", value)
    return text


def _variable(name: str, files: _Files) -> object:
    return files.workflow.table.get(name, _looked_up(name, files))


def _looked_up(path: str, files: _Files) -> object:
    for source in files.chain:
        value: object = source.table
        for part in path.split("."):
            table = as_table(value)
            value = table.get(part) if table is not None else None
        if value is not None:
            return value
    return None


def _notes(files: _Files) -> tuple[Note, ...]:
    raw = _resolved(files.workflow.table.get("auto_run_migrations"), files)
    if raw is None:
        raw = _looked_up("deployment.auto_run_migrations", files)
    if not isinstance(raw, bool):
        return ()
    file = files.chain[0].file if files.chain else files.workflow.file
    said = "true" if raw else "false"
    return (Note("auto_run_migrations", (("value", said), ("file", file))),)
