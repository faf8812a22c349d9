"""Approvals over several machines: asked for on one, signed on the next, run on a third, used once for all."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sysconfig
import threading
import venv
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

import walking
from answers import Result
from diana_agent.guard.phrases import EXECUTE
from servers import PgDatabase
from walking import ADD, DROP, Terminal, Walker

pytestmark = pytest.mark.integration

LAST = "4d0000000004"
READING = walking.migration(
    LAST, walking.HEAD,
    'from pathlib import Path\n'
    'for line in Path(__file__).parents[1].joinpath("points.sql").read_text().splitlines():\n    op.execute(line)',
    words="runs what stands in a file, which nobody knows before it ran",
)  # fmt: skip


@contextmanager
def writing(database: PgDatabase) -> Generator[list[int]]:
    """Somebody orders all the while."""
    stop, written = threading.Event(), list[int]()
    with database.server.connect(database.name) as connection:

        def work() -> None:
            while not stop.wait(0.01):
                number = 1_000_000 + len(written)
                connection.execute(f"INSERT INTO orders VALUES ({number}, 1, 5)".encode())
                written.append(number)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield written
        finally:
            stop.set()
            thread.join()


def checkout(origin: Path, place: Path, environment: str) -> Path:
    """A clone with a virtual environment of its own in it, in which the tool itself lies."""
    subprocess.run(["git", "clone", "-q", origin, place], check=True)
    venv.create(place / environment, symlinks=True, with_pip=False)
    (packages,) = (place / environment).glob("lib/python*/site-packages")
    found = importlib.util.find_spec("alembic")
    assert found is not None
    assert found.submodule_search_locations
    shutil.copytree(found.submodule_search_locations[0], packages / "alembic")
    (packages / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def published(folder: Path, url: str) -> Path:
    project = walking.project(folder, url, ADD, DROP, READING)
    (project / "migrations/points.sql").write_text("UPDATE customer SET points = 1\nUPDATE customer SET points = 2\n")
    (project / ".gitignore").write_text(".venv/\nvenv/\n__pycache__/\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "the shop")):
        subprocess.run(["git", "-C", project, *words], check=True)
    return project


def approve(bo: Walker, project: Path, request: Path) -> Result:
    with Terminal(bo, project, "approve", str(request)) as terminal:
        place = terminal.answers("phrase", EXECUTE)
        terminal.answers("yes_no", "y", place)
        assert "second person" in terminal.seen
        return terminal.result()


@pytest.fixture
def signers(tmp_path: Path) -> Path:
    """Who may approve: Bo, with the key `bo` beside it."""
    path = tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "bo"], check=True)
    path.write_text(f'bo@example.org namespaces="diana-approval" {(tmp_path / "bo.pub").read_text()}')
    return path


def team(signers: Path, vault: Path) -> str:
    """What everybody's settings say."""
    return f'signers = "{signers}"\n{walking.careful_person(vault)}second_person = ["production"]\n'


def bo_s(tmp_path: Path, temporary: Path) -> Walker:
    bo = Walker(tmp_path / "bo's machine", temporary)
    bo.say(f'signing_key = "{tmp_path / "bo"}"\nsigner = "bo@example.org"\n\n[policy]\ncoding_agents = true\n')
    return bo


