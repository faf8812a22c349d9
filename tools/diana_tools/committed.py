"""Whether the migration files are those of the last commit, so that nothing of a repository's settings runs.

`git status` would run the filters that a repository's own settings name, and what a repository left out git would fetch
with a program of its choice. So git is asked for names and hashes alone, and the files are hashed here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from diana_tools.command import Output, ReadCommand
from diana_tools.files import bounded

_LARGEST = 20_000_000
_MOST = 20_000


def command(git: Path, project: Path, folder: str) -> ReadCommand:
    """The question: every file of a folder in the last commit, and its hash."""
    settings = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.sshCommand=false")
    # Git counts these variables more than any settings: no protocol is allowed, so nothing is fetched.
    env = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
    options = (word for setting in settings for word in ("-c", setting))
    argv = (str(git), "--no-pager", *options, "ls-tree", "-r", "-z", "HEAD", "--", folder or ".")
    return ReadCommand(argv, cwd=project, env=env, timeout=20)


def same(output: Output, project: Path, folder: str) -> bool | None:
    """Whether the folder's files are the committed ones; None where git does not know, or nothing can be compared.

    Left out is what nobody commits: byte code and hidden files.
    """
    if output.exit_code or output.truncated:
        return None
    kept: dict[str, str] = {}
    for entry in output.stdout.split("\0"):
        words, _, path = entry.partition("\t")
        if path and words.startswith("100"):
            kept[path] = words.split(" ")[-1]
    there = set[str]()
    for path in _files(project, folder):
        there.add(path)
        if len(there) > _MOST or _hash(project / path, kept.get(path, "")) != kept.get(path):
            return False
    return there >= {path for path in kept if not _left_out(path)}


def _files(project: Path, folder: str) -> Iterator[str]:
    for where, folders, names in os.walk(project / folder):
        folders[:] = [name for name in folders if not _left_out(name)]
        for name in names:
            if not _left_out(name):
                yield (Path(where) / name).relative_to(project).as_posix()


def _left_out(path: str) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.split("/")) or path.endswith(".pyc")


def _hash(path: Path, like: str) -> str:
    """The hash that git gives such a file, SHA-1 or SHA-256 as the repository has them."""
    content = bounded(path, _LARGEST + 1)
    if content is None or len(content) > _LARGEST:
        return "?"
    made = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return made(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
