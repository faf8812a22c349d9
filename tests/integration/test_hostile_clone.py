"""A hostile clone under every verb: before trust nothing of it ran; after trust it changed nothing that is a person's.

(guard's design, 16.) The person stands in the clone, and its folders are on their PATH.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

import clones
import walking
from answers import Node, Result
from clones import BMAD, FORBIDDEN, Clone, Inside
from diana_agent.call import Call
from diana_agent.runtime import settings_of
from diana_agent.sentences import refusal
from diana_config.bmad import FOLDERS, WORKFLOW
from diana_config.errors import SettingsError
from diana_prompts.catalogue import Catalogue
from servers import PgDatabase
from tui.terminal import Terminal

pytestmark = pytest.mark.integration

ASKING = ("connect", "plan", "ask", "backup", "rehearse", "dry-run", "migrate", "verify", "rollback", "restore")
CHATS = (("chat", "--plain"), ())


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Generator[Clone]:
    """The clone that nobody trusts, with a SQLite database."""
    folder = tmp_path_factory.mktemp("hostile")
    database = walking.sqlite_shop(folder / "app.db")
    with clones.listening() as (endpoint, called):
        yield clones.plant(folder, f"sqlite:///{database}", endpoint, called)


@pytest.fixture
def person(tmp_path: Path, clone: Clone) -> Inside:
    return inside(tmp_path, clone)


def inside(folder: Path, clone: Clone) -> Inside:
    temporary = folder / "tmp"
    temporary.mkdir()
    return Inside(folder / "who", temporary, {"PATH": clones.on_path(clone.project)})


def untouched(clone: Clone, before: list[str], database: Path) -> None:
    assert clone.ran() == set()
    assert clone.called == []
    assert walking.dump(database) == before
    assert sorted(path.name for path in database.parent.glob("app.db*")) == ["app.db"]


@pytest.mark.parametrize("verb", ASKING)
def test_before_trust_no_verb_runs_anything_of_it(clone: Clone, person: Inside, verb: str) -> None:
    database = clone.project.parent / "app.db"
    before = walking.dump(database)
    words = (verb, "What would be lost?") if verb == "ask" else (verb,)
    result = person.diana(clone.project, *words, "--json", "--yes", "--environment", "dev", piped="y\n" * 20)
    assert (result.code, result.summary["reason"]) == (2, "project_not_trusted"), result
    assert "--trust" in result.summary["sentence"].text
    untouched(clone, before, database)
    assert not list(person.backups.rglob("*"))


def test_verbs_that_only_look_need_no_trust_and_run_nothing(clone: Clone, person: Inside) -> None:
    database = clone.project.parent / "app.db"
    before = walking.dump(database)
    found = person.diana(clone.project, "detect", "--json")
    tools = [one["tool"].text for one in found.summary["detections"]]
    assert tools == ["alembic"], "links out of the tree, pipes and devices are no files of the project's"
    for words in (("config", "show"), ("journal", "show"), ("journal", "verify"), ("report",)):
        result = person.diana(clone.project, *words)
        assert result.code == 0, result
    untouched(clone, before, database)


@pytest.mark.parametrize("words", CHATS)
def test_the_chats_first_words_run_nothing(clone: Clone, person: Inside, words: tuple[str, ...]) -> None:
    database = clone.project.parent / "app.db"
    before = walking.dump(database)
    result = person.diana(clone.project, *words, piped="what is pending?\nyes, trust it\n/quit\n")
    assert "alembic" in result.out.lower(), result
    assert _model(person) == "embedded"
    untouched(clone, before, database)


def test_the_screen_asks_before_anything_ran_and_a_no_runs_nothing(clone: Clone, person: Inside) -> None:
    database = clone.project.parent / "app.db"
    before = walking.dump(database)
    words = (str(walking.COMMAND), "chat", "--project", str(clone.project))
    with Terminal(words, {**person.environment, "TERM": "xterm-256color"}, (100, 40)) as screen:
        screen.wait_for(Catalogue().say("ask.trust.title"))
        untouched(clone, before, database)
        screen.rest(1)
        screen.press("\x1b")
        screen.wait_for("--trust", len(screen.drawn))
        untouched(clone, before, database)


def _model(person: Inside) -> str:
    """Which model talked: the clone's own key must not turn another on."""
    return Node(json.loads(person.journals()[-1].read_text().splitlines()[0]))["event"]["model"].text


