"""The chat as a program of its own, with a talk that plays a scene: for tests in a real terminal.

Run: python chat_program.py SCENE, where SCENE is the name of a function or list in `program_scenes`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from diana_agent import events as ev
from diana_agent.tui.app import run_chat
from diana_prompts.catalogue import Catalogue
from tui import scenes as s
from tui.fake_talk import FakeTalk, Line, Scene

SCENES: dict[str, list[Scene]] = {
    "confirm": [
        [*s.begin(), *s.planned(), *s.backed_up()],
        [
            s.asked("c6", "migrate"), ev.StepEntered(step=7), s.phrase_question(), *s.migrating(), *s.migrated(),
            ev.Noted(message="tui.plan.none", tone="good"),
        ],
    ],
    "fail": [[*s.whole_run(), *s.failed()]],
    "flood": [
        [*s.begin(), s.asked("c4", "backup"), *(Line(f"line {number}") for number in range(50_000))],
        [ev.ModelSaid(text="I hear you.", model="embedded")],
    ],
}  # fmt: skip

if __name__ == "__main__":
    scenes = SCENES[sys.argv[1]]
    code = run_chat(lambda person: FakeTalk(person, scenes), Catalogue(), "billing-api")
    sys.stdout.write(f"exit code {code}\n")
