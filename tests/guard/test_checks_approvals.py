"""Each check of approvals by itself: seals, keys, times, what was used; without any program."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import stories
from approving import ASKS, KEY, NOW, Shelf, approval, request, run_facts
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_used import UsedApprovals
from diana_agent.guard.policy import Ask
from diana_tools.command import Output
from diana_tools.domain import Environment, Level
from diana_tools.errors import DianaError, PermitRefused
from diana_tools.measured import Grade
from diana_tools.permit import Act
from soft_token import SoftToken

SIGNER = "anna@example.org"
TOKEN = SoftToken(b"a seed of thirty-two bytes or so.")
FINE = f'Good "diana-approval" signature for {SIGNER} with ED25519-SK key SHA256:abc\n'


def signed(*, touched: bool = True) -> ap.Approval:
    asked = request()
    drafted = ap.draft(asked, approver="Anna", now=NOW, confirmed=asked.asks, signer=SIGNER)
    body = seals.sign_command(drafted, Path("/usr/bin/ssh-keygen"), Path("/k"), {}).stdin or b""
    return drafted.model_copy(update={"seal": TOKEN.signature(body, seals.NAMESPACE, touched=touched)})


def said(stdout: str = FINE, exit_code: int = 0, *, stderr: str = "", timed_out: bool = False) -> Output:
    return Output(exit_code, stdout, stderr, 0.1, timed_out)


def code(call: Callable[[], object]) -> str:
    with pytest.raises((DianaError, PermitRefused)) as caught:
        call()
    return caught.value.code


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(UsedApprovals(tmp_path / "used"))


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ((said(),), ""),
        ((said(), said()), ""),
        ((), "approval_forged"),
        ((said("", 1, stderr="Could not verify signature."),), "approval_signer_unknown"),
        ((said("", 255, stderr="Signature verification failed: INCORRECT signature"),), "approval_forged"),
        ((said("", 255, stderr="signature: namespace does not match"),), "approval_forged"),
        ((said("", 255, stderr="Couldn't parse signature: x"),), "approval_forged"),
        ((said("", 255, stderr="sig: key has expired: verify time"),), "approval_signer_expired"),
        ((said("", 255, stderr="sig: Key is not yet valid"),), "approval_signer_expired"),
        ((said("", 255, stderr="certificate invalid: expired"),), "approval_signer_expired"),
        ((said(FINE, 1),), "approval_signer_unknown"),
        ((said(FINE, timed_out=True),), "approval_signer_unknown"),
        ((said(FINE.replace("anna", "eve")),), "approval_signer_unknown"),
        ((said(FINE.replace("diana-approval", "git")),), "approval_signer_unknown"),
        ((said(FINE + FINE),), "approval_signer_unknown"),
        ((said(), said("", 1)), "approval_signer_revoked"),
        ((said("", 1), said()), "approval_signer_unknown"),
        ((said(), said(FINE, timed_out=True)), "approval_signer_revoked"),
    ],
)
def test_only_the_program_s_good_word_for_this_signer_counts(outputs: tuple[Output, ...], problem: str) -> None:
    mine = signed()
    assert seals.ssh_seal(mine, outputs) == ap.Seal(mine.digest, problem, "" if problem else "SHA256:abc")


def test_a_signature_is_one_and_was_touched_and_is_of_this_kind() -> None:
    cold = signed(touched=False)
    assert seals.ssh_seal(cold, [said()]) == ap.Seal(cold.digest, "approval_not_touched", "SHA256:abc")
    none = signed().model_copy(update={"seal": "x"})
    assert seals.ssh_seal(none, [said()]) == ap.Seal(none.digest, "approval_forged")
    other = signed().model_copy(update={"sealed": "hmac"})
    assert seals.ssh_seal(other, [said()]) == ap.Seal(other.digest, "approval_forged")


def test_a_machine_s_seal_is_of_its_key_and_its_kind() -> None:
    mine = approval()
    assert seals.hmac_seal(mine, KEY) == ap.Seal(mine.digest, "")
    assert seals.hmac_seal(mine, bytes(32)).problem == seals.hmac_seal(mine, None).problem == "approval_forged"
    claimed = seals.hmac_sealed(mine.model_copy(update={"sealed": "ssh", "signer": SIGNER}), KEY)
    assert seals.hmac_seal(claimed, KEY).problem == "approval_forged"


ARMOURED = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----"


@pytest.mark.parametrize(
    "output",
    [said(ARMOURED, timed_out=True), said(ARMOURED, 1), said(ARMOURED[:-1]), said(ARMOURED[1:]), said("")],
)
def test_what_is_no_signature_seals_nothing(output: Output) -> None:
    assert code(lambda: seals.ssh_sealed(approval(), output)) == "approval_not_signed"


@pytest.mark.parametrize(
    ("stderr", "error"),
    [("Signing file\n\nno touch\nmore", "no touch"), ("", "-"), ("Signing x\n", "-"), ("e" * 400, "e" * 300)],
)
def test_why_nothing_was_signed_is_the_program_s_first_word(stderr: str, error: str) -> None:
    with pytest.raises(DianaError) as caught:
        seals.ssh_sealed(approval(), said("", 1, stderr=stderr))
    assert caught.value.fields == {"error": error}


def test_a_signature_is_taken_over_whole() -> None:
    assert seals.ssh_sealed(approval(), said(f" {ARMOURED}\n\n")).seal == ARMOURED + "\n"


def test_how_it_is_signed() -> None:
    environ = {"SSH_AUTH_SOCK": "/a", "SSH_SK_PROVIDER": "", "AWS_PROFILE": "x"}
    mine = approval()
    command = seals.sign_command(mine, Path("/usr/bin/ssh-keygen"), Path("/k/id"), environ)
    assert command.argv == ("/usr/bin/ssh-keygen", "-Y", "sign", "-f", "/k/id", "-n", "diana-approval")
    assert (command.env, command.cwd) == ({"SSH_AUTH_SOCK": "/a"}, Path("/k"))
    assert command.stdin == b"diana.approval/1\n" + mine.body


@pytest.fixture
def desk(tmp_path: Path) -> seals.Desk:
    signers = tmp_path / "signers"
    signers.write_text("anna ssh-ed25519 AAAA\n")
    return seals.Desk(Path("/usr/bin/ssh-keygen"), signers, tmp_path / "deep" / "private")


def test_how_it_is_verified(desk: seals.Desk, tmp_path: Path) -> None:
    mine = signed()
    (command,) = seals.verify_commands(mine, desk)
    assert command.argv[:3] == ("/usr/bin/ssh-keygen", "-Y", "verify")
    assert command.argv[5:9] == ("-I", SIGNER, "-n", "diana-approval")
    assert command.stdin == b"diana.approval/1\n" + mine.body
    revoked = tmp_path / "revoked"
    revoked.write_text("x")
    first, second = seals.verify_commands(mine, replace(desk, revoked=revoked))
    assert "-r" not in first.argv
    assert second.argv[: len(first.argv)] == first.argv
    assert Path(second.argv[-1]).read_text() == "x"
    assert desk.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in desk.folder.iterdir()} == {0o600}


def test_a_signature_s_copy_takes_nobody_s_place(desk: seals.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = signed()
    monkeypatch.setattr(secrets, "token_hex", lambda _size: "same")
    seals.verify_commands(mine, desk)
    assert code(lambda: seals.verify_commands(mine, desk)) == "approval_unwritable"


class Syncs:
    """What was synced, as (kind, size at that moment)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, int]] = []
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, file: int) -> None:
        found = os.fstat(file)
        self.seen.append(("folder" if stat.S_ISDIR(found.st_mode) else "file", found.st_size))