def _call(clone: Clone, home: Path) -> Call:
    return Call(clone.project, {}, {"HOME": str(home), "PATH": clones.on_path(clone.project)})


@pytest.mark.parametrize("key", FORBIDDEN)
def test_each_key_that_is_a_persons_is_an_error_that_names_their_file(clone: Clone, tmp_path: Path, key: str) -> None:
    said = FORBIDDEN[key].format(endpoint=clone.endpoint)
    _refused(clone, tmp_path, clone.project / "diana.toml", said, key)


@pytest.mark.parametrize("key", BMAD)
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_same_in_bmads_files(clone: Clone, tmp_path: Path, key: str, folder: str) -> None:
    path = clone.project / folder / WORKFLOW
    path.parent.mkdir(parents=True, exist_ok=True)
    _refused(clone, tmp_path, path, BMAD[key], key)


def _refused(clone: Clone, home: Path, path: Path, said: str, key: str) -> None:
    own = home / ".config/diana/diana.toml"
    own.parent.mkdir(parents=True)
    own.write_text('[environments.known]\nlevel = "production"\nhosts = ["db"]\n')
    before = path.read_text() if path.exists() else None
    path.write_text(said + "\n")
    try:
        with pytest.raises(SettingsError) as raised:
            settings_of(_call(clone, home))
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    error = raised.value
    sentence = refusal(error.code, error.fields, Catalogue())
    assert error.fields["key"] == key, error.fields
    assert str(path) in sentence, "where it stands"
    if error.code == "setting_forbidden":
        assert str(own) in sentence, "where it belongs"
    assert clone.ran() == set()
    assert clone.called == []


def test_a_key_that_is_a_persons_stops_every_verb_before_anything_is_begun(clone: Clone, tmp_path: Path) -> None:
    file, person = clone.project / "diana.toml", inside(tmp_path, clone)
    before = file.read_text()
    file.write_text(f'model_endpoint = "{clone.endpoint}"\n')
    try:
        for words in (("migrate", "--trust", "--yes"), ("chat", "--plain"), ("config", "show")):
            result = person.diana(clone.project, *words, piped="hello\n")
            assert (result.code, str(person.settings) in result.err) == (2, True), result
    finally:
        file.write_text(before)
    assert not person.journals()
    assert clone.ran() == set()
    assert clone.called == []


def test_a_file_of_the_clone_is_no_persons_file_even_when_a_variable_names_it(clone: Clone, person: Inside) -> None:
    person.environ["DIANA_CONFIG"] = str(clone.project / "evil.toml")
    result = person.diana(clone.project, "migrate", "--trust", "--yes")
    assert (result.code, "evil.toml" in result.err) == (2, True), result
    assert clone.ran() == set()


def settings_shown(person: Inside, project: Path) -> dict[str, str]:
    result = person.diana(project, "config", "show", "--json")
    return {one["key"].text: one["value"].text for one in result.summary["settings"]}


def test_after_trust_it_changes_nothing_that_is_a_persons(tmp_path: Path) -> None:
    """The same run on the clone and on a clean one: settings, level, model, stores, child environment, result."""
    with clones.listening() as (endpoint, called):
        places = [walking.sqlite_shop(tmp_path / name / "app.db") for name in ("clean", "evil")]
        pure = walking.project(tmp_path / "clean/clone", f"sqlite:///{places[0]}")
        clone = clones.plant(tmp_path / "evil", f"sqlite:///{places[1]}", endpoint, called, runs=True)
        clean, evil = (_run(project) for project in (pure, clone.project))
    ran = clone.ran()
    assert called == []
    assert evil[0] == clean[0], "settings that are a person's"
    assert evil[1] == clean[1], "the run"
    assert evil[2] == clean[2], "what the tool's child sees"
    assert evil[3] == clean[3], "the database afterwards"
    assert {"env.py", "venv python"} <= ran, "after trust the project's own code runs"
    assert not {name for name in ran if "bin_" in name or name.startswith(("git", "hook", "npm", "scripts"))}, ran
    assert not ran & {"javascript", "rakefile", "erb", "manage.py", "make"}


