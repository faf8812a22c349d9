"""Where a Python project keeps its interpreter, and which environment variables its code reads; as data only."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diana_tools.files import bounded_text, repository

OWN = Path(sys.executable)
"""Diana's own interpreter: the last candidate where the project has none and Diana happens to have the tool."""

_FOLDERS = (".venv", "venv", "env")
_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,62}[A-Z0-9]\Z")
_MOST_FILES = 200
_LARGEST = 1_000_000


def interpreters(root: Path, tool_root: Path, environ: Mapping[str, str], module: str) -> tuple[Path, ...]:
    """Candidates for the project's Python, best first, none above the repository's root.

    The project's `.venv`, `venv` or `env` from the tool's folder up to the repository's root, then `$VIRTUAL_ENV` if
    it lies inside, and last Diana's own interpreter when `module` can be imported there. Nothing is executed, and
    neither uv, poetry nor pipenv is asked: they may create environments.
    """
    top = repository(root)
    found: list[Path] = []
    for folder in (tool_root, *tool_root.parents):
        if not folder.is_relative_to(top):
            break
        found += [program for name in _FOLDERS if (program := _program(folder / name, top)) is not None]
    active = environ.get("VIRTUAL_ENV", "")
    if active and (program := _program(Path(active), top)) is not None:
        found.append(program)
    if importlib.util.find_spec(module) is not None:
        found.append(OWN)
    return tuple(dict.fromkeys(found))


def _program(environment: Path, top: Path) -> Path | None:
    """The interpreter of a virtual environment whose real folder lies inside the repository."""
    program = environment / "bin" / "python"
    inside = environment.resolve().is_relative_to(top.resolve())
    if inside and (environment / "pyvenv.cfg").is_file() and os.access(program, os.X_OK):
        return program
    return None


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that code may read from the environment, and the default that stands beside it in the code."""

    name: str
    default: str = ""


def variables(start: Path, folders: Sequence[Path]) -> tuple[Variable, ...]:
    """Names of environment variables in a file and in the project's own modules that it imports.

    Any upper-case constant counts, and the fields of pydantic's settings: to know too many names does no harm, as
    only those that look like a connection are used. `folders` are where imports are looked up.
    """
    found: dict[str, str] = {}
    for tree in _modules(start, folders):
        for variable in _read_by(tree):
            found[variable.name] = found.get(variable.name) or variable.default
    return tuple(Variable(name, default) for name, default in sorted(found.items()))


def dotenv(folders: Sequence[Path]) -> dict[str, str]:
    """The plain `NAME=value` lines of the folders' `.env` files; the first folder wins."""
    found: dict[str, str] = {}
    for folder in folders:
        for line in _text(folder / ".env").splitlines():
            name, mark, value = line.removeprefix("export ").partition("=")
            if mark and _NAME.match(name.strip()):
                found.setdefault(name.strip(), value.strip().strip("'\""))
    return found


def _modules(start: Path, folders: Sequence[Path]) -> Iterator[ast.Module]:
    waiting, seen = [start], {start}
    while waiting and len(seen) <= _MOST_FILES:
        path = waiting.pop(0)
        try:
            tree = ast.parse(_text(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a file may be made to be too deep
            continue
        yield tree
        for name in _imported(tree):
            for file in _files(name, folders):
                if file not in seen:
                    seen.add(file)
                    waiting.append(file)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # The dots of a relative import are lost on purpose: the name is looked up in every folder.
            prefix = f"{node.module}." if node.module else ""
            yield from (prefix + alias.name for alias in node.names)
            if node.module:
                yield node.module


def _files(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    parts = name.split(".")
    for folder in folders:
        for count in range(1, len(parts) + 1):
            stem = folder.joinpath(*parts[:count])
            for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
                if path.is_file():
                    yield path


def _text(path: Path) -> str:
    return bounded_text(path, _LARGEST)


def _read_by(tree: ast.Module) -> Iterator[Variable]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.match(node.value):
            yield Variable(node.value)
        elif isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.ClassDef) and any("Settings" in ast.unparse(base) for base in node.bases):
            yield from _fields(node)


def _called(node: ast.Call) -> Iterator[Variable]:
    """`getenv("NAME", "default")` and its kin, whatever they are called."""
    words = [_constant(argument) for argument in node.args[:2]]
    words += [_constant(keyword.value) for keyword in node.keywords if keyword.arg == "default"]
    if len(words) > 1 and _NAME.match(words[0]):
        yield Variable(words[0], words[-1])


def _fields(node: ast.ClassDef) -> Iterator[Variable]:
    """The variables of a pydantic settings class: its fields in capitals behind its prefix."""
    prefixes = [
        keyword.value.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "env_prefix" and isinstance(keyword.value, ast.Constant)
    ]
    prefixes += [
        one.value.value
        for one in ast.walk(node)
        if isinstance(one, ast.Assign)
        and isinstance(one.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == "env_prefix" for target in one.targets)
    ]
    prefix = next((text for text in prefixes if isinstance(text, str)), "")
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            name = (prefix + field.target.id).upper()
            if _NAME.match(name):
                yield Variable(name, _constant(field.value))


def _constant(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