def handles() -> int:
    return len(os.listdir("/dev/fd"))


def test_a_key_is_made_whole_and_private_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, syncs, before = tmp_path / "deep" / "state", Syncs(monkeypatch), handles()
    assert seals.key(state) is None
    assert not state.exists()
    old = os.umask(0)
    try:
        made = seals.key(state, create=True)
    finally:
        os.umask(old)
    assert made is not None
    assert syncs.seen == [("file", 32)]
    assert seals.key(state) == seals.key(state, create=True) == made == (state / seals.KEY_FILE).read_bytes()
    assert [path.name for path in state.iterdir()] == [seals.KEY_FILE]
    assert (state.stat().st_mode & 0o777, (state / seals.KEY_FILE).stat().st_mode & 0o777) == (0o700, 0o600)
    assert handles() == before


def test_a_key_s_first_draft_takes_nobody_s_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _size: "same")
    monkeypatch.setattr(os, "link", lambda *_: pytest.fail("what another one wrote became the key"))
    draft = tmp_path / f"{seals.KEY_FILE}.same"
    draft.write_bytes(bytes(32))
    assert seals.key(tmp_path, create=True) is None


@pytest.mark.parametrize("harm", ["mode", "group", "short", "long", "link", "folder", "pipe", "owner"])
def test_a_key_that_is_not_ours_alone_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    path = tmp_path / seals.KEY_FILE
    content = {"short": bytes(31), "long": bytes(33)}.get(harm, bytes(32))
    if harm == "link":
        (tmp_path / "other").write_bytes(content)
        (tmp_path / "other").chmod(0o600)
        path.symlink_to(tmp_path / "other")
    elif harm == "folder":
        path.mkdir(mode=0o700)
    elif harm == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.write_bytes(content)
        path.chmod({"mode": 0o604, "group": 0o620}.get(harm, 0o600))
    if harm == "owner":
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    before = handles()
    assert code(lambda: seals.key(tmp_path)) == "approval_key_unsafe"
    assert handles() == before


