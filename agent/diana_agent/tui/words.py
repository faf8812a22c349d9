"""What the face says: its own sentences by id, other people's ids with a safe way out, untrusted text made plain."""

from __future__ import annotations

from collections.abc import Mapping

from diana_prompts.catalogue import Catalogue


def clean(text: str, limit: int = 20_000) -> str:
    """Text from outside made harmless for a terminal: no escapes, no control or bidi characters, no tabs, bounded."""
    from diana_tools.redaction import plain

    return plain(text, limit).expandtabs(4)


class Words:
    """The catalogue as the face uses it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, message: str, /, **fields: str | int | float) -> str:
        """One of the face's own sentences: `tui.<message>`.

        Raises:
            KeyError: the id or a field is missing; a test keeps that from happening.
        """
        return self._catalogue.say(f"tui.{message}", **fields)

    def of(self, message: str, fields: Mapping[str, str] | None = None) -> str:
        """The sentence of an id that came in an event, cleaned; an empty string when it cannot be said."""
        if not self._catalogue.has(message):
            return ""
        try:
            return clean(self._catalogue.say(message, **{name: clean(text) for name, text in (fields or {}).items()}))
        except KeyError:
            return ""

    def code(self, code: str, *prefixes: str, fields: Mapping[str, str] | None = None) -> str:
        """The sentence of the first of `prefix.code` that there is; else the code itself, readable."""
        for prefix in prefixes:
            if sentence := self.of(f"{prefix}.{code}", fields):
                return sentence
        return self.of(code, fields) or clean(code).replace("_", " ")
