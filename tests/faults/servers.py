"""S3 servers in their own processes, which killing a run does not affect, and buckets on them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pipelines.storage import s3_client as clients
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options
from pipelines.storage.store import Store
from tests.faults.faulty_s3 import FaultyProxy
from tests.faults.outputs import Expected, ObjectState, record_expected

_START_SCRIPT = Path(__file__).parents[2] / "infra" / "swift" / "start.py"
_CANNOT_RUN = 3


@dataclass(frozen=True)
class Server:
    """A running S3.

    Attributes:
        endpoint: Its address; `access_key`, `secret_key` and `region` belong to it.
        strict: Whether it refuses truncated bodies, as real services do.
    """

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    strict: bool

    def client(self) -> Any:
        """Returns a boto3 client; untyped, because boto3 creates its classes at run time."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}),
        )

    def environment(self, endpoint: str) -> Mapping[str, str]:
        """Returns the environment with which a run reaches it through `endpoint`."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def moto() -> Iterator[Server]:
    """Yields moto's server, which runs within the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        port = None
        for line in process.stderr:
            if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", line):
                port = found[1]
                break
        assert port, "moto's server did not start"
        # Its further output must be read, or it would block on a full pipe.
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        yield Server(f"http://127.0.0.1:{port}", "test", "test", "us-east-1", strict=False)
    finally:
        process.kill()
        process.wait()
    drain.wait()


@contextmanager
def started_swift(*options: str) -> Iterator[dict[str, str]]:
    """Yields the details that Swift's script prints; skips the test if Swift cannot run."""
    process = subprocess.Popen(
        [sys.executable, str(_START_SCRIPT), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout and process.stderr
    first_line = process.stdout.readline()
    if not first_line:
        reason = process.stderr.read().strip()
        assert process.wait(60) == _CANNOT_RUN, reason
        pytest.skip(f"Swift cannot run here: {reason}")
    try:
        yield json.loads(first_line)
    finally:
        process.stdin.close()
        assert process.wait(60) == 0


@contextmanager
def swift() -> Iterator[Server]:
    """Yields OpenStack Swift, which runs within the block; skips the test if it is not ready."""
    with started_swift("--no-install") as settings:
        yield Server(
            settings["endpoint"],
            settings["access_key"],
            settings["secret_key"],
            settings["region"],
            strict=True,
        )


@contextmanager
def strictest_server() -> Iterator[Server]:
    """Yields Swift if it is ready, else moto."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(swift())
        except pytest.skip.Exception:
            found = stack.enter_context(moto())
        yield found


@contextmanager
def direct_aws(server: Server) -> Iterator[None]:
    """Lets this process reach the server directly, without a proxy, within the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment(server.endpoint).items():
            patch.setenv(name, value)
        clients._clients.clear()  # earlier tests made clients of another server
        yield
        clients._clients.clear()


@dataclass(frozen=True)
class Bucket:
    """An output in its own bucket, which runs reach through a proxy."""

    server: Server
    proxy: FaultyProxy
    bucket: str
    _digests: dict[tuple[str, str, int], str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """See `RunOutput.uri`."""
        return f"s3://{self.bucket}/out"

    @property
    def store(self) -> Store:
        """See `RunOutput.store`."""
        return open_store(self.uri, S3Options(self.server.endpoint, self.server.region))

    def expected(self, deal_id: str, took_s: float = 0.0) -> Expected:
        """Returns what a run that has just ended here left."""
        return record_expected(self, deal_id, took_s)

    def snapshot(self) -> dict[str, ObjectState]:
        """See `RunOutput.snapshot`. The proxy counts how often an object was written."""
        found = {}
        pages = self.server.client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix="out/"):
            for item in page.get("Contents", ()):
                key = str(item["Key"])
                mark = (key, str(item["ETag"]), int(item["Size"]))
                if mark not in self._digests:
                    self._digests[mark] = hashlib.sha256(self._get(key)).hexdigest()
                times = self.proxy.written[f"/{self.bucket}/{key}"]
                found[key.removeprefix("out/")] = ObjectState((times,), self._digests[mark])
        return found

    def read(self, key: str) -> bytes:
        """See `RunOutput.read`."""
        return self._get(f"out/{key}")

    def fill(self, folder: Path, prefix: str) -> None:
        """Uploads a folder's files under a prefix."""
        client = self.server.client()
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder).as_posix()}"
                client.put_object(Bucket=self.bucket, Key=key, Body=path.read_bytes())

    def _get(self, key: str) -> bytes:
        body: bytes = self.server.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body


def new_bucket(server: Server, proxy: FaultyProxy, features: Path | None) -> Bucket:
    """Creates a bucket, with the features of a folder if one is given."""
    found = Bucket(server, proxy, f"b-{uuid.uuid4().hex}")
    server.client().create_bucket(Bucket=found.bucket)
    if features is not None:
        found.fill(features, "out/agency/features")
    return found