def test_a_folder_that_takes_no_key_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert code(lambda: seals.key(tmp_path / "file" / "state", create=True)) == "approval_key_unsafe"


def test_a_use_is_on_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs, folder, before, old = Syncs(monkeypatch), tmp_path / "deep" / "used", handles(), os.umask(0)
    try:
        assert UsedApprovals(folder).spend("0" * 32, "r1", NOW) == ""
    finally:
        os.umask(old)
    path = folder / ("0" * 32)
    assert syncs.seen[0] == ("file", path.stat().st_size)
    assert [kind for kind, _ in syncs.seen] == ["file", "folder"]
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert handles() == before
    assert UsedApprovals(folder).spend("0" * 32, "r2", NOW) == "approval_replayed"
    assert b"r1" in path.read_bytes()


def test_a_use_that_cannot_be_remembered_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = UsedApprovals(tmp_path / "used")
    (tmp_path / "used").write_text("a file")
    assert code(lambda: used.spend("0" * 32, "r", NOW)) == "approvals_unwritable"
    assert code(lambda: used.latest()) == "approvals_unreadable"
    with pytest.raises(DianaError):
        used.spent("../../etc/passwd")
    good = UsedApprovals(tmp_path / "good")

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DianaError) as caught:
        good.spend("0" * 32, "r", NOW)
    assert caught.value.code == "approvals_unwritable"

    def closed(_path: Path) -> bool:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "exists", closed)
    assert code(lambda: good.spent("0" * 32)) == "approvals_unreadable"


def test_a_folder_that_cannot_be_made_is_said_by_its_own_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DianaError) as caught:
        UsedApprovals(tmp_path / "file" / "used").spend("0" * 32, "r", NOW)
    assert caught.value.fields["error"] == os.strerror(errno.ENOTDIR)


def test_when_the_last_was_used(tmp_path: Path) -> None:
    used = UsedApprovals(tmp_path)
    assert UsedApprovals(tmp_path / "none").latest() is None
    assert used.latest() is None
    used.spend("0" * 32, "r", NOW + timedelta(hours=1))
    used.spend("1" * 32, "r", NOW)
    for name, text in (
        ("2" * 32, ""), ("3" * 32, "[]"), ("4" * 32, '{"at": "2099-01-01T00:00:00"}'), ("5" * 32, '{"at": 1}'),
        ("note.txt", '{"at": "2099-01-01T00:00:00+00:00"}'), ("6" * 33, '{"at": "2099-01-01T00:00:00+00:00"}'),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    assert used.latest() == NOW + timedelta(hours=1)
    assert used.spent("2" * 32), "a file that a crash left empty counts as used"


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (timedelta(seconds=-30), ""),
        (timedelta(seconds=-31), "approval_not_yet"),
        (timedelta(hours=4, seconds=-1), ""),
        (timedelta(hours=4), "approval_expired"),
    ],
)
def test_an_approval_has_its_time_to_the_second(shelf: Shelf, after: timedelta, reason: str) -> None:
    assert shelf.check(approval(), now=NOW + after) == reason
    assert ap.unapprovable(request(), NOW + after, signed=True, agent="", hmac_allowed=False) == reason


