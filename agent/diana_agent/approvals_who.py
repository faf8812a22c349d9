"""Who somebody is known as, for a policy that wants a second person: login, name, signer's name and key."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from getpass import getuser
from pathlib import Path

from diana_config.settings import Settings

_LARGEST_KEY = 16_384
_PLAIN = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-")


def known_as(settings: Settings) -> tuple[str, ...]:
    """Every word that names the person of these settings; the key by its fingerprint, as ssh-keygen writes it."""
    key = fingerprint(Path(settings.signing_key)) if settings.signing_key else ""
    login = ""
    with suppress(KeyError, OSError, ImportError):  # a container's user may have no name
        login = getuser()
    words = (login, settings.user_name, settings.signer, key)
    return tuple(dict.fromkeys(word for word in words if word))


def same_person(ones: Sequence[str], others: Sequence[str]) -> bool:
    """Whether a word of the one is a word of the other.

    Case does not matter, and a bare name is the same as that name at any domain: anna and anna@example.org.
    """
    return any(_alike(one.casefold().strip(), other.casefold().strip()) for one in ones for other in others)


def _alike(one: str, other: str) -> bool:
    if not one or not other:
        return False
    if one.startswith("sha256:") or ("@" in one and "@" in other):
        return one == other
    return one.partition("@")[0] == other.partition("@")[0]


def fingerprint(key_file: Path) -> str:
    """SHA256:... of the public half of a key file, which may be that half itself; empty where it cannot be told."""
    for path in (key_file, key_file.with_name(f"{key_file.name}.pub")):
        try:
            with path.open("rb") as handle:
                words = handle.read(_LARGEST_KEY).split()
            if len(words) < 2 or not words[0].decode("ascii").startswith(_PLAIN) or b"-cert-" in words[0]:
                continue
            digest = hashlib.sha256(base64.b64decode(words[1], validate=True)).digest()
        except (OSError, ValueError):
            continue
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
    return ""
