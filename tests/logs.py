"""Reading a rendered migration log, for tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diana_agent.journal import Entry
from diana_agent.report import render
from diana_prompts.catalogue import Catalogue

CATALOGUE = Catalogue("en")


def lines(entries: Sequence[Entry]) -> list[str]:
    return render(entries, CATALOGUE).splitlines()


def section(entries: Sequence[Entry], title: str) -> list[str]:
    """The lines below one heading of the second level."""
    text = render(entries, CATALOGUE)
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert found, title
    return found.group(1).splitlines()


def sections(entries: Sequence[Entry]) -> list[str]:
    return [line[3:] for line in lines(entries) if line.startswith("## ")]