def test_a_clock_may_be_half_a_minute_behind_the_last_use(shelf: Shelf) -> None:
    shelf.used.spend("0" * 32, "r", NOW + timedelta(minutes=1))
    assert shelf.check(approval(), now=NOW + timedelta(seconds=30)) == ""
    assert shelf.check(approval(), now=NOW + timedelta(seconds=29)) == "approval_not_yet"


def test_a_request_that_was_altered_to_last_is_too_old(shelf: Shelf) -> None:
    asked = request(latest_start=timedelta(hours=24))
    assert shelf.check(approval(asked), now=NOW + timedelta(hours=24, seconds=-1)) == ""
    for_ever = asked.model_copy(update={"latest_start": NOW + timedelta(days=9)})
    mine = seals.hmac_sealed(approval(asked).model_copy(update={"request": for_ever}), KEY)
    assert shelf.check(mine, now=NOW + timedelta(hours=24)) == ""
    assert shelf.check(mine, now=NOW + timedelta(hours=24, seconds=1)) == "approval_expired"


def test_a_request_starts_within_four_hours_if_nobody_says_otherwise() -> None:
    assert request().latest_start == NOW + timedelta(hours=4)


def test_an_approval_is_not_older_than_its_request() -> None:
    for early in (timedelta(seconds=-30), timedelta(0)):
        assert approval(at=NOW + early)
    with pytest.raises(DianaError):
        approval(at=NOW - timedelta(seconds=31))
    given = approval()
    for change in ({"sealed": "ssh"}, {"signer": "anna"}):
        with pytest.raises(ValidationError):
            ap.Approval.model_validate(given.model_dump(by_alias=True) | change)


def test_only_an_apply_and_a_way_back_need_the_phrase_beforehand() -> None:
    asked = request()
    for act in (Act.RESTORE, Act.SCRATCH):
        raw = asked.model_dump(by_alias=True) | {"act": act, "asks": ({"question": "ask.restore", "phrase": "x"},)}
        assert ap.Request.model_validate(raw).act is act
        with pytest.raises(ValidationError):
            ap.Request.model_validate(raw | {"asks": ()})
    for act in (Act.APPLY, Act.ROLLBACK):
        with pytest.raises(ValidationError):
            ap.Request.model_validate(
                asked.model_dump(by_alias=True) | {"act": act, "asks": ({"question": "ask.production", "phrase": ""},)}
            )
    quiet = request(stories.plan(environment=Environment("dev", Level.DEV)), asks=())
    assert quiet.asks == ()


def test_a_request_in_production_that_loses_nothing_asks_all_the_same() -> None:
    with pytest.raises(DianaError, match="request_unreadable"):
        request(stories.plan(findings=()), asks=())


def test_a_yes_covers_its_question_and_its_phrase() -> None:
    given = approval()
    assert all(given.covers(ask) for ask in ASKS)
    assert not given.covers(Ask("ask.restore", ASKS[0].phrase))
    assert not given.covers(Ask(ASKS[0].question))
    assert not given.covers(Ask("ask.skip_backup_yes"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"plan_hash": "e" * 64}, ""),
        ({"plan_hash": "f" * 64}, "approval_other_plan"),
        ({"environment": "x"}, "approval_other_plan"),
        ({"environment": "x", "plan_hash": "e" * 64}, "approval_other_plan"),
        ({"level": Level.STAGING}, "approval_other_plan"),
        ({"destructive": False}, ""),
    ],
)
def test_before_its_rehearsal_a_plan_is_known_by_its_first_hash(
    shelf: Shelf, change: dict[str, object], reason: str
) -> None:
    facts = replace(run_facts(), early=True, **change)
    assert shelf.check(approval(request(first_hash="e" * 64)), facts) == reason