def _run(project: Path) -> tuple[object, ...]:
    """What a whole trusted run on a project came to, in everything that is a person's to say."""
    seen, env = project.parent / "seen.json", project / "migrations/env.py"
    env.write_text(f"import json, os\njson.dump(dict(os.environ), open({str(seen)!r}, 'w'))\n{env.read_text()}")
    person = Inside(project.parent / "who", project.parent)
    person.environ |= {"PATH": clones.on_path(project) if (project / "bin").exists() else walking.PATH}
    person.environ |= {"MINE": "mine", "ANTHROPIC_AUTH_TOKEN": "not-for-children", "AWS_PROFILE": "mine"}
    person.say('child_env = ["MINE"]\n')
    shown = settings_shown(person, project)
    done = person.diana(project, "migrate", "--trust", "--yes", "--skip-rehearsal", "--environment", "dev", "--json")
    assert done.code == 0, done
    return _theirs(shown), _facts(person, done), _environ(seen), walking.dump(project.parent / "app.db")


def _theirs(shown: dict[str, str]) -> dict[str, str]:
    """Without what a project may say: its words for names, language and environments upwards."""
    return {key: value for key, value in shown.items() if key != "user_name" and not key.startswith("environments.eu")}


def _facts(person: Inside, done: Result) -> tuple[object, ...]:
    events = [Node(json.loads(line))["event"] for line in person.journals()[-1].read_text().splitlines()]
    level = [one["environment"]["level"].text for one in events if one["kind"] == "environment_settled"]
    copies = [one for one in events if one["kind"] == "copied"]
    backups = sorted(path.suffix for path in person.backups.rglob("*") if path.is_file())
    return events[0]["model"].text, level, copies, backups, done.summary["state"], done.summary["version"]


def _environ(seen: Path) -> dict[str, str]:
    """What the project's own code saw of the environment, without the folders that differ between two people."""
    found: dict[str, str] = json.loads(seen.read_text())
    entries = found.pop("PATH").split(":")
    assert all(entry.startswith("/") for entry in entries)
    assert not any(entry.endswith("/scripts") for entry in entries), "everybody may write there"
    # The last three are those that the shell of the planted interpreter makes for itself.
    return {name: value for name, value in found.items() if name not in ("HOME", "TMPDIR", "PWD", "OLDPWD", "_")}


def test_the_helpers_of_a_postgresql_run_are_the_systems_own(tmp_path: Path, pg_database: PgDatabase) -> None:
    walking.pg_shop(pg_database)
    with clones.listening() as (endpoint, called):
        clone = clones.plant(tmp_path / "evil", pg_database.url, endpoint, called, runs=True)
        temporary = Path(tempfile.mkdtemp(prefix="diana-walk-", dir="/tmp"))
        temporary.chmod(0o1777)
        person = Inside(tmp_path / "who", temporary, {"PATH": clones.on_path(clone.project)})
        person.secrets.append(pg_database.password)
        (clone.project / "diana.toml").write_text(
            'environment = "qa"\n[environments.qa]\nlevel = "dev"\nhosts = ["*"]\n'
        )
        unnamed = person.diana(clone.project, "connect", "--trust", "--json")
        assert (unnamed.code, unnamed.summary["reason"]) == (2, "environment_unnamed"), "a clone names no database dev"
        person.say(walking.person_of(pg_database.server, **{pg_database.name: "dev"}))
        result = person.diana(clone.project, "backup", "--trust", "--json")
        assert (result.code, result.summary["grade"]) == (0, "restored"), result
    ran = clone.ran()
    assert {"env.py"} <= ran
    assert not {name for name in ran if "bin_" in name or name.startswith(("git", "hook", "scripts"))}, ran
    assert called == []
    assert person.leaks() == []
    temporary.rmdir()
