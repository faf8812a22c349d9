"""Whether a coding agent sits in the process tree: what it typed for itself would be nobody's confirmation.

A guess from names, good against mistakes and not against a program that hides itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_PROGRAMS = {
    "aider": "Aider",
    "amp": "Amp",
    "auggie": "Augment",
    "claude": "Claude Code",
    "claude-code": "Claude Code",
    "cline": "Cline",
    "codex": "Codex",
    "copilot": "Copilot",
    "crush": "Crush",
    "cursor-agent": "Cursor",
    "droid": "Droid",
    "gemini": "Gemini CLI",
    "gemini-cli": "Gemini CLI",
    "goose": "Goose",
    "kiro-cli": "Kiro",
    "opencode": "OpenCode",
    "opencode-ai": "OpenCode",
    "openhands": "OpenHands",
    "plandex": "Plandex",
    "qwen": "Qwen Code",
    "qwen-code": "Qwen Code",
}
_VARIABLES = {
    "AIDER_": "Aider",
    "AMP_CURRENT_THREAD_ID": "Amp",
    "AUGMENT_AGENT": "Augment",
    "CLAUDECODE": "Claude Code",
    "CLAUDE_CODE_": "Claude Code",
    "CLINE_": "Cline",
    "CODEX_": "Codex",
    "COPILOT_": "Copilot",
    "CURSOR_": "Cursor",
    "DEVIN_": "Devin",
    "GEMINI_CLI": "Gemini CLI",
    # Not GOOSE_: a migration tool of that name has variables such as GOOSE_DRIVER.
    "GOOSE_TERMINAL": "Goose",
    "KIRO_": "Kiro",
    "OPENCODE": "OpenCode",
    "OPENHANDS_": "OpenHands",
    "QWEN_CODE": "Qwen Code",
    "REPLIT_AGENT": "Replit",
    "WINDSURF_": "Windsurf",
}
_NEUTRAL = ("AI_AGENT", "AGENT_NAME")
"""Variables by which an agent names itself, whatever it is called."""
_INTERPRETERS = ("node", "bun", "deno", "python", "ruby", "npx", "uv", "uvx", "pipx")
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One process above Diana: its name as the system has it, and the first words of its command line."""

    name: str
    words: tuple[str, ...] = ()


def coding_agent(ancestors: Sequence[Ancestor], environ: Mapping[str, str]) -> str:
    """The name of the coding agent that these processes and variables show, or an empty string."""
    for ancestor in ancestors:
        for program in _programs(ancestor):
            if program in _PROGRAMS:
                return _PROGRAMS[program]
    for variable, value in environ.items():
        if not value:
            continue
        if variable in _NEUTRAL:
            return value[:40]
        for start, name in _VARIABLES.items():
            if variable == start or (start.endswith("_") and variable.startswith(start)):
                return name
    return ""


def _programs(ancestor: Ancestor) -> list[str]:
    """What the process may be called: its name, its first word, and the script an interpreter was given."""
    names = [_bare(ancestor.name), *(_bare(word) for word in ancestor.words[:1])]
    if any(name.rstrip("0123456789.") in _INTERPRETERS for name in names):
        scripts = [word for word in ancestor.words[1:] if not word.startswith("-")]
        names += [_bare(word) for word in scripts[:2]]
        names += [_bare(part) for word in scripts[:2] for part in _package(PurePath(word).parts)]
    return names


def _package(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Scope and name of the Node package that a script lies in; a person's own folders may be called anything."""
    if "node_modules" not in parts:
        return ()
    last = len(parts) - 1 - parts[::-1].index("node_modules")
    return parts[last + 1 : last + 3]


def _bare(word: str) -> str:
    """The last part of a path without an ending, lower case; of a process title its first word."""
    name = PurePath(word.split(" ")[0]).name.lower()
    for ending in (".js", ".mjs", ".cjs", ".py", ".exe"):
        name = name.removesuffix(ending)
    return name.removeprefix("@")


def ancestors() -> tuple[Ancestor, ...]:
    """The processes above this one, nearest first; what may not be read is left out."""
    import psutil

    found: list[Ancestor] = []
    try:
        process = psutil.Process().parent()
        while process is not None and len(found) < _DEEPEST:
            found.append(_seen(process))
            process = process.parent()
    except psutil.Error:
        return tuple(found)
    return tuple(found)


def _seen(process: psutil.Process) -> Ancestor:
    import psutil

    try:
        words = tuple(process.cmdline()[:4])
    except psutil.Error:
        words = ()
    return Ancestor(process.name(), words)
