"""Approvals signed with a real SSH key, through the real executor and the real ssh-keygen."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stories
from diana_agent import approvals as ap
from diana_agent import approvals_seal as seals
from diana_agent.approvals_signature import read_signature
from diana_agent.approvals_used import UsedApprovals
from diana_agent.approvals_who import fingerprint
from diana_agent.guard import phrases
from diana_agent.guard.policy import Ask
from diana_tools.command import Output
from diana_tools.errors import DianaError, PermitRefused
from diana_tools.executor import Executor
from diana_tools.measured import Grade
from diana_tools.permit import Act, Operation, Permit, Use
from soft_token import SoftToken

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class NoRedeemer:
    def redeem(self, permit: Permit, operation: Operation, use: Use) -> None:
        raise PermitRefused("permit_unknown")


@dataclass
class Desk:
    """Keys, allowed signers and the executor, in one folder of the test."""

    folder: Path
    program: Path
    executor: Executor

    def make_key(self, name: str, passphrase: str = "") -> Path:
        subprocess.run(
            [self.program, "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", self.folder / name], check=True
        )
        return self.folder / name

    def allow(self, *lines: tuple[str, str]) -> Path:
        """An allowed-signers file of (principals and options, name of the key)."""
        path = self.folder / "allowed_signers"
        path.write_text("".join(f"{who} {(self.folder / key).with_suffix('.pub').read_text()}" for who, key in lines))
        return path

    async def sign(self, drafted: ap.Approval, key: Path) -> ap.Approval:
        output = await self.executor.query(seals.sign_command(drafted, self.program, key, os.environ))
        return seals.ssh_sealed(drafted, output)

    async def verify(self, approval: ap.Approval, signers: Path, revoked: Path | None = None) -> ap.Seal:
        desk = seals.Desk(self.program, signers, self.folder / "private", revoked)
        commands = seals.verify_commands(approval, desk)
        return seals.ssh_seal(approval, [await self.executor.query(command) for command in commands])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    program = shutil.which("ssh-keygen")
    if program is None or shutil.which("ssh-agent") is None:
        if os.environ.get("CI"):
            pytest.fail("the OpenSSH client is not installed")
        pytest.skip("the OpenSSH client is not installed")
    return Desk(tmp_path, Path(program), Executor(NoRedeemer(), lambda: True, os.environ, tmp_path / "runs"))


def draft(signer: str = "anna@example.org") -> ap.Approval:
    wish = ap.Wish(
        asks=(Ask("ask.destructive", phrases.EXECUTE), Ask("ask.production")), fields={"count": "3"}, facts=("a", "b"),
        least_proof=Grade.RESTORED, store="s3-eu", skip_backup=False, ticket="", reason="", asked_by="ci",
    )  # fmt: skip
    asked = ap.make_request(stories.plan(), Act.APPLY, wish, NOW)
    return ap.draft(asked, approver="Anna", now=NOW, confirmed=asked.asks, signer=signer)


async def test_a_signature_of_an_allowed_signer_is_enough_for_production(desk: Desk, tmp_path: Path) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    assert signed.seal.startswith("-----BEGIN SSH SIGNATURE-----")
    signers = desk.allow(('anna@example.org namespaces="diana-approval"', "anna"))
    seal = await desk.verify(signed, signers)
    assert seal == ap.Seal(signed.digest, "", fingerprint(tmp_path / "anna"))
    facts = ap.run_facts(stories.plan(), Act.APPLY, hmac_allowed=False)
    used = UsedApprovals(tmp_path / "used")
    assert ap.check(signed, facts, NOW + timedelta(minutes=5), used, seal) == ""
    assert ap.check(signed, facts, NOW + timedelta(hours=5), used, seal) == "approval_expired"


async def test_what_was_altered_after_signing_is_forged(desk: Desk) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    signers = desk.allow(("anna@example.org", "anna"))
    longer = signed.request.model_copy(update={"latest_start": NOW + timedelta(hours=20)})
    for forged in (
        signed.model_copy(update={"request": longer}),
        signed.model_copy(update={"approver": "Eve"}),
        signed.model_copy(update={"seal": "junk"}),
        signed.model_copy(update={"seal": signed.seal[:100] + "A" + signed.seal[101:]}),
        signed.model_copy(update={"seal": ""}),
    ):
        assert (await desk.verify(forged, signers)).problem == "approval_forged"


async def test_a_signature_over_the_same_for_another_purpose_is_forged(desk: Desk) -> None:
    drafted, key = draft(), desk.make_key("anna")
    command = seals.sign_command(drafted, desk.program, key, os.environ)
    done = subprocess.run(
        [*command.argv[:-1], "git"], input=command.stdin, capture_output=True, check=True
    )  # fmt: skip
    elsewhere = drafted.model_copy(update={"seal": done.stdout.decode()})
    assert (await desk.verify(elsewhere, desk.allow(("anna@example.org", "anna")))).problem == "approval_forged"


async def test_an_unknown_signer_is_called_so(desk: Desk) -> None:
    anna, bo = desk.make_key("anna"), desk.make_key("bo")
    signers = desk.allow(("anna@example.org", "anna"))
    assert (await desk.verify(await desk.sign(draft(), bo), signers)).problem == "approval_signer_unknown"
    named = await desk.sign(draft("bo@example.org"), anna)
    assert (await desk.verify(named, signers)).problem == "approval_signer_unknown"
    with pytest.raises(PermitRefused, match="approval_signers_unsafe"):
        await desk.verify(named, desk.folder / "missing")


async def test_a_key_for_other_purposes_only_is_not_an_approver_s(desk: Desk) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    signers = desk.allow(('anna@example.org namespaces="git"', "anna"))
    assert (await desk.verify(signed, signers)).problem == "approval_signer_unknown"


async def test_a_key_that_cannot_sign_is_said_with_its_reason(desk: Desk) -> None:
    locked = desk.make_key("locked", "a passphrase")
    for key in (locked, desk.folder / "missing"):
        with pytest.raises(DianaError) as caught:
            await desk.sign(draft(), key)
        assert caught.value.code == "approval_not_signed"
        assert caught.value.fields["error"] not in ("", "-")


async def test_a_locked_key_signs_through_the_agent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = desk.folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        key = desk.make_key("anna")
        while not socket.exists():
            assert agent.poll() is None
            await asyncio.sleep(0.01)
        subprocess.run(["ssh-add", "-q", key], check=True, timeout=20)
        key.unlink()
        signed = await desk.sign(draft(), key.with_suffix(".pub"))
        assert (await desk.verify(signed, desk.allow(("anna@example.org", "anna")))).problem == ""
    finally:
        agent.terminate()
        agent.wait(10)


def test_a_seal_of_the_other_kind_never_counts() -> None:
    output = Output(0, 'Good "diana-approval" signature for  with ED25519 key SHA256:x\n', "", 0.1)
    by_hmac = ap.draft(draft().request, approver="Eve", now=NOW, confirmed=())
    assert seals.ssh_seal(by_hmac, [output]).problem == "approval_forged"
    assert seals.hmac_seal(draft().model_copy(update={"seal": "0" * 64}), bytes(32)).problem == "approval_forged"


@pytest.mark.parametrize(
    "output",
    [
        Output(1, 'Good "diana-approval" signature for anna@example.org with ED25519 key', "", 0.1),
        Output(0, 'Good "git" signature for anna@example.org with ED25519 key', "", 0.1),
        Output(0, 'Good "diana-approval" signature for anna@example.org.evil with ED25519 key', "", 0.1),
        Output(0, "", "", 0.1),
        Output(0, 'Good "diana-approval" signature for anna@example.org with x', "", 0.1, timed_out=True),
    ],
)
def test_only_the_program_s_own_good_word_counts(output: Output) -> None:
    assert seals.ssh_seal(draft(), [output]).problem != ""
    assert seals.ssh_seal(draft(), []).problem == "approval_forged"


async def test_the_signature_s_file_is_private(desk: Desk) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    private = desk.folder / "private"
    seals.verify_commands(signed, seals.Desk(desk.program, desk.allow(("a", "anna")), private))
    assert {left.stat().st_mode & 0o777 for left in private.iterdir()} == {0o600}
    assert {left.suffix for left in private.iterdir()} == {".sig", ".signers"}
    assert private.stat().st_mode & 0o777 == 0o700
    assert signed.seal not in " ".join(seals.sign_command(signed, desk.program, desk.folder, {}).argv)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
async def test_keys_of_other_kinds_sign_too(desk: Desk, kind: str) -> None:
    key = desk.folder / kind
    subprocess.run([desk.program, "-q", "-t", kind, "-N", "", "-f", key], check=True)
    seal = await desk.verify(await desk.sign(draft(), key), desk.allow(("anna@example.org", kind)))
    assert (seal.problem, seal.key) == ("", fingerprint(key))


async def test_a_certificate_speaks_for_the_names_in_it_and_for_its_time(desk: Desk) -> None:
    authority, key = desk.make_key("authority"), desk.make_key("anna")
    signers = desk.allow(("*@example.org cert-authority", "authority"))

    def certify(names: str, valid: str = "always:forever") -> Path:
        made = [desk.program, "-q", "-s", authority, "-I", "a", "-n", names, "-V", valid, key.with_suffix(".pub")]
        subprocess.run(made, check=True)
        return desk.folder / "anna-cert.pub"

    signed = await desk.sign(draft(), certify("anna@example.org"))
    assert (await desk.verify(signed, signers)).problem == ""
    assert (await desk.verify(await desk.sign(draft(), key), signers)).problem == "approval_signer_unknown"
    for_bo = await desk.sign(draft(), certify("bo@example.org"))
    assert (await desk.verify(for_bo, signers)).problem == "approval_signer_unknown"
    late = await desk.sign(draft(), certify("anna@example.org", "20200101:20210101"))
    assert (await desk.verify(late, signers)).problem == "approval_signer_expired"


@pytest.mark.parametrize("option", ['valid-before="20200101"', 'valid-after="20990101"'])
async def test_a_signer_has_a_time(desk: Desk, option: str) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    signers = desk.allow((f"anna@example.org {option}", "anna"))
    assert (await desk.verify(signed, signers)).problem == "approval_signer_expired"
    both = desk.allow((f"anna@example.org {option}", "anna"), ('anna@example.org valid-after="20200101"', "anna"))
    assert (await desk.verify(signed, both)).problem == ""


async def test_a_revoked_key_is_called_so(desk: Desk) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    signers, other = desk.allow(("anna@example.org", "anna")), desk.make_key("bo").with_suffix(".pub")
    assert (await desk.verify(signed, signers, other)).problem == ""
    assert (await desk.verify(signed, signers, desk.folder / "anna.pub")).problem == "approval_signer_revoked"
    krl = desk.folder / "krl"
    subprocess.run([desk.program, "-q", "-k", "-f", krl, desk.folder / "anna.pub"], check=True)
    assert (await desk.verify(signed, signers, krl)).problem == "approval_signer_revoked"
    with pytest.raises(PermitRefused, match="approval_signers_unsafe"):
        await desk.verify(signed, signers, desk.folder / "missing")


async def test_a_hardware_key_must_have_been_touched(desk: Desk) -> None:
    """The program itself calls a signature without a touch good; the key here is one in software."""
    token, drafted = SoftToken(b"a seed of thirty-two bytes or so."), draft()
    body = seals.sign_command(drafted, desk.program, desk.folder, {}).stdin
    assert body is not None
    signers = desk.folder / "signers"
    signers.write_text(f"anna@example.org {token.line}\n")
    for touched, problem in ((True, ""), (False, "approval_not_touched")):
        sealed = drafted.model_copy(update={"seal": token.signature(body, seals.NAMESPACE, touched=touched)})
        (command,) = seals.verify_commands(sealed, seals.Desk(desk.program, signers, desk.folder / "private"))
        output = await desk.executor.query(command)
        assert (output.exit_code, "ED25519-SK" in output.stdout) == (0, True), output
        assert seals.ssh_seal(sealed, [output]).problem == problem
    forged = drafted.model_copy(
        update={"seal": token.signature(body + b" ", seals.NAMESPACE, touched=True)}
    )  # fmt: skip
    assert (await desk.verify(forged, signers)).problem == "approval_forged"


@pytest.mark.parametrize("harm", ["group", "folder", "link", "pipe"])
async def test_signers_that_others_can_write_are_not_believed(desk: Desk, harm: str) -> None:
    signed = await desk.sign(draft(), desk.make_key("anna"))
    path = desk.folder / "kept" / "signers"
    path.parent.mkdir(mode=0o755)
    plain = desk.allow(("anna@example.org", "anna"))
    match harm:
        case "link":
            path.symlink_to(plain)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.write_text(plain.read_text())
            (path if harm == "group" else path.parent).chmod(0o664 if harm == "group" else 0o777)
    with pytest.raises(PermitRefused) as caught:
        await desk.verify(signed, path)
    assert (caught.value.code, caught.value.fields["path"]) == ("approval_signers_unsafe", str(path))


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n", "a\nAAAA\nb", "a\nU1NIU0lHAAAAAQ==\nb"])
def test_what_is_no_signature_says_nothing(text: str) -> None:
    assert read_signature(text) is None
