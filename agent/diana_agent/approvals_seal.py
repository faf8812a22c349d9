"""Sealing an approval and verifying the seal: an HMAC with this machine's key, or an SSH signature.

The HMAC protects against mistakes, not against a program that runs as the same person. The SSH commands are
plain data for the executor.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from diana_agent.approvals import Approval, Seal
from diana_agent.approvals_file import guarded_copy
from diana_agent.approvals_signature import read_signature
from diana_tools.command import Output, ReadCommand
from diana_tools.errors import DianaError
from diana_tools.redaction import plain

NAMESPACE = "diana-approval"
KEY_FILE = "approval.key"
_KEY_BYTES = 32
_DOMAIN = b"diana.approval/1\n"
_ARMOUR = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")
_FORGED = ("incorrect signature", "namespace does not match", "couldn't parse signature", "sshsig", "invalid format")
_EXPIRED = (
    "key has expired",
    "key is not yet valid",
    "certificate invalid: expired",
    "certificate invalid: not yet valid",
)
_SIGN_TIMEOUT_S = 120.0
_VERIFY_TIMEOUT_S = 20.0


def key(state: Path, *, create: bool = False) -> bytes | None:
    """This machine's key, 32 random bytes in the state folder; None when there is none and none is to be made.

    Raises:
        DianaError: `approval_key_unsafe` when the file is another's, readable by others, linked or damaged.
    """
    path = state / KEY_FILE
    try:
        if create:
            _make(path)
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unsafe(path, error.strerror or "") from None
    try:
        found = os.fstat(file)
        content = os.read(file, _KEY_BYTES + 1) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(file)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077 or len(content) != _KEY_BYTES:
        raise _unsafe(path, oct(found.st_mode & 0o777))
    return content


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as handle:
            handle.write(secrets.token_bytes(_KEY_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
        # A hard link makes the whole key appear at once, and never over another one.
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def _unsafe(path: Path, why: str) -> DianaError:
    return DianaError("approval_key_unsafe", {"path": str(path), "error": why})


def hmac_sealed(approval: Approval, secret: bytes) -> Approval:
    """The approval with this machine's seal."""
    return approval.model_copy(update={"seal": _mac(approval, secret)})


def hmac_seal(approval: Approval, secret: bytes | None) -> Seal:
    """Verify this machine's seal; without the key nothing here can have sealed it."""
    good = (
        approval.sealed == "hmac"
        and secret is not None
        and hmac.compare_digest(_mac(approval, secret).encode(), approval.seal.encode())
    )
    return Seal(approval.digest, "" if good else "approval_forged")


def _mac(approval: Approval, secret: bytes) -> str:
    return hmac.new(secret, _DOMAIN + approval.body, hashlib.sha256).hexdigest()


def sign_command(approval: Approval, program: Path, key_file: Path, environ: Mapping[str, str]) -> ReadCommand:
    """The command whose standard output is the signature; `key_file` may be public with the agent holding the rest.

    It cannot ask for a passphrase: such a key belongs into the agent. A hardware key waits for its touch.
    """
    env = {name: environ[name] for name in ("SSH_AUTH_SOCK", "SSH_SK_PROVIDER") if environ.get(name)}
    place = key_file.absolute()
    return ReadCommand(
        argv=(str(program), "-Y", "sign", "-f", str(place), "-n", NAMESPACE), cwd=place.parent, env=env,
        stdin=_DOMAIN + approval.body, timeout=_SIGN_TIMEOUT_S,
    )  # fmt: skip


def ssh_sealed(approval: Approval, output: Output) -> Approval:
    """The approval with the signature that the command gave.

    Raises:
        DianaError: `approval_not_signed` with the program's own first line.
    """
    text = output.stdout.strip()
    if output.timed_out or output.exit_code != 0 or not (text.startswith(_ARMOUR[0]) and text.endswith(_ARMOUR[1])):
        words = [line for line in plain(output.stderr, 2_000).splitlines() if line and not line.startswith("Signing")]
        raise DianaError("approval_not_signed", {"error": words[0][:300] if words else "-"})
    return approval.model_copy(update={"seal": text + "\n"})


@dataclass(frozen=True, slots=True)
class Desk:
    """What verifies SSH signatures: the program, the allowed-signers file, who was revoked, a private folder."""

    program: Path
    signers: Path
    folder: Path
    revoked: Path | None = None


def verify_commands(approval: Approval, desk: Desk) -> tuple[ReadCommand, ...]:
    """The command that verifies, and a second one that also looks at the revoked keys where there are some.

    Signature and lists are left as private copies in the desk's folder, named after the approval; the caller
    removes them.

    Raises:
        DianaError: `approval_unwritable`.
        PermitRefused: `approval_signers_unsafe`.
    """
    start = desk.folder / f"{approval.nonce}-{secrets.token_hex(4)}"
    signature, signers, revoked = (start.with_name(f"{start.name}.{end}") for end in ("sig", "signers", "revoked"))
    try:
        desk.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with os.fdopen(os.open(signature, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as handle:
            handle.write(approval.seal.encode("utf-8", "replace"))
    except OSError as error:
        raise DianaError("approval_unwritable", {"path": str(signature), "error": error.strerror or ""}) from None
    guarded_copy(desk.signers, signers)
    argv = (str(desk.program), "-Y", "verify", "-f", str(signers), "-I", approval.signer, "-n", NAMESPACE, "-s",
            str(signature))  # fmt: skip
    words: list[tuple[str, ...]] = [argv]
    if desk.revoked is not None:
        guarded_copy(desk.revoked, revoked)
        words.append((*argv, "-r", str(revoked)))
    body = _DOMAIN + approval.body
    return tuple(ReadCommand(argv=one, cwd=desk.folder, stdin=body, timeout=_VERIFY_TIMEOUT_S) for one in words)


def ssh_seal(approval: Approval, outputs: Sequence[Output]) -> Seal:
    """What the outputs of the verifying commands say about the approval they were made for.

    A hardware key must have been touched: the program does not look at that.
    """
    if not outputs or approval.sealed != "ssh":
        return Seal(approval.digest, "approval_forged")
    keys = [_key_of(approval, output) for output in outputs]
    if not keys[0]:
        return Seal(approval.digest, _problem(outputs[0].stderr.lower()))
    if not all(keys):
        return Seal(approval.digest, "approval_signer_revoked")
    signature = read_signature(approval.seal)
    if signature is None:
        return Seal(approval.digest, "approval_forged")
    return Seal(approval.digest, "approval_not_touched" if signature.touched is False else "", keys[0])


def _key_of(approval: Approval, output: Output) -> str:
    """The fingerprint of the key, where the program called the signature good; else empty."""
    if output.exit_code != 0 or output.timed_out:
        return ""
    good = re.match(
        rf'Good "{NAMESPACE}" signature for {re.escape(approval.signer)} with \S+ key (SHA256:\S+)\s*\Z', output.stdout
    )
    return good[1] if good else ""


def _problem(words: str) -> str:
    if any(mark in words for mark in _FORGED):
        return "approval_forged"
    return "approval_signer_expired" if any(mark in words for mark in _EXPIRED) else "approval_signer_unknown"