def test_asked_here_signed_there_and_run_elsewhere_while_traffic_runs(
    tmp_path: Path, walker: Walker, signers: Path, pg_database: PgDatabase
) -> None:
    walking.pg_shop(pg_database)
    origin = published(tmp_path / "origin", pg_database.url)
    said = team(signers, tmp_path / "vault") + walking.person_of(pg_database.server, **{pg_database.name: "production"})
    words = ("--trust", "--expected-db", pg_database.name, "--json")
    walker.say('signer = "anna@example.org"\n' + said)
    request, approval = tmp_path / "run.json", tmp_path / "run.approval.json"
    runner = Walker(tmp_path / "runner" / "of" / "the build", walker.temporary)
    runner.environ["XDG_CONFIG_HOME"] = str(tmp_path / "mounted")
    (tmp_path / "mounted/diana").mkdir(parents=True)
    (tmp_path / "mounted/diana/diana.toml").write_text(said)
    with writing(pg_database) as written:
        here = checkout(origin, tmp_path / "shop", ".venv")
        asked = walker.diana(here, "migrate", "--request", str(request), *words)
        assert asked.code == 0, asked
        body = json.loads(request.read_text())
        assert body["first_hash"] != body["plan_hash"] == asked.summary["plan_hash"].text, "the rehearsal told more"
        assert approve(bo_s(tmp_path, walker.temporary), here, request).code == 0
        there = checkout(origin, tmp_path / "srv/builds/17/a checkout", "venv")
        subprocess.run([there / "venv/bin/python", "-m", "compileall", "-q", "migrations"], cwd=there, check=True)
        assert list(there.rglob("versions/__pycache__/*.pyc"))
        before = len(written)
        done = runner.diana(there, "migrate", "--approval", str(approval), *words)
        assert (done.code, done.summary["version"]) == (0, [LAST]), done
        assert len(written) > before > 0
    plans = [event["plan"] for event in done.events("planned")]
    assert plans[0]["plan_hash"] != plans[-1]["plan_hash"] == body["plan_hash"]
    assert plans[-1]["tool_version"].text
    [used] = done.events("approval_used")
    assert (used["signer"], used["sealed"], used["asked_by"]) == ("bo@example.org", "ssh", body["asked_by"])
    assert used["key"].text.startswith("SHA256:")
    [mark] = (tmp_path / "vault").glob("approval-*.used.json")
    assert json.loads(mark.read_text())["run"] == done.summary["run"]
    verified = runner.diana(there, "journal", "verify", "--json")
    assert verified.code == 0, verified
    stored = [one["place"].text for one in verified.summary["anchors"] if one["source"] == "store"]
    assert f"vault/{mark.name}" in stored
    pg_database.execute("DROP TABLE orders, customer, alembic_version")
    walking.pg_shop(pg_database)
    fresh = Walker(tmp_path / "fresh", walker.temporary)
    fresh.say(said)
    again = fresh.diana(there, "migrate", "--approval", str(approval), *words)
    assert (again.code, again.summary["reason"]) == (4, "approval_replayed"), again
    assert again.events("backed_up") == []


def test_of_two_runners_in_the_same_second_one_runs(tmp_path: Path, walker: Walker, signers: Path) -> None:
    database = walking.sqlite_shop(tmp_path / "app.db")
    project = walking.project(tmp_path / "shop", f"sqlite:///{database}")
    words = ("--trust", "--environment", "production", "--expected-db", "app.db", "--skip-rehearsal", "--json")
    said, request = team(signers, tmp_path / "vault"), tmp_path / "run.json"
    walker.say(said)
    assert walker.diana(project, "migrate", "--request", str(request), *words).code == 0
    assert approve(bo_s(tmp_path, walker.temporary), project, request).code == 0
    call = ("migrate", "--approval", str(tmp_path / "run.approval.json"), *words)
    runners = [Walker(tmp_path / f"runner {number}", walker.temporary) for number in (1, 2)]
    for runner in runners:
        runner.say(said)
    started = [runner.start(project, *call) for runner in runners]
    ended = [runner.finish(process, call) for runner, process in zip(runners, started, strict=True)]
    assert sorted(result.code == 0 for result in ended) == [False, True], ended
    lost = next(result for result in ended if result.code)
    assert lost.summary["reason"].text in ("approval_replayed", "plan_changed", "database_held"), lost
    assert [result.events("change_started") == [] for result in ended].count(True) == 1
    assert len(list((tmp_path / "vault").glob("approval-*.used.json"))) == 1
