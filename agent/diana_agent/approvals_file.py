"""Requests and approvals as files: read with suspicion, written whole."""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from diana_agent.approvals import Approval, Document, Request, first_fault
from diana_tools.errors import DianaError
from diana_tools.redaction import plain

LARGEST_FILE = 256 * 1024

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
    """
    return _load(path, Approval, "approval_unreadable")


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
    """The file's bytes; what is no ordinary file, or too big, is not read."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
        found = os.fstat(handle.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("not a file")
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
