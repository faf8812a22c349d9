"""A prefix of an S3 bucket as a store; any server of the protocol, credentials by the AWS chain of the person alone."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from diana_tools.databases import manifest
from diana_tools.databases.archive import CHUNK
from diana_tools.errors import BackupError, SettingsError
from diana_tools.measured import Backup, Copy
from diana_tools.stores.arrival import arrive, mismatch
from diana_tools.stores.s3_checks import checksum_of, is_public, part_size
from diana_tools.stores.s3_errors import explained, response_code
from diana_tools.stores.s3_once import kept_once, there

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_OPTIONS = ("endpoint", "profile", "region", "encryption", "verify")
_ENCRYPTION = ("none", "AES256", "aws:kms")
_VERIFY = ("auto", "read_back", "checksum")
_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


def open_store(name: str, location: str, remote: bool, options: Mapping[str, str]) -> S3Store:
    """A store at `s3://bucket/prefix`; nothing is contacted yet.

    Options: `endpoint` (URL of a server that is not Amazon's), `profile` and `region` of the AWS configuration,
    `encryption` (AES256 or aws:kms; asked for by default where there is no endpoint, `none` asks for nothing),
    `verify` (`checksum` believes the server's own SHA-256, `read_back` reads every byte back; `auto` believes
    Amazon's alone, because other servers were seen to repeat whatever checksum they were sent).

    Raises:
        SettingsError: `store_location_wrong`, `store_option_unknown`.
    """
    for option in options:
        if option not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise SettingsError("store_option_unknown", {"store": name, "option": option, "known": known})
    parts, endpoint = urlsplit(location), options.get("endpoint", "")
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
        # Whoever writes credentials into a location must not find them in a message.
        shown = "s3://..." if "@" in location else location
        fields = {"store": name, "location": shown, "expected": "s3://bucket/prefix"}
        raise SettingsError("store_location_wrong", fields)
    if endpoint and (urlsplit(endpoint).scheme not in ("http", "https") or "@" in endpoint):
        fields = {"store": name, "location": "endpoint", "expected": "https://host"}
        raise SettingsError("store_location_wrong", fields)
    encryption = _choice(name, "encryption", options.get("encryption", "none" if endpoint else "AES256"), _ENCRYPTION)
    verify = _choice(name, "verify", options.get("verify", "auto"), _VERIFY)
    return S3Store(
        name, parts.netloc, parts.path.strip("/"), remote, endpoint, options.get("profile", ""),
        options.get("region", ""), encryption, verify,
    )  # fmt: skip


def _choice(store: str, option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        fields = {"store": store, "option": f"{option} = {value}", "known": ", ".join(known)}
        raise SettingsError("store_option_unknown", fields)
    return value


@dataclass(frozen=True, slots=True)
class S3Store:
    """See `stores.base.Store`. Two objects a backup: its content, and its manifest."""

    name: str
    bucket: str
    prefix: str
    remote: bool
    endpoint: str = ""
    profile: str = ""
    region: str = ""
    encryption: str = "none"
    verify: str = "auto"
    kind: str = "s3"

    def check(self) -> None:
        """Look at the bucket, and begin and abort an upload: that shows the right to write and leaves no object.

        Raises:
            BackupError: `store_unreachable`, `store_no_bucket`, `store_no_credentials`, `store_refused`,
                `store_public`.
        """
        with self._client() as client, self._told(""):
            client.head_bucket(Bucket=self.bucket)
            self._refuse_public(client)
            key = self._key(".diana-check")
            begun = client.create_multipart_upload(Bucket=self.bucket, Key=key).get("UploadId", "")
            if not begun:
                fields = {"store": self.name, "location": self._location(""), "error": "CreateMultipartUpload"}
                raise BackupError("store_unreachable", fields)
            client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=begun)

    def put(self, backup: Backup, progress: Callable[[int], None]) -> Copy:
        """Upload, then verify there: by the server's own SHA-256 where it tells one, else by reading all of it back.

        Raises:
            BackupError: as for `check`; `store_exists`, `store_mismatch`, `store_put_failed`.
        """
        key = self._key(Path(backup.path).name)
        with self._client() as client, self._told(key):
            checks = [self._refuse_public(client)]
            head = self._head(client, key)
            if head is None:
                self._upload(client, key, backup, progress)
                head = client.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
            elif head.get("ContentLength") == backup.size:
                checks.append("already_there")
            else:
                raise BackupError("store_exists", {"store": self.name, "location": self._location(key)})
            checks += self._verified(client, key, head, backup)
            self._put_manifest(client, backup)
            checks.append("manifest")
            if client.meta.endpoint_url.startswith("http://"):
                checks.append("plain_http")
        return Copy(self.name, self._location(key), self.remote, verified=True, checks=tuple(checks))

    def get(self, backup_id: str, folder: Path) -> Path:
        """See `stores.base.Store.get`."""
        key = self._key(manifest.manifest_path(folder, backup_id).name)
        with self._client() as client, self._told(key):
            body = client.get_object(Bucket=self.bucket, Key=key)["Body"]
            text = body.read(manifest.LARGEST)

            @contextmanager
            def chunks(name: str) -> Generator[Iterable[bytes]]:
                with self._told(self._key(name)):
                    yield self._content(client, self._key(name))

            return arrive(self.name, text, folder, backup_id, chunks)

    def read(self, name: str) -> bytes | None:
        """See `stores.base.Store.read`."""
        key = self._key(name)
        with self._client() as client, self._told(key):
            return there(client, self.bucket, key)

    def manifests(self) -> tuple[str, ...]:
        """See `stores.base.Store.manifests`."""
        begin = self._key("")
        with self._client() as client, self._told(""):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{begin}backup-")
            names = [one.get("Key", "").removeprefix(begin) for page in pages for one in page.get("Contents", [])]
        return tuple(sorted(name for name in names if manifest.is_name(name)))

    def keep_once(self, name: str, text: bytes) -> bytes:
        """See `stores.base.Store.keep_once`."""
        key = self._key(name)
        with self._client() as client, self._told(key):
            return kept_once(client, self.bucket, key, text)

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _location(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    @contextmanager
    def _told(self, key: str) -> Generator[None]:
        """The SDK's refusals as codes of a store."""
        with explained(self.name, self._location(key)):
            yield

    @contextmanager
    def _client(self) -> Generator[S3Client]:
        with self._told(""):
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=10, read_timeout=60, tcp_keepalive=True, user_agent_extra="diana",
                retries={"mode": "standard", "total_max_attempts": 3},
                # Servers on a bare host name or address have no name for each bucket.
                s3={"addressing_style": "path"} if self.endpoint else None,
            )  # fmt: skip
            session = boto3.session.Session(profile_name=self.profile or None, region_name=self.region or None)
            client = session.client("s3", endpoint_url=self.endpoint or None, config=config)
        try:
            yield client
        finally:
            client.close()

    def _head(self, client: S3Client, key: str) -> HeadObjectOutputTypeDef | None:
        from botocore.exceptions import ClientError

        try:
            return client.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if response_code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def _upload(self, client: S3Client, key: str, backup: Backup, progress: Callable[[int], None]) -> None:
        from boto3.s3.transfer import TransferConfig

        part = part_size(backup.size)
        done, lock = 0, threading.Lock()

        def sent(count: int) -> None:
            nonlocal done
            with lock:
                done += count
                progress(done)

        extra: dict[str, str | dict[str, str]] = {
            "ChecksumAlgorithm": "SHA256",
            "Metadata": {"sha256": backup.sha256, "backup": backup.id},
        }
        if self.encryption != "none":
            extra["ServerSideEncryption"] = self.encryption
        client.upload_file(
            backup.path, self.bucket, key, ExtraArgs=extra, Callback=sent,
            Config=TransferConfig(multipart_threshold=part, multipart_chunksize=part, max_concurrency=4),
        )  # fmt: skip

    def _verified(self, client: S3Client, key: str, head: HeadObjectOutputTypeDef, backup: Backup) -> list[str]:
        """What holds for the object there, as words.

        Raises:
            BackupError: `store_mismatch`.
        """
        place = self._location(key)
        if head.get("ContentLength") != backup.size:
            raise mismatch(self.name, place, f"size {head.get('ContentLength')}, {backup.size}")
        checks = ["size"]
        noted = head.get("Metadata", {}).get("sha256", "")
        if noted and noted != backup.sha256:
            raise mismatch(self.name, place, f"metadata {noted[:12]}, {backup.sha256[:12]}")
        if noted:
            checks.append("metadata")
        # The number of parts stands behind a dash; not every server tells it.
        told = head.get("ChecksumSHA256", "").partition("-")[0]
        if self._believes(client) and told == checksum_of(Path(backup.path)).partition("-")[0]:
            checks.append("checksum_sha256")
        else:
            self._read_back(client, key, backup)
            checks.append("sha256")
        checks.append("encrypted" if head.get("ServerSideEncryption") else "encryption_not_told")
        return checks

    def _believes(self, client: S3Client) -> bool:
        amazon = (urlsplit(client.meta.endpoint_url).hostname or "").endswith(_AMAZON)
        return self.verify == "checksum" or (self.verify == "auto" and amazon)

    def _read_back(self, client: S3Client, key: str, backup: Backup) -> None:
        found = hashlib.sha256()
        for chunk in self._content(client, key):
            found.update(chunk)
        if found.hexdigest() != backup.sha256:
            what = f"sha256 {found.hexdigest()[:12]}, {backup.sha256[:12]}"
            raise mismatch(self.name, self._location(key), what)

    def _content(self, client: S3Client, key: str) -> Iterable[bytes]:
        return client.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(CHUNK)

    def _put_manifest(self, client: S3Client, backup: Backup) -> None:
        key, text = self._key(f"{backup.id}.json"), manifest.dump(backup)
        if self._head(client, key) is not None:
            known = manifest.load(self._text(client, key), Path(f"{backup.id}.json"))
            if known.sha256 != backup.sha256:
                raise BackupError("store_exists", {"store": self.name, "location": self._location(key)})
        client.put_object(
            Bucket=self.bucket, Key=key, Body=text, ContentType="application/json", ChecksumAlgorithm="SHA256"
        )
        if self._text(client, key) != text:
            raise mismatch(self.name, self._location(key), "manifest")

    def _text(self, client: S3Client, key: str) -> bytes:
        return client.get_object(Bucket=self.bucket, Key=key)["Body"].read(manifest.LARGEST)

    def _refuse_public(self, client: S3Client) -> str:
        """The word for what the server said about the public.

        Raises:
            BackupError: `store_public`.
        """
        public = is_public(client, self.bucket)
        if public:
            raise BackupError("store_public", {"store": self.name, "location": self._location("")})
        return "public_not_checked" if public is None else "not_public"
