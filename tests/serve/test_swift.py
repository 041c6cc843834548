"""Grants against a real S3 service: what it refuses itself, and a pull from it to the end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

pytest.importorskip("starlette", reason="fairshard[serve] is not installed")

from pipelines.pull.grant_addresses import GrantAddresses
from pipelines.pull.open import open_origin
from pipelines.pull.pull import Pulled, PullRequest, pull
from pipelines.run.announce import announce
from pipelines.serve.grants import revoke_grant
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from pipelines.storage.s3_presign import presigned_url, s3_signer
from pipelines.storage.s3_store import S3Store
from schemas.errors import FairshardError
from schemas.grant import Grant
from tests.faults.servers import started_swift
from tests.pull.deals import QUICKLY, SIGNER, content, publish, tree
from tests.serve.gates import BUYER, STRANGER, granted, serving

FILES = {"README.md": b"read me\n", "shards/d-00000.tar": content(1, 300_000)}


@pytest.fixture(scope="module", params=["ready", pytest.param("made", marks=pytest.mark.slow)])
def options(request: pytest.FixtureRequest) -> Iterator[S3Options]:
    words = ["--no-install"] if request.param == "ready" else []
    with started_swift(*words) as settings, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", settings["access_key"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", settings["secret_key"])
        patch.setenv("AWS_ENDPOINT_URL_S3", settings["endpoint"])
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        options = S3Options(settings["endpoint"], settings["region"])
        s3_client(options)
        yield options


@pytest.fixture
def store(options: S3Options, tmp_path: Path) -> S3Store:
    """An output with two deals, in a bucket."""
    bucket = f"b-{uuid.uuid4().hex}"
    s3_client(options).create_bucket(Bucket=bucket)
    made = open_store(f"s3://{bucket}/out", options)
    assert isinstance(made, S3Store)
    for deal in ("acme", "other"):
        publish(tmp_path / deal, "v0001", FILES)
        for path, data in tree(tmp_path / deal).items():
            made.write_bytes(f"{deal}/{path}", data)
        announce(made, deal, SIGNER, datetime.now(UTC))
    return made


def status(url: str) -> int:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=20)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_service_refuses_what_was_not_signed(store: S3Store) -> None:
    """An address is for one object, unaltered, for its time alone."""
    name = "out/acme/v0001/delivery/README.md"
    url = presigned_url(store.options, store.bucket, name, 60)
    assert status(url) == 200
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    other = parts._replace(path=parts.path.replace("/acme/", "/other/")).geturl()
    assert status(other) == 403  # of another deal
    longer = parts._replace(query=urlencode({**query, "X-Amz-Expires": "6000"})).geturl()
    assert status(longer) == 403  # tampered with
    wrong = {**query, "X-Amz-Signature": "0" * 64}
    assert status(parts._replace(query=urlencode(wrong)).geturl()) == 403  # by another key
    assert status(parts._replace(query="").geturl()) in (400, 403)  # unsigned
    short = presigned_url(store.options, store.bucket, name, 1)
    time.sleep(2.1)
    assert status(short) == 403  # expired


@pytest.mark.slow  # this service has to settle for each record of the log
def test_a_pull_by_a_grant_and_its_end(store: S3Store, tmp_path: Path) -> None:
    grant = granted(store)
    with serving(store, s3_signer(store, 60)) as served:

        def got(data: bytes, holder: object = BUYER) -> Pulled:
            addresses = GrantAddresses(served.uri, data, holder, "")  # type: ignore[arg-type]
            request = PullRequest(tmp_path / "copy", (SIGNER.vkey,), settings=QUICKLY)
            origin = open_origin(served.uri, 10.0, granted=addresses)
            return pull(origin, request, datetime.now(UTC), lambda done, total: None)

        got(grant)
        assert tree(tmp_path / "copy" / "delivery") == tree(tmp_path / "acme/v0001/delivery")

        def refused(data: bytes, holder: object = BUYER) -> str:
            with pytest.raises(FairshardError) as caught:
                got(data, holder)
            return str(caught.value)

        assert "signature" in refused(grant, STRANGER)
        assert "signature" in refused(grant.replace(b'"expires_at":"20', b'"expires_at":"29'))
        assert "expired" in refused(granted(store, days=1, ago=2))
        assert "another deal" in refused(granted(store, "other"))
        revoke_grant(store, Grant.model_validate_json(grant).grant, "lost")
        assert "revoked" in refused(grant)


def test_a_pull_with_the_buyers_own_credentials(store: S3Store, tmp_path: Path) -> None:
    request = PullRequest(tmp_path / "copy", (SIGNER.vkey,), settings=QUICKLY)
    origin = open_origin(f"{store.uri}/acme", 10.0)
    done = pull(origin, request, datetime.now(UTC), lambda done, total: None)
    assert tree(tmp_path / "copy" / "delivery") == tree(tmp_path / "acme/v0001/delivery")
    assert done.head.latest is not None and done.totals.faults == 0
