"""Each check of an approval's seal by itself, and of the memory of used ones; without any program."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from approving import KEY, NOW, approval, request
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_used import UsedApprovals
from diana_tools.command import Output
from diana_tools.errors import DianaError, PermitRefused
from guard.checking import Syncs, handles, same
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
    monkeypatch.setattr(secrets, "token_hex", same)
    there = desk.folder / f"{mine.nonce}-same.sig"
    seals.verify_commands(mine, desk)
    assert there.read_text() == mine.seal
    assert there.with_suffix(".signers").read_bytes() == desk.signers.read_bytes()
    there.with_suffix(".signers").unlink()
    there.write_text("another's")
    with pytest.raises(DianaError) as caught:
        seals.verify_commands(mine, desk)
    assert (caught.value.code, caught.value.fields["path"]) == ("approval_unwritable", str(there))
    assert there.read_text() == "another's"


def test_a_key_is_made_whole_and_private_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, syncs, before = tmp_path / "deep" / "state", Syncs(), handles()
    monkeypatch.setattr(os, "fsync", syncs)
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
    monkeypatch.setattr(secrets, "token_hex", same)

    def link(_source: Path, _target: Path) -> None:
        pytest.fail("what another one wrote became the key")

    monkeypatch.setattr(os, "link", link)
    draft = tmp_path / f"{seals.KEY_FILE}.same"
    draft.write_bytes(bytes(32))
    assert code(lambda: seals.key(tmp_path, create=True)) == "approval_key_unsafe"


def test_of_two_keys_that_are_made_at_once_the_first_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, first = os.link, seals.key(tmp_path / "other", create=True)

    def late(source: Path, target: Path) -> None:
        target.write_bytes(first or b"")
        target.chmod(0o600)
        real(source, target)

    monkeypatch.setattr(os, "link", late)
    assert seals.key(tmp_path, create=True) == first
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [seals.KEY_FILE]


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
    syncs, folder, before, old = Syncs(), tmp_path / "deep" / "used", handles(), os.umask(0)
    monkeypatch.setattr(os, "fsync", syncs)
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


def test_why_a_folder_cannot_be_made_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_path: Path, **_how: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", closed)
    with pytest.raises(DianaError) as caught:
        UsedApprovals(tmp_path / "used").spend("0" * 32, "r", NOW)
    assert caught.value.fields["error"] == os.strerror(errno.EACCES)


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
