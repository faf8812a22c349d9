"""Nothing heavy is loaded for the first frame, and every sentence of the face is in the catalogue."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from diana_agent.tui.widgets.steps import COUNT, GLYPHS
from diana_prompts.catalogue import Catalogue, fields_of

HEAVY = (
    "pydantic", "sqlalchemy", "anthropic", "boto3", "pglast", "sqlglot", "psycopg", "markdown_it",
    "diana_tools", "diana_agent.events", "diana_agent.runtime",
)  # fmt: skip
SOURCES = sorted(Path(str(files("diana_agent.tui"))).rglob("*.py"))


def test_the_application_loads_without_anything_heavy() -> None:
    code = f"import sys, diana_agent.tui.app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def literal_ids() -> Iterator[tuple[str, set[str]]]:
    """Ids written out in the sources, with the fields they are given on the same line."""
    for path in SOURCES:
        for match in re.finditer(
            r"\bwords\(\s*['\"]([a-z0-9_.]+)['\"]([^()]*(?:\([^()]*\)[^()]*)*)\)", path.read_text()
        ):
            yield match[1], set(re.findall(r"(\w+)=", match[2]))


def test_every_sentence_that_is_said_exists_with_its_fields() -> None:
    catalogue = Catalogue()
    found = dict(literal_ids())
    assert len(found) > 60
    for message, fields in found.items():
        assert catalogue.has(f"tui.{message}"), message
        values = {name: "x" for name in fields}
        assert catalogue.say(f"tui.{message}", **values)


def test_every_sentence_of_the_face_is_used() -> None:
    text = "\n".join(path.read_text() for path in SOURCES).replace("'", '"')
    made = re.compile(r"\"([a-z_.]*)\{")
    prefixes = {match[1] for match in made.finditer(text) if match[1].endswith((".", "_"))}
    source = files("diana_prompts") / "messages" / "en" / "tui.toml"
    for message in re.findall(r"^\"tui\.([^\"]+)\"", source.read_text("utf-8"), re.MULTILINE):
        assert f'"{message}"' in text or any(message.startswith(prefix) for prefix in prefixes), message


def test_steps_have_names_and_states_have_words() -> None:
    catalogue = Catalogue()
    for name in (*map(str, range(1, COUNT + 1)), *GLYPHS):
        assert catalogue.say(f"tui.step.{name}")
    assert fields_of(catalogue.say("tui.brand")) == frozenset()
