"""The settings and credentials of an S3 store: what makes no sense is refused, what does not work is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from diana_tools.errors import SettingsError
from diana_tools.measured import Backup
from diana_tools.stores.s3 import open_store
from integration.s3.store_talk import nothing, objects, refused, store
from integration.s3_ground import KEY, SECRET, S3Server


@pytest.mark.parametrize(
    ("location", "options", "code"),
    [
        ("bucket/prefix", {}, "store_location_wrong"),
        ("s3://", {}, "store_location_wrong"),
        ("s3://key:secretpart@bucket/x", {}, "store_location_wrong"),
        ("s3://bucket", {"endpoint": "minio:9000"}, "store_location_wrong"),
        ("s3://bucket", {"secret_key": "x"}, "store_option_unknown"),
        ("s3://bucket", {"encryption": "rot13"}, "store_option_unknown"),
    ],
)
def test_settings_that_make_no_sense_are_refused(location: str, options: dict[str, str], code: str) -> None:
    with pytest.raises(SettingsError) as error:
        open_store("cloud", location, True, options)
    assert error.value.code == code
    assert "secretpart" not in str(error.value)


def test_opening_contacts_nothing_and_loads_no_sdk() -> None:
    there = open_store("cloud", "s3://bucket/a/b/", True, {})
    assert (there.kind, there.name, there.bucket, there.prefix, there.encryption) == (
        "s3",
        "cloud",
        "bucket",
        "a/b",
        "AES256",
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("AWS_SECRET_ACCESS_KEY", "wrong-secret"), "store_refused"),
        (("AWS_ACCESS_KEY_ID", "nobody"), "store_refused"),
        (("AWS_ACCESS_KEY_ID", None), "store_no_credentials"),
        (("AWS_PROFILE", "absent"), "store_no_credentials"),
    ],
)
def test_credentials_that_do_not_work_are_named(
    server: S3Server,
    bucket: Path,
    backup: Backup,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str | None],
    code: str,
) -> None:
    name, value = change
    if value is None:
        monkeypatch.delenv(name)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    else:
        monkeypatch.setenv(name, value)
    there = store(bucket, server.url)
    assert refused(there.check).code == code
    assert refused(lambda: there.put(backup, nothing)).code == code
    assert objects(bucket) == []


def test_a_profile_of_the_persons_own_configuration_is_used(
    server: S3Server, bucket: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (isolated / ".aws").mkdir()
    (isolated / ".aws/credentials").write_text(f"[vault]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    location = f"s3://{bucket.name}"
    open_store("cloud", location, True, {"endpoint": server.url, "profile": "vault"}).check()
    other = open_store("cloud", location, True, {"endpoint": server.url, "profile": "absent"})
    assert refused(other.check).code == "store_no_credentials"
