"""A catalogue in a faulty bucket: its tables are read completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.catalogue.files import list_catalogue, open_file
from pipelines.storage import s3_client as clients
from tests.faults.faulty_s3 import ALL_FAULTS, FaultyProxy, S3Fault, Schedule, faulty_proxy
from tests.faults.servers import moto

ROWS = 200_000


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProxy]:
    path: Path = tmp_path_factory.mktemp("table") / "assets.parquet"
    pq.write_table(pa.table({"n": range(ROWS)}), path)
    with (
        moto() as server,
        faulty_proxy(server.endpoint, Schedule(0, rate=0.0)) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        server.client().create_bucket(Bucket="agency")
        server.client().upload_file(str(path), "agency", "c/assets.parquet")
        for name, value in server.environment(running.endpoint).items():
            patch.setenv(name, value)
        patch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
        clients._clients.clear()
        yield running
        clients._clients.clear()


@pytest.mark.parametrize("fault", ALL_FAULTS)
def test_catalogue_reads_survive_each_fault(proxy: FaultyProxy, fault: S3Fault) -> None:
    """Covers the listing, and a table with a reader that treats a short read as the end."""
    for seed in range(3):
        proxy.schedule = Schedule(seed, 1.0, (fault,), in_a_row=1)  # every second request
        (found,) = list_catalogue("s3://agency/c").files
        with open_file(found.uri, found.version) as table:
            assert pq.ParquetFile(table).read()["n"].to_pylist() == list(range(ROWS))
