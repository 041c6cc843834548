"""Files that were read before are not read again, and the results are the same."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.commands.common import parse_as_of
from pipelines.features.assets import fetch_asset, recall_asset
from pipelines.features.context import FetchContext
from pipelines.features.digest_cache import digest_cache_row, file_state
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.store import open_feature_store
from pipelines.features.unit_features import UnitFeatures
from pipelines.fetch.locate import FileLocation
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.run.prepare import PreparedJob, prepare_job
from pipelines.run.request import JobRequest
from pipelines.steps import fetch_ahead
from pipelines.steps.complete import PackageResult
from pipelines.steps.package import package
from pipelines.storage.open import open_store
from schemas.errors import RunError
from schemas.unit import ClearedRow
from tests.end_to_end.command import AS_OF, Demo, tables, tree


def prepare(demo: Demo, deal_id: str, catalogue: Path, out: Path) -> PreparedJob:
    return prepare_job(
        JobRequest(
            catalogue=str(catalogue),
            deal=demo.deal(deal_id),
            as_of=parse_as_of(AS_OF),
            output=str(out),
            key=str(demo.signing_key),
        )
    )


def run(demo: Demo, deal_id: str, catalogue: Path, out: Path) -> PackageResult:
    prepared = prepare(demo, deal_id, catalogue, out)
    return package(prepared.job, prepared.log_key)


@pytest.fixture(scope="module")
def packaged(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns an output whose features cover every file of the library in its current state."""
    out = tmp_path_factory.mktemp("packaged")
    shutil.copytree(demo.out / "agency" / "features", out / "agency" / "features")
    run(demo, "demo-main", demo.catalogue, out)
    shutil.rmtree(out / "demo-main")
    return out


@pytest.fixture
def warm(packaged: Path, tmp_path: Path) -> Path:
    """Returns a copy of that output, for a test that changes it."""
    return shutil.copytree(packaged, tmp_path / "warm")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def outcome(item: FetchedAsset) -> tuple[Any, ...]:
    return (item.digest, item.file_reading, item.reading, item.resolution, item.decision)


def test_remembered_files_give_the_same_result(
    demo: Demo, warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"recalled": 0, "read": 0}

    def check(row: ClearedRow, terms: FetchContext, known: UnitFeatures) -> FetchedAsset | None:
        recalled = recall_asset(row, terms, known)
        counts["read" if recalled is None else "recalled"] += 1
        if recalled is not None:
            read = fetch_asset(row, terms, known, OriginFileCache())
            assert outcome(recalled) == outcome(read)
        return recalled

    monkeypatch.setattr(fetch_ahead, "recall_asset", check)
    packaged = run(demo, "demo-main", demo.catalogue, warm)
    assert tree(warm / "demo-main") == tree(demo.out / "demo-main")
    # Only assets without features are read again: those with broken or missing files.
    assert counts["read"] == packaged.steps["enrich"].failed_assets
    assert counts["recalled"] > 50


@pytest.fixture
def edited(demo: Demo, warm: Path) -> tuple[Path, Path, bytes]:
    """Returns a copy of the library, a delivered picture in it, and different bytes for it."""
    catalogue = warm / "library"
    shutil.copytree(demo.catalogue, catalogue)
    delivered = set(tables(demo.delivery("demo-main") / "shards")["media_sha256"].to_pylist())
    media = demo.key["media"]
    table = pq.read_table(demo.catalogue / "assets.parquet", columns=["asset_id", "sha256"])
    silent = {row["asset_id"] for row in table.to_pylist() if row["sha256"] is None}
    name = next(
        found["path"]
        for asset_id, found in sorted(media.items())
        if found["file"] == "jpeg_plain" and found["sha256"] in delivered and asset_id in silent
    )
    path = catalogue / name
    sink = io.BytesIO()
    with Image.open(path) as picture:
        picture.save(sink, "JPEG", quality=71)
    return catalogue, path, sink.getvalue()


def test_changed_file_is_read_again(demo: Demo, edited: tuple[Path, Path, bytes]) -> None:
    catalogue, path, data = edited
    out = catalogue.parent
    run(demo, "demo-main", catalogue, out)
    shutil.rmtree(out / "demo-main")
    path.write_bytes(data)
    packaged = run(demo, "demo-main", catalogue, out)
    assert packaged.computed["decoded"] == 1


def test_wrongly_remembered_file_fails_the_run(
    demo: Demo, edited: tuple[Path, Path, bytes]
) -> None:
    """A change that leaves size, times and inode as they were fails the run, but not the next."""
    catalogue, path, data = edited
    out = catalogue.parent
    old = sha256(path.read_bytes())
    path.write_bytes(data)
    state = file_state(FileLocation(str(catalogue), str(path)))
    assert state is not None
    job = prepare(demo, "demo-main", catalogue, out).job
    names = (job.models.clip_id, job.models.captioner_id, job.reader_id)
    features = open_feature_store(open_store(str(out)), *names)
    features.digest_cache.save(0, 2**64 - 1, [digest_cache_row(state, old, "jpg")])
    with pytest.raises(RunError, match="A media file changed during the run"):
        run(demo, "demo-main", catalogue, out)
    assert not (out / "demo-main" / "v0001" / "delivery" / "MANIFEST.json").exists()
    packaged = run(demo, "demo-main", catalogue, out)
    assert packaged.computed["decoded"] == 1
    found = tables(out / "demo-main" / "v0001" / "delivery" / "shards")["media_sha256"]
    assert sha256(data) in found.to_pylist() and old not in found.to_pylist()
