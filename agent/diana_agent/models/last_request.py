"""The last request to a remote model, kept byte for byte so that a person can see what was sent; never the key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from diana_config.kept import Kept
from diana_config.reading import UNSAFE, as_list
from diana_tools.redaction import MASK, sure

_SEEN = frozenset(
    ("host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length",
     "anthropic-version", "anthropic-beta")
)  # fmt: skip
_SEEN_FAMILY = "x-stainless-"
_USERINFO = re.compile(r"(?<=://)[^/?#@]*@")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: `body` is the text of its JSON, exactly; headers that may hold a key have no value."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    at: str = ""

    @classmethod
    def of(cls, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> Sent:
        """A request as it is about to leave."""
        return cls(method, sure(_USERINFO.sub(f"{MASK}@", url)), tuple(map(_header, headers)), body.decode())

    @property
    def size(self) -> int:
        """The body's length in bytes."""
        return len(self.body.encode())

    @property
    def shown(self) -> str:
        """The body for a terminal: the same JSON, with an escape for each character that cannot be seen."""
        return UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], self.body)


def _header(pair: tuple[str, str]) -> tuple[str, str]:
    """A header that is known to hold no key, as it is; any other without its value."""
    name, value = pair[0].lower(), pair[1]
    return name, value if name in _SEEN or name.startswith(_SEEN_FAMILY) else MASK


class LastRequest:
    """Kept as `last-request.json` in `folder`, private, one request and no more."""

    def __init__(self, folder: Path) -> None:
        self._kept = Kept(folder / "last-request.json")

    def keep(self, sent: Sent, at: datetime) -> None:
        """Put this one in the place of the one before.

        Raises:
            SettingsError: `state_unwritable`, `folder_unwritable`.
        """
        self._kept.change(
            lambda _before: {
                "method": sent.method, "url": sent.url, "headers": sent.headers, "body": sent.body,
                "at": at.isoformat(timespec="seconds"),
            }
        )  # fmt: skip

    def read(self) -> Sent | None:
        """What was sent last; None where nothing ever was, or what was kept is damaged."""
        found = self._kept.read()
        method, url, body, at = (found.get(name) for name in ("method", "url", "body", "at"))
        headers = [as_list(pair) for pair in as_list(found.get("headers")) or ()]
        if not all(isinstance(part, str) for part in (method, url, body, at)):
            return None
        pairs = tuple((str(pair[0]), str(pair[1])) for pair in headers if pair is not None and len(pair) == 2)
        return Sent(cast("str", method), cast("str", url), pairs, cast("str", body), cast("str", at))
