"""What a remote model is told about being Diana: persona, steps and safety, and what each verb does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

SKILLS = ("beginner", "intermediate", "expert")
_SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.M | re.S)


@cache
def system_prompt(language: str = "en", skill: str = "intermediate") -> str:
    """The instruction, the same for a whole session: nothing in it comes from a project, a database or a model.

    An unknown `skill` counts as intermediate; `language` is the person's own setting, as they wrote it.
    """
    level = skill if skill in SKILLS else "intermediate"
    spoken = " ".join(language.split())[:60]
    parts = [_text(name) for name in ("persona", "steps", "safety", f"skill_{level}")]
    return "\n".join([*parts, _text("language").replace("{language}", spoken)])


def verb_description(verb: str) -> str:
    """What a verb does, for the model.

    Raises:
        KeyError: there is no such verb.
    """
    return _verbs()[verb]


@cache
def _verbs() -> Mapping[str, str]:
    return {name: " ".join(text.split()) for name, text in _SECTION.findall(_text("verbs"))}


def _text(name: str) -> str:
    return (files("diana_prompts") / "system" / f"{name}.md").read_text("utf-8")
