"""Production: nothing runs without the phrase in its field, and with it once; approvals are good for one run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import walking
from answers import Result
from diana_agent.guard.phrases import EXECUTE
from walking import HEAD, Terminal, Walker

pytestmark = pytest.mark.integration

PRODUCTION = ("--trust", "--environment", "production", "--expected-db", "app.db", "--skip-rehearsal", "--json")


def shop(folder: Path, walker: Walker, **policy: bool) -> tuple[Path, Path]:
    """A project with its SQLite database, and a person who has what production asks for."""
    database = walking.sqlite_shop(folder / "app.db")
    walker.say(walking.careful_person(folder / "vault", **policy))
    return walking.project(folder / "shop", f"sqlite:///{database}"), database


def refused(result: Result, reason: str, code: int = 4) -> Result:
    assert (result.code, result.summary["reason"]) == (code, reason), result
    assert " " in result.summary["sentence"].text
    assert "change_started" not in [line["event"].text for line in result.lines if "event" in line]
    return result


def test_nothing_runs_without_the_phrase_and_with_it_once(tmp_path: Path, walker: Walker) -> None:
    project, database = shop(tmp_path, walker)
    before = database.read_bytes()
    piped = walker.diana(project, "migrate", *PRODUCTION, piped=f"{EXECUTE}\ny\n" * 20)
    summary = refused(piped, "approval_required").summary
    assert summary["status"] == "approval_required"
    assert len(summary["plan_hash"].text) == 64
    assert database.read_bytes() == before
    refused(walker.diana(project, "migrate", "--yes", *PRODUCTION), "yes_in_production", 2)
    with Terminal(walker, project, "migrate", *PRODUCTION) as terminal:
        place = terminal.answers("phrase", EXECUTE.lower())
        place = terminal.answers("phrase", "yes", place)
        terminal.answers("phrase", f"{EXECUTE}!", place)
        wrong = refused(terminal.result(), "phrase_wrong")
    assert database.read_bytes() == before
    [answered] = wrong.events("answered")
    assert (answered["matched"], answered["tries"]) == (False, 3)
    assert EXECUTE.lower() not in wrong.out + wrong.err, "what was typed is nobody's business"
    with Terminal(walker, project, "migrate", *PRODUCTION) as terminal:
        place = terminal.answers("phrase", EXECUTE)
        assert "legacy" in terminal.seen, "what is lost stands above the question"
        assert database.read_bytes() == before
        terminal.answers("yes_no", "y", place)
        done = terminal.result()
    assert (done.code, done.summary["version"]) == (0, [HEAD]), done
    assert [one["matched"].value for one in done.events("answered")] == [True, True]
    assert [copy["verified"].value for copy in done.events("backed_up")[0]["backup"]["copies"]] == []
    [copied] = done.events("copied")
    assert (copied["copy_"]["store"], copied["copy_"]["verified"]) == ("vault", True)
    assert walking.rows(database, "SELECT count(*) FROM sqlite_master WHERE name = 'audit_log'") == [(0,)]
    assert walker.diana(project, "migrate", *PRODUCTION).summary["status"] == "nothing"


def test_what_production_needs_is_asked_for_before_any_work(tmp_path: Path, walker: Walker) -> None:
    project, database = shop(tmp_path, walker)
    before = database.read_bytes()
    words = [word for word in PRODUCTION if word not in ("--expected-db", "app.db")]
    refused(walker.diana(project, "migrate", *words), "expected_db_missing", 2)
    wrong = refused(walker.diana(project, "migrate", *words, "--expected-db", "other"), "database_mismatch", 5)
    assert "Expected production database 'other', connected to 'app.db'" in wrong.err
    lowered = [word if word != "production" else "dev" for word in PRODUCTION]
    assert walker.diana(project, "connect", *lowered).summary["environment"]["level"] == "production"
    refused(walker.diana(project, "migrate", "--yes", *lowered), "yes_in_production", 2)
    walker.settings.unlink()
    refused(walker.diana(project, "migrate", *PRODUCTION), "no_remote_store", 5)
    assert database.read_bytes() == before


def test_a_coding_agent_confirms_nothing(tmp_path: Path, walker: Walker) -> None:
    project, database = shop(tmp_path, walker, coding_agents=False)
    before = database.read_bytes()
    walker.environ["AI_AGENT"] = "robot"
    with Terminal(walker, project, "migrate", *PRODUCTION) as terminal:
        result = refused(terminal.result(), "coding_agent")
        assert terminal.seen == ""
    assert "robot" in result.err
    assert database.read_bytes() == before


def approve(walker: Walker, project: Path, request: Path) -> Result:
    with Terminal(walker, project, "approve", str(request)) as terminal:
        place = terminal.answers("phrase", EXECUTE)
        terminal.answers("yes_no", "y", place)
        return terminal.result()


def test_an_approval_of_another_person_is_good_for_one_run(tmp_path: Path, walker: Walker) -> None:
    """Signed by SSH on another machine; then the database is put back, and the same approval comes again."""
    project, database = shop(tmp_path, walker)
    before, request = database.read_bytes(), tmp_path / "run.json"
    asked = walker.diana(project, "migrate", "--request", str(request), "--ticket", "OPS-7", *PRODUCTION)
    assert (asked.code, asked.summary["request"]) == (0, str(request)), asked
    body = json.loads(request.read_text())
    assert body["plan_hash"] == asked.summary["plan_hash"].text
    assert database.read_bytes() == before
    key, signers = tmp_path / "bo", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers.write_text(f"bo {key.with_suffix('.pub').read_text()}")
    walker.settings.write_text(f'signers = "{signers}"\n' + walker.settings.read_text())
    with_hmac = refused_to_approve(walker, project, request)
    assert "signature" in with_hmac or "SSH" in with_hmac
    bo = Walker(tmp_path / "bo's machine", walker.temporary)
    bo.say(f'signing_key = "{key}"\nsigner = "bo"\n\n[policy]\ncoding_agents = true\n')
    assert approve(bo, project, request).code == 0
    approval = tmp_path / "run.approval.json"
    forged = tmp_path / "forged.json"
    forged.write_text(approval.read_text().replace("OPS-7", "OPS-8"))
    refused(walker.diana(project, "migrate", "--approval", str(forged), *PRODUCTION), "approval_forged")
    assert database.read_bytes() == before
    done = walker.diana(project, "migrate", "--approval", str(approval), "--ticket", "OPS-7", *PRODUCTION)
    assert (done.code, done.summary["version"]) == (0, [HEAD]), done
    [used] = done.events("approval_used")
    assert (used["sealed"], used["signer"], used["approver"]) == ("ssh", "bo", bo_name(approval))
    with database.open("r+b") as file:
        file.write(before)
        file.truncate()
    refused(walker.diana(project, "migrate", "--approval", str(approval), *PRODUCTION), "approval_replayed")
    assert walking.rows(database, "SELECT count(*) FROM audit_log") == [(5,)]


def bo_name(approval: Path) -> str:
    return str(json.loads(approval.read_text())["approver"])


def refused_to_approve(walker: Walker, project: Path, request: Path) -> str:
    with Terminal(walker, project, "approve", str(request)) as terminal:
        result = terminal.result()
    assert result.code == 4, result
    return result.out + result.err


def test_by_hmac_where_the_policy_allows_it(tmp_path: Path, walker: Walker) -> None:
    project, database = shop(tmp_path, walker, hmac_in_production=True)
    request = tmp_path / "run.json"
    assert walker.diana(project, "migrate", "--request", str(request), *PRODUCTION).code == 0
    assert approve(walker, project, request).code == 0
    approval = tmp_path / "run.approval.json"
    other = walking.project(tmp_path / "elsewhere", f"sqlite:///{database}")
    migration = other / "migrations/versions/0003.py"
    migration.write_text(migration.read_text() + "# changed after the approval\n")
    refused(walker.diana(other, "migrate", "--approval", str(approval), *PRODUCTION), "approval_other_plan")
    shutil.rmtree(project)
    checkout = walking.project(tmp_path / "another checkout", f"sqlite:///{database}")
    done = walker.diana(checkout, "migrate", "--approval", str(approval), *PRODUCTION)
    assert (done.code, done.summary["version"]) == (0, [HEAD]), done
    assert done.events("approval_used")[0]["sealed"] == "hmac"
