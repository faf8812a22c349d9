"""Requests, approvals, keys and marks as files: private, bounded, and one reason for anything hostile."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approving import CATALOGUE, NOW, Shelf, approval, request
from diana_agent import approvals_seal as seals
from diana_agent.approvals_file import LARGEST_FILE, load_approval, load_request, save
from diana_agent.approvals_used import UsedApprovals
from diana_tools.errors import DianaError


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(UsedApprovals(tmp_path / "used"))


def test_files_come_back_as_they_were(tmp_path: Path, shelf: Shelf) -> None:
    path = tmp_path / "request.json"
    asked = request(reason="ünïcode \u202e and \udcff")
    save(path, asked)
    assert load_request(path) == asked
    given_ = approval(asked)
    save(path, given_)
    assert load_approval(path) == given_
    assert path.stat().st_mode & 0o777 == 0o600
    assert shelf.check(load_approval(path)) == ""
    assert [p.name for p in tmp_path.iterdir()] == ["request.json"]
    spaced = json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True)
    path.write_text(spaced)
    assert shelf.check(load_approval(path)) == "", "how the file is laid out is not its content"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DianaError, match="approval_unwritable"):
        save(tmp_path / "no" / "such" / "folder.json", request())


def raw() -> dict[str, object]:
    return json.loads(approval().model_dump_json(by_alias=True))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b"{", b"\xff\xfe\x00", b"[" * 50_000, b'{"a":' * 50_000, b"9" * 10_000, b"NaN",
        b'"' + b"x" * 1000 + b'"', b"{" + b" " * (LARGEST_FILE + 10) + b"}",
        json.dumps(raw() | {"extra": 1}).encode(),
        json.dumps(raw() | {"schema": "diana.approval/2"}).encode(),
        json.dumps(raw() | {"nonce": "../../etc/passwd"}).encode(),
        json.dumps(raw() | {"nonce": 5}).encode(),
        json.dumps(raw() | {"signer": "-Yverify"}).encode(),
        json.dumps(raw() | {"sealed": "ssh"}).encode(),
        json.dumps(raw() | {"approved": "yesterday"}).encode(),
        json.dumps(raw() | {"approved": "2026-11-24T12:00:00"}).encode(),
        json.dumps(raw() | {"approved": "2020-11-24T12:00:00Z"}).encode(),
        json.dumps(raw() | {"confirmed": [{"question": "report.title", "phrase": ""}]}).encode(),
        json.dumps(raw() | {"confirmed": [{"question": "ask.x", "phrase": ""}] * 50}).encode(),
        json.dumps(raw() | {"request": {}}).encode(),
        json.dumps(raw() | {"seal": "x" * 30_000}).encode(),
    ],
)  # fmt: skip
def test_hostile_files_get_one_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "approval.json"
    path.write_bytes(content)
    for load, code in ((load_approval, "approval_unreadable"), (load_request, "request_unreadable")):
        with pytest.raises(DianaError) as caught:
            load(path)
        assert caught.value.code == code
        assert len(CATALOGUE.say(f"error.{code}", **caught.value.fields)) < 1_000
        assert "\n" not in caught.value.fields["what"]


def test_a_request_cannot_be_lied_long(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    body = json.loads(request().model_dump_json(by_alias=True))
    lies: list[dict[str, object]] = [
        {"latest_start": "2027-01-01T00:00:00Z"}, {"asks": []}, {"level": "prod"}, {"destructive": "no"},
        {"fields": {"a" * 41: "x"}}, {"facts": ["x" * 2_001]}, {"plan_hash": "F" * 64}, {"least_proof": "best"},
    ]  # fmt: skip
    for changed in lies:
        path.write_text(json.dumps(body | changed))
        with pytest.raises(DianaError, match="request_unreadable"):
            load_request(path)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(DianaError, match="approval_unreadable"):
            load_approval(path)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_get_one_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.json"
    path.write_bytes(content)
    with pytest.raises(DianaError, match="approval_unreadable"):
        load_approval(path)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    assert seals.key(tmp_path / "state") is None
    made = seals.key(tmp_path / "state", create=True)
    assert made is not None
    assert len(made) == 32
    assert seals.key(tmp_path / "state", create=True) == made
    assert seals.key(tmp_path / "state") == made
    assert seals.key(tmp_path / "other", create=True) != made
    path = tmp_path / "state" / seals.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == [seals.KEY_FILE]


@pytest.mark.parametrize("harm", ["readable", "short", "linked", "folder", "fifo"])
def test_an_unsafe_key_is_not_used(tmp_path: Path, harm: str) -> None:
    path = tmp_path / seals.KEY_FILE
    if harm == "folder":
        path.mkdir()
    elif harm == "fifo":
        os.mkfifo(path, 0o600)
    elif harm == "linked":
        (tmp_path / "elsewhere").write_bytes(bytes(32))
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(bytes(32 if harm == "readable" else 5))
        path.chmod(0o644 if harm == "readable" else 0o600)
    for create in (False, True):
        with pytest.raises(DianaError, match="approval_key_unsafe"):
            seals.key(tmp_path, create=create)


def test_a_list_of_used_approvals_that_cannot_be_read_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for used in (UsedApprovals(tmp_path / "file"), UsedApprovals(tmp_path / "file" / "used")):
        with pytest.raises(DianaError, match="approvals_un"):
            used.spend("0" * 32, "r", NOW)
    with pytest.raises(DianaError, match="approvals_unreadable"):
        UsedApprovals(tmp_path / "file").latest()
    with pytest.raises(DianaError, match="approvals_unreadable"):
        UsedApprovals(tmp_path).spent("../file")


def test_a_mark_that_a_crash_left_empty_counts_as_used(tmp_path: Path) -> None:
    used = UsedApprovals(tmp_path)
    (tmp_path / ("0" * 32)).touch()
    (tmp_path / ("1" * 32)).write_text('{"at": "2026-01-01"}')
    (tmp_path / "notes.txt").write_text("not one of them")
    assert used.spent("0" * 32)
    assert used.spend("0" * 32, "r", NOW) == "approval_replayed"
    assert used.latest() is None
    assert UsedApprovals(tmp_path / "none").latest() is None
