"""What an SSH signature says of itself (PROTOCOL.sshsig): its key's kind, and whether a hardware key was touched.

`ssh-keygen -Y verify` checks signature, key and namespace, and asks nothing of a hardware key's flags; sshd does.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

_MAGIC = b"SSHSIG"
_HARDWARE = ("sk-", "webauthn-sk-")
_PRESENT = 0x01


@dataclass(frozen=True, slots=True)
class Signature:
    """The kind of signature, such as ssh-ed25519, and whether somebody touched the key (None: it has no button)."""

    kind: str
    touched: bool | None = None


def read_signature(armoured: str) -> Signature | None:
    """The signature in its armour; None when it is none."""
    lines = [line.strip() for line in armoured.strip().splitlines()]
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not blob.startswith(_MAGIC):
        return None
    rest = blob[len(_MAGIC) + 4 :]
    parts: list[bytes] = []
    for _ in range(5):  # public key, namespace, reserved, hash, signature
        part, rest = _string(rest)
        parts.append(part)
    kind, rest = _string(parts[-1])
    _, rest = _string(rest)
    name = kind.decode("ascii", "replace")
    if not name:
        return None
    return Signature(name, bool(rest[:1] and rest[0] & _PRESENT) if name.startswith(_HARDWARE) else None)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """A length-prefixed string and what follows; both empty when the data end too early."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        return b"", b""
    return data[4 : 4 + size], data[4 + size :]