def test_a_store_is_looked_for_where_one_was_named() -> None:
    asked = request(store="")
    assert ap.meets(approval(asked), stories.backup(proof=stories.RESTORED)) == ""
    assert ap.meets(approval(request(least_proof=Grade.READ, store="")), stories.backup(proof=stories.READ)) == ""


@pytest.mark.parametrize(
    ("signs_as", "signed_", "reason"),
    [
        (("bo",), True, ""),
        (("bo",), False, "approval_same_person"),
        (("ci@build-7",), True, "approval_same_person"),
        (("anna",), True, "approval_same_person"),
    ],
)
def test_a_second_person_is_another_one_who_signs(signs_as: tuple[str, ...], signed_: bool, reason: str) -> None:
    asked = request(second_person=True, asked_as=("anna",))
    found = ap.unapprovable(asked, NOW, signed=signed_, agent="", hmac_allowed=True, signs_as=signs_as)
    assert found == reason
    assert ap.unapprovable(request(), NOW, signed=True, agent="", hmac_allowed=True, signs_as=("ci@build-7",)) == ""


@pytest.mark.parametrize(
    ("policy", "running", "asked_as", "sealed", "reason"),
    [
        (False, (SIGNER,), (), "ssh", ""),
        (True, (), (), "ssh", ""),
        (True, (SIGNER,), (), "ssh", "approval_same_person"),
        (True, ("SHA256:abc",), (), "ssh", "approval_same_person"),
        (True, (), (SIGNER,), "ssh", "approval_same_person"),
        (True, (), (), "hmac", "approval_same_person"),
    ],
)
def test_who_asked_or_runs_is_no_second_person(
    shelf: Shelf, policy: bool, running: tuple[str, ...], asked_as: tuple[str, ...], sealed: str, reason: str
) -> None:
    asked = request(asked_as=asked_as)
    drafted = ap.draft(asked, approver="A", now=NOW, confirmed=asked.asks, signer=SIGNER if sealed == "ssh" else "")
    facts = replace(run_facts(), second_person=policy, running=running)
    seal = ap.Seal(drafted.digest, "", "SHA256:abc")
    assert ap.check(drafted, facts, NOW, shelf.used, seal) == reason


@pytest.mark.parametrize(
    ("level", "sealed", "allowed", "agent", "reason"),
    [
        (Level.PRODUCTION, "ssh", False, "x", ""),
        (Level.PRODUCTION, "hmac", False, "", "approval_hmac_not_enough"),
        (Level.PRODUCTION, "hmac", True, "", ""),
        (Level.PRODUCTION, "hmac", True, "x", "approval_by_agent"),
        (Level.STAGING, "hmac", False, "x", ""),
    ],
)
def test_which_seal_is_enough_where(
    shelf: Shelf, level: Level, sealed: str, allowed: bool, agent: str, reason: str
) -> None:
    plan = stories.plan(environment=Environment("e", level))
    asked = request(plan)
    drafted = ap.draft(asked, approver="A", now=NOW, confirmed=asked.asks, signer=SIGNER if sealed == "ssh" else "")
    facts = replace(run_facts(plan), hmac_allowed=allowed)
    assert ap.check(drafted, facts, NOW, shelf.used, ap.Seal(drafted.digest, ""), agent=agent) == reason


def test_a_problem_of_the_seal_comes_first(shelf: Shelf) -> None:
    mine = approval()
    facts = replace(run_facts(), plan_hash="9" * 64, identity="9" * 32)
    seal = ap.Seal(mine.digest, "approval_signer_expired")
    assert ap.check(mine, facts, NOW, shelf.used, seal) == "approval_signer_expired"
    assert ap.check(mine, facts, NOW, shelf.used, replace(seal, digest="9" * 64)) == "approval_forged"


def test_what_is_wrong_with_a_document_is_said_by_place_and_kind() -> None:
    with pytest.raises(DianaError) as caught:
        request(latest_start=timedelta(days=2))
    assert caught.value.fields == {"path": "-", "what": "value_error"}
    with pytest.raises(DianaError) as caught:
        request(ticket="x" * 501)
    assert caught.value.fields == {"path": "-", "what": "ticket: string_too_long"}
