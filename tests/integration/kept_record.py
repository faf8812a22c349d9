"""A real run's record and every anchor of it, which a test may harm: as they lie in a person's folders."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import walking
from answers import Node
from diana_agent.cli import main
from diana_agent.heads import HEADS_FILE
from diana_agent.index import INDEX_FILE, runs
from diana_agent.journal import GENESIS
from diana_tools.databases import manifest
from walking import Walker

SOURCES = ("log", "manifest", "store", "heads", "index")


@dataclass(frozen=True, slots=True)
class Kept:
    """A person's folders after one run, and what the command said about them."""

    folder: Path
    project: Path
    call: Callable[..., tuple[int, str]]

    @property
    def runs(self) -> Path:
        return self.folder / "home/.local/state/diana/runs"

    @property
    def path(self) -> Path:
        return next(self.runs.glob("*.jsonl"))

    @property
    def run(self) -> str:
        return self.path.stem

    def places(self, source: str) -> list[Path]:
        """The files in which anchors of a kind are."""
        home = self.folder / "home/.local"
        return {
            "log": list((home / "state/diana/logs").glob("*.md")),
            "manifest": list((home / "share/diana/backups").rglob("backup-*.json")),
            "store": list((self.folder / "vault").glob("backup-*.json")),
            "heads": [home / "state/diana" / HEADS_FILE],
            "index": [self.runs / INDEX_FILE],
        }[source]

    def only(self, source: str) -> None:
        """Leave one kind of anchor that tells the truth: the others are gone, or say what the harm wants said."""
        for other in SOURCES:
            for place in self.places(other) if other != source else []:
                if (other, source) == ("manifest", "store"):
                    made = manifest.read(place)
                    manifest.update(replace(made, journal=GENESIS))
                else:
                    place.unlink(missing_ok=True)

    def verify(self, *words: str) -> tuple[int, Node]:
        code, out = self.call("journal", "verify", "--json", *words)
        assert len(out.splitlines()) == 1
        return code, Node(json.loads(out))


def verdicts(found: Node, source: str) -> set[str]:
    return {one["verdict"].text for one in found["anchors"] if one["source"] == source}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """One real run with a store, then an index of it."""
    folder, temporary = tmp_path_factory.mktemp("lived"), Path(tempfile.mkdtemp(prefix="diana-walk-", dir="/tmp"))
    who = Walker(folder, temporary)
    database = walking.sqlite_shop(folder / "app.db")
    who.say(walking.careful_person(folder / "vault"))
    project = walking.project(folder / "shop", f"sqlite:///{database}")
    done = who.diana(
        project, "migrate", "--trust", "--yes", "--environment", "dev", "--skip-rehearsal", "--json"
    )  # fmt: skip
    assert done.code == 0, done
    assert len(runs(who.state / "runs")) == 1
    yield folder
    shutil.rmtree(temporary)


@pytest.fixture
def kept(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Generator[Kept]:
    """Folders of a test's own, in the very place where the run wrote them: the journal names files by their paths."""
    saved = tmp_path / "saved"
    shutil.copytree(lived, saved)
    for variable, place in (("STATE", "state"), ("DATA", "share"), ("CONFIG", "")):
        home = lived / "home/.local" / place if place else lived / "home/.config"
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(home))

    def call(*words: str) -> tuple[int, str]:
        code = main([*words, "--project", str(lived / "shop")])
        out = capsys.readouterr()
        assert "Traceback" not in out.err
        return code, out.out

    yield Kept(lived, lived / "shop", call)
    shutil.rmtree(lived)
    shutil.copytree(saved, lived)
