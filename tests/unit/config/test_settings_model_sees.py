"""What a remote model may see is a person's word; a project may only ask for less, and an answer is kept by host."""

from __future__ import annotations

import itertools
import stat
from pathlib import Path

import pytest

from diana_config.answers import ModelAnswers
from diana_config.settings import SEES, Tier
from diana_config.show import rows
from unit.config.settings_place import Place, refused


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_counts_are_the_default_and_nobody_said_so(place: Place) -> None:
    said = place.load()
    assert said.model_sees == "counts"
    assert said.tier("model_sees") is None


@pytest.mark.parametrize("tier", [Tier.FLAG, Tier.NAMED, Tier.USER])
@pytest.mark.parametrize("word", SEES)
def test_a_person_says_anything(place: Place, tier: Tier, word: str) -> None:
    flags = {"model-sees": word} if tier is Tier.FLAG else {}
    if tier is not Tier.FLAG:
        place.write(tier, f'model_sees = "{word}"\n')
    said = place.load(flags)
    assert (said.model_sees, said.tier("model_sees")) == (word, tier)


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.product(("", *SEES), SEES[:3])))
def test_a_project_only_asks_for_less(place: Place, mine: str, theirs: str) -> None:
    if mine:
        place.write(Tier.USER, f'model_sees = "{mine}"\n')
    project = place.write(Tier.PROJECT, f'model_sees = "{theirs}"\n')
    said = place.load()
    assert said.model_sees == min(mine or "statements", theirs, key=SEES.index)
    tier = said.tier("model_sees")
    assert tier is not None
    assert tier.person is bool(mine)
    shown = {row.key: row for row in rows(said)}["model_sees"]
    assert shown.value == said.model_sees
    assert (str(project) in shown.source) is (not mine or SEES.index(theirs) < SEES.index(mine))


@pytest.mark.parametrize("word", ["statements", "everything", ""])
def test_a_project_never_opens_anything(place: Place, word: str) -> None:
    project = place.write(Tier.PROJECT, f'model_sees = "{word}"\n')
    assert str(project) in str(refused(place.load))


def test_an_answer_is_kept_for_its_host_alone_and_privately(tmp_path: Path) -> None:
    answers = ModelAnswers(tmp_path / "state")
    assert answers.said("api.example.org") == ""
    answers.remember("api.example.org", "names")
    answers.remember("127.0.0.1:8080", "statements")
    again = ModelAnswers(tmp_path / "state")
    assert (again.said("api.example.org"), again.said("127.0.0.1:8080")) == ("names", "statements")
    assert again.said("api.example.com") == ""
    assert stat.S_IMODE(answers.path.stat().st_mode) == 0o600
    with pytest.raises(ValueError, match="everything"):
        answers.remember("api.example.org", "everything")


@pytest.mark.parametrize("damage", ["{", "[]", '{"h": 3}', '{"h": "all"}', '{"h": ["names"]}'])
def test_a_damaged_file_means_that_nobody_was_asked(tmp_path: Path, damage: str) -> None:
    answers = ModelAnswers(tmp_path)
    answers.path.write_text(damage)
    answers.path.chmod(0o600)
    assert answers.said("h") == ""
