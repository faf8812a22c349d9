"""Requests and approvals as files: read with suspicion, written whole."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from diana_agent.approvals import Approval, Document, Request, first_fault
from diana_tools.errors import DianaError, PermitRefused
from diana_tools.redaction import plain

LARGEST_FILE = 256 * 1024
_LARGEST_SIGNERS = 1 << 20

Kind = TypeVar("Kind", bound=Document)


def load_request(path: Path) -> Request:
    """Read a request.

    Raises:
        DianaError: `request_unreadable` with the first thing that is wrong.
    """
    return _load(path, Request, "request_unreadable")


def load_approval(path: Path) -> Approval:
    """Read an approval; it is not verified yet.

    Raises:
        DianaError: `approval_unreadable` with the first thing that is wrong.
        PermitRefused: `approval_unsafe` for a link, or a file that anybody can write.
    """
    return _load(path, Approval, "approval_unreadable")


def guarded_copy(path: Path, into: Path) -> None:
    """Copy a file that says whom to believe, if only its owner could have written it; what was checked is what is used.

    Raises:
        PermitRefused: `approval_signers_unsafe` when it is a link, somebody else's, or can be written by others, or its
            folder can; or cannot be read.
        DianaError: `approval_unwritable`.
    """
    try:
        with os.fdopen(_opened(path), "rb") as handle:
            found, around = os.fstat(handle.fileno()), path.absolute().parent.stat()
            content = handle.read(_LARGEST_SIGNERS + 1)
        why = _unsafe(found) or _unsafe(around, sticky=bool(around.st_mode & stat.S_ISVTX))
        if not why and len(content) > _LARGEST_SIGNERS:
            why = os.strerror(errno.EFBIG)
    except OSError as error:
        why, content = error.strerror or type(error).__name__, b""
    if why:
        raise PermitRefused("approval_signers_unsafe", {"path": plain(str(path), 500), "error": why})
    try:
        with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as copy:
            copy.write(content)
    except OSError as error:
        raise DianaError("approval_unwritable", {"path": str(into), "error": error.strerror or ""}) from None


def _unsafe(found: os.stat_result, *, sticky: bool = False) -> str:
    """What lets others than its owner write it, or whose it is, as `ls` shows that."""
    if found.st_uid not in (0, os.geteuid()):
        return f"uid {found.st_uid}"
    return stat.filemode(found.st_mode) if found.st_mode & 0o022 and not sticky else ""


def _opened(path: Path) -> int:
    """A plain file's handle, through no link.

    Raises:
        OSError: it is something else.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return file


def _load(path: Path, kind: type[Kind], code: str) -> Kind:
    try:
        return kind.model_validate_json(_bounded(path))
    except ValidationError as error:
        why = first_fault(error)
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError as error:
        why = str(error)
    raise DianaError(code, {"path": plain(str(path), 500), "what": plain(why, 200)})


def _bounded(path: Path) -> bytes:
    """The file's bytes; what is no ordinary file, is a link, can be written by anybody, or is too big, is not read."""
    if path.is_symlink():
        raise PermitRefused("approval_unsafe", {"path": plain(str(path), 500), "error": os.strerror(errno.ELOOP)})
    with os.fdopen(_opened(path), "rb") as handle:
        mode = os.fstat(handle.fileno()).st_mode
        if mode & stat.S_IWOTH:
            raise PermitRefused("approval_unsafe", {"path": plain(str(path), 500), "error": stat.filemode(mode)})
        content = handle.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("too big")
    return content


def save(path: Path, document: Request | Approval) -> None:
    """Write a request or an approval as a private file, whole or not at all; what was there is replaced.

    Raises:
        DianaError: `approval_unwritable`.
    """
    text = json.dumps(document.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as handle:
                handle.write(text.encode() + b"\n")
                handle.flush()
                os.fsync(handle.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        fields = {"path": plain(str(path), 500), "error": error.strerror or type(error).__name__}
        raise DianaError("approval_unwritable", fields) from None
