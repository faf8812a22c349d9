"""Every reason for which an approval is refused, through the real command: exit 4, a sentence, and no backup made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import walking
from answers import Node
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_file import load_request, save
from diana_agent.approvals_store import mark_of
from diana_agent.cli import main
from diana_prompts.catalogue import Catalogue
from diana_tools.permit import Act
from soft_token import SoftToken
from walking import Walker

pytestmark = pytest.mark.integration

PRODUCTION = ("--trust", "--environment", "production", "--expected-db", "app.db", "--skip-rehearsal", "--json")
KEYGEN = "/usr/bin/ssh-keygen"
TOKEN = SoftToken(b"a seed of thirty-two bytes or so.")


def now() -> datetime:
    """Taken when it is needed: collecting the tests may be long ago."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Desk:
    """A person with a database in production, a request of theirs, and keys; one for all tests of this file."""

    folder: Path
    who: Walker
    project: Path
    database: Path
    request: ap.Request

    @property
    def signers(self) -> Path:
        return self.folder / "signers"

    def key(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return path

    def public(self, name: str) -> str:
        return self.key(name).with_suffix(".pub").read_text()

    def approved(
        self, request: ap.Request | None = None, signer: str = "bo", at: datetime | None = None
    ) -> ap.Approval:
        """An approval by a key of the folder, or by this machine where there is no signer."""
        asked = request or self.request
        drafted = ap.draft(asked, approver="Bo", now=at or now(), confirmed=asked.asks, signer=signer)
        if not signer:
            return drafted
        command = seals.sign_command(drafted, Path(KEYGEN), self.key(signer), os.environ)
        done = subprocess.run(command.argv, input=command.stdin, capture_output=True, check=True)
        return drafted.model_copy(update={"seal": done.stdout.decode()})

    def file(self, approval: ap.Approval) -> Path:
        path = self.folder / f"{approval.nonce}.json"
        save(path, approval)
        return path

    def settings(self, *first: str, revoked: str = "", vault: str = "vault", **policy: bool) -> None:
        text = walking.careful_person(self.folder / "vault", **policy).replace("[stores.vault]", f"[stores.{vault}]")
        lines = [f'signers = "{self.signers}"', *([f'revoked_signers = "{revoked}"'] if revoked else []), *first]
        self.who.say("\n".join(lines) + "\n" + text)

    def backups(self) -> list[Path]:
        return sorted(path for path in self.who.backups.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def module_desk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    folder, temporary = tmp_path_factory.mktemp("desk"), Path(tempfile.mkdtemp(prefix="diana-walk-", dir="/tmp"))
    who = Walker(folder / "who", temporary)
    database = walking.sqlite_shop(folder / "app.db")
    project = walking.project(folder / "shop", f"sqlite:///{database}")
    (folder / "signers").write_text("")
    bare = Desk(folder, who, project, database, ap.Request.model_construct())
    bare.settings()
    asked = who.diana(project, "migrate", "--request", str(folder / "run.json"), *PRODUCTION)
    assert asked.code == 0, asked
    yield Desk(folder, who, project, database, load_request(folder / "run.json"))
    shutil.rmtree(temporary)


@pytest.fixture
def desk(module_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    module_desk.signers.unlink()
    module_desk.signers.write_text(f"bo {module_desk.public('bo')}")
    module_desk.settings()
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    for name, value in module_desk.who.environment.items():
        monkeypatch.setenv(name, value)
    return module_desk


Refuse = Callable[..., Node]


@pytest.fixture
def refuse(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run the command with an approval, and see that nothing at all came of it."""

    def call(reason: str, approval: Path | ap.Approval, *words: str) -> Node:
        path = approval if isinstance(approval, Path) else desk.file(approval)
        before = desk.database.read_bytes(), desk.backups()
        capsys.readouterr()
        code = main(["migrate", "--approval", str(path), *PRODUCTION, *words, "--project", str(desk.project)])
        out, err = capsys.readouterr()
        summary = Node(json.loads(out.splitlines()[-1]))
        assert (code, summary["reason"], summary["exit"]) == (4, reason, 4), err
        kinds = [json.loads(line)["event"] for line in out.splitlines()]
        assert not {"backed_up", "permit_minted", "approval_used", "change_started"} & set(kinds)
        assert (desk.database.read_bytes(), desk.backups()) == before
        assert Catalogue().has(f"error.{reason}")
        assert summary["sentence"].text.endswith((".", "go-w.")), summary
        assert "{" not in summary["sentence"].text
        return summary

    return call


def altered(desk: Desk, **changed: object) -> ap.Request:
    return ap.Request.model_validate(desk.request.model_dump(by_alias=True) | changed)


def test_files_that_are_none_and_files_of_others(desk: Desk, refuse: Refuse) -> None:
    good, other = desk.file(desk.approved()), desk.folder / "other.json"
    other.write_text("{}")
    refuse("approval_unreadable", other)
    other.unlink()
    other.symlink_to(good)
    refuse("approval_unsafe", other)
    other.unlink()
    good.chmod(0o666)
    refuse("approval_unsafe", good)


def test_whoever_edits_it_breaks_it(desk: Desk, refuse: Refuse) -> None:
    approval = desk.approved()
    body = json.loads(desk.file(approval).read_text())
    body["request"]["ticket"] = "OPS-9"
    edited = desk.folder / "edited.json"
    edited.write_text(json.dumps(body))
    refuse("approval_forged", edited)


def test_who_signed_it_must_be_known_now(desk: Desk, refuse: Refuse) -> None:
    approval = desk.approved()
    refuse("approval_signer_unknown", desk.approved(signer="eve"))
    desk.signers.write_text(f'bo valid-before="20200101" {desk.public("bo")}')
    refuse("approval_signer_expired", approval)
    desk.signers.write_text(f"bo {desk.public('bo')}")
    desk.settings(revoked=str(desk.key("bo").with_suffix(".pub")))
    refuse("approval_signer_revoked", approval)


def test_signers_that_others_can_write(desk: Desk, refuse: Refuse) -> None:
    approval = desk.approved()
    desk.signers.chmod(0o664)
    assert str(desk.signers) in refuse("approval_signers_unsafe", approval)["sentence"].text


def test_a_hardware_key_without_its_touch(desk: Desk, refuse: Refuse) -> None:
    desk.signers.write_text(f"bo {TOKEN.line}\n")
    drafted = ap.draft(desk.request, approver="Bo", now=now(), confirmed=desk.request.asks, signer="bo")
    body = seals.sign_command(drafted, Path(KEYGEN), desk.folder, {}).stdin
    assert body is not None
    seal = TOKEN.signature(body, seals.NAMESPACE, touched=False)
    refuse("approval_not_touched", drafted.model_copy(update={"seal": seal}))


def test_its_time_is_over_or_has_not_come(desk: Desk, refuse: Refuse) -> None:
    then = now() - timedelta(hours=6)
    old = altered(desk, created=then, latest_start=then + timedelta(hours=4))
    refuse("approval_expired", desk.approved(old, at=then + timedelta(minutes=1)))
    refuse("approval_not_yet", desk.approved(at=now() + timedelta(hours=1)))


def test_a_clock_that_was_set_back_is_noticed_by_what_was_used_since(desk: Desk, refuse: Refuse) -> None:
    mark = desk.who.state / "approvals" / ("f" * 32)
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(json.dumps({"at": (datetime.now(UTC) + timedelta(hours=2)).isoformat(), "run": "r"}))
    refuse("approval_not_yet", desk.approved())
    mark.unlink()


def test_it_is_for_nothing_else(desk: Desk, refuse: Refuse) -> None:
    refuse("approval_other_plan", desk.approved(altered(desk, plan_hash="e" * 64, first_hash="e" * 64)))
    refuse("approval_other_database", desk.approved(altered(desk, identity="e" * 32)))
    refuse("approval_other_policy", desk.approved(altered(desk, policy="another")))
    refuse("approval_other_action", desk.approved(altered(desk, act=Act.ROLLBACK)))


def test_used_here_or_on_whatever_machine(desk: Desk, refuse: Refuse) -> None:
    here, elsewhere = desk.approved(), desk.approved()
    used = desk.who.state / "approvals" / here.nonce
    used.parent.mkdir(exist_ok=True)
    used.write_text(json.dumps({"at": now().isoformat(), "run": "r"}))
    refuse("approval_replayed", here)
    (desk.folder / "vault" / mark_of(elsewhere.nonce)).write_text("")
    refuse("approval_replayed", elsewhere)


def test_a_store_that_cannot_say_whether_it_was_used(desk: Desk, refuse: Refuse) -> None:
    approval, vault = desk.approved(), desk.folder / "vault"
    moved = vault.rename(desk.folder / "moved away")
    said = refuse("approval_store_unreachable", approval)
    assert "vault" in said["sentence"].text
    moved.rename(vault)
    desk.settings(vault="attic")
    refuse("approval_store_unknown", approval)


def test_this_machine_s_key_where_a_signature_is_asked_for_or_others_can_read_it(desk: Desk, refuse: Refuse) -> None:
    secret = seals.key(desk.who.state, create=True)
    assert secret is not None
    sealed = seals.hmac_sealed(desk.approved(signer=""), secret)
    refuse("approval_hmac_not_enough", sealed)
    desk.settings(hmac_in_production=True)
    (desk.who.state / seals.KEY_FILE).chmod(0o644)
    refuse("approval_key_unsafe", sealed)
    (desk.who.state / seals.KEY_FILE).unlink()
    refuse("approval_forged", sealed)


def test_a_coding_agent_above_makes_this_machine_s_seal_worthless(
    desk: Desk, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = seals.key(desk.who.state, create=True)
    assert secret is not None
    desk.settings(hmac_in_production=True, coding_agents=False)
    monkeypatch.setenv("AI_AGENT", "robot")
    refuse("approval_by_agent", seals.hmac_sealed(desk.approved(signer=""), secret))


def test_a_second_person_by_policy(desk: Desk, refuse: Refuse, capsys: pytest.CaptureFixture[str]) -> None:
    desk.signers.write_text(f"bo,anna {desk.public('bo')}")
    two = altered(desk, second_person=True)
    desk.settings('signer = "anna@example.org"')
    desk.who.say(desk.who.settings.read_text() + 'second_person = ["production"]\n')
    drafted = ap.draft(two, approver="Bo", now=now(), confirmed=two.asks, signer="anna")
    command = seals.sign_command(drafted, Path(KEYGEN), desk.key("bo"), os.environ)
    done = subprocess.run(command.argv, input=command.stdin, capture_output=True, check=True)
    refuse("approval_same_person", drafted.model_copy(update={"seal": done.stdout.decode()}))
    asked = two.model_copy(update={"asked_as": ("runner", fingerprint_of(desk.key("bo")))})
    refuse("approval_same_person", desk.approved(asked))
    capsys.readouterr()
    code = main(["migrate", *PRODUCTION, "--project", str(desk.project)])
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, summary["reason"]) == (4, "second_person")


def fingerprint_of(key: Path) -> str:
    done = subprocess.run([KEYGEN, "-l", "-f", key], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def test_the_file_of_the_good_one_would_have_been_taken(desk: Desk) -> None:
    """What all of these begin with is good: the refusals above are for what was done to it."""
    before = hashlib.sha256(desk.database.read_bytes()).hexdigest()
    done = desk.who.diana(desk.project, "migrate", "--approval", str(desk.file(desk.approved())), *PRODUCTION)
    assert (done.code, done.summary["version"]) == (0, [walking.HEAD]), done
    assert hashlib.sha256(desk.database.read_bytes()).hexdigest() != before
