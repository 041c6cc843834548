"""A sparse library into a real S3: every engine makes the bytes that the embedded one makes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.storage.open import open_store
from tests.end_to_end.command import fairshard, tree
from tests.end_to_end.dask_cluster import cluster
from tests.end_to_end.prism import needs_prism, portable
from tests.end_to_end.sparse import DEAL_ID
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package, package_options
from tests.end_to_end.test_sparse import LIBRARIES
from tests.faults.servers import Server, direct_aws, strictest_server

pytestmark = pytest.mark.slow
LIBRARY = LIBRARIES["one asset a unit"]
_TWO = ("127.0.0.1", "127.0.0.2")
_PORTABLE = {
    "prism, loopback": ("prism", ()),
    "prism, two pools": ("prism", _TWO),
    "job service, loopback": ("beam", ()),
    "job service, two pools": ("beam", _TWO),
}
_DASK = {"dask, one worker": 1, "dask, two workers": 2, "dask, four workers": 4}
ENGINES = [
    "embedded",
    *(pytest.param(name, marks=needs_prism if "prism" in name else ()) for name in _PORTABLE),
    *_DASK,
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with strictest_server() as made:
        yield made


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the embedded engine makes of it in a folder."""
    made = package(LIBRARY, tmp_path_factory.mktemp("folder"))
    assert made.ended.code == 0, made.ended.err
    return tree(made.out / DEAL_ID)


@pytest.mark.parametrize("way", ENGINES)
def test_sparse_library_in_a_bucket_has_the_bytes_of_a_folder(
    way: str, server: Server, reference: dict[str, str], tmp_path: Path
) -> None:
    write_library(LIBRARY, tmp_path)
    save_key(tmp_path / "key", demonstration_key(1))
    bucket = f"sparse-{way.replace(', ', '-').replace(' ', '-')}"
    variables = server.environment(server.endpoint)
    with direct_aws(server), ExitStack() as stack:
        server.client().create_bucket(Bucket=bucket)
        options = package_options(
            tmp_path, f"s3://{bucket}/out", workers=None if way in _DASK else 1
        )
        if way in _DASK:
            made = stack.enter_context(cluster(_DASK[way], env=variables))
            options = [*options, *made.options]
        elif way in _PORTABLE:
            on = stack.enter_context(portable(*_PORTABLE[way], variables=variables))
            options = [*options, *on.options]
        ended = fairshard(*options, env=variables)
        assert ended.code == 0, ended.err
        store = open_store(f"s3://{bucket}/out")
        found = {
            item.key.removeprefix(f"{DEAL_ID}/"): hashlib.sha256(
                store.read_bytes(item.key)
            ).hexdigest()
            for item in store.list(DEAL_ID)
        }
    assert found == reference
