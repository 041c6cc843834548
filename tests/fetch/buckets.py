"""A bucket on a local S3 server, for tests of fetching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from moto.server import ThreadedMotoServer

from pipelines.storage.s3_client import S3Options, s3_client


@contextmanager
def local_bucket(name: str) -> Iterator[S3Options]:
    """Yields the options by which an empty bucket of this name is reached."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            options = S3Options(f"http://{host}:{port}", "us-east-1")
            s3_client(options).create_bucket(Bucket=name)
            yield options
        finally:
            server.stop()
