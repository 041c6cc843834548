"""What a delivery has of an asset is found where the published bytes have it."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.accounts.published import find_versions
from pipelines.removal.locate import FoundSample, check_table, locate
from pipelines.storage.open import open_store
from schemas.errors import RunError
from schemas.manifest import Manifest
from tests.end_to_end.command import Demo
from tests.removal.patches import copy_output

pytestmark = pytest.mark.long


def version_folder(demo: Demo) -> Path:
    return demo.out / "demo-main" / "v0001"


def located(demo: Demo, assets: list[str], contributors: list[str]) -> list[FoundSample]:
    store = open_store(str(demo.out))
    (published,) = find_versions(store, "demo-main", "v0001")
    return locate(store, published, assets, contributors)


def ledger_rows(demo: Demo) -> list[dict[str, object]]:
    path = version_folder(demo) / "agency" / "ledger" / "ledger-00000.parquet"
    rows: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return rows


def test_every_asset_is_found_where_its_bytes_are(demo: Demo) -> None:
    delivery = version_folder(demo) / "delivery"
    manifest = json.loads((delivery / "MANIFEST.json").read_bytes())
    rows = ledger_rows(demo)
    found = located(demo, sorted({str(row["asset_id"]) for row in rows}), [])
    assert Counter(one.asset_id for one in found) == dict.fromkeys(
        (str(row["asset_id"]) for row in rows), 1
    )
    assert len(found) == manifest["end"]["samples"]
    for index, shard in enumerate(manifest["shards"]):
        here = [one for one in found if one.shard == shard["name"]]
        members: dict[str, set[str]] = {}
        with tarfile.open(delivery / "shards" / f"{shard['name']}.tar") as tar:
            for member in tar.getmembers():
                key = member.name.partition(".")[0]
                members.setdefault(key, set()).add(member.name)
                [place] = [p for one in here for p in one.members if p.name == member.name]
                assert (place.offset, place.length) == (member.offset_data, member.size)
        assert {one.key: {place.name for place in one.members} for one in here} == members
        assert {one.shard_sha256 for one in here} == {shard["sha256"]}
        assert {one.index for one in here} == {index}
        embedded = {one.key: one.embedding_row for one in here if one.embedding_row is not None}
        path = delivery / "metadata" / f"metadata_{index}.parquet"
        if path.exists():
            keys = pq.read_table(path)["key"].to_pylist()
            assert [key for key, _ in sorted(embedded.items(), key=lambda i: i[1])] == keys
            vectors = np.load(delivery / "img_emb" / f"img_emb_{index}.npy")
            assert len(vectors) == len(embedded)
        else:
            assert embedded == {}
        table = pq.read_table(delivery / "shards" / f"{shard['name']}.parquet")
        assert [one.key for one in here] == table["key"].to_pylist()
        for one in here:
            assert one.asset_commitment == table["asset"][one.row].as_py()
            assert all((delivery / path).is_file() for path in one.paths)
        shots = delivery / "shots" / f"shots_{index}.parquet"
        if shots.exists():
            keys = pq.read_table(shots)["key"].to_pylist()
            assert {one.key: one.shot_rows for one in here if one.shot_rows} == {
                key: tuple(i for i, other in enumerate(keys) if other == key) for key in keys
            }


def test_a_contributor_is_found_by_all_their_assets(demo: Demo) -> None:
    rows = ledger_rows(demo)
    for who in sorted({str(row["contributor_id"]) for row in rows}):
        wanted = {row["asset_id"] for row in rows if row["contributor_id"] == who}
        found = located(demo, [], [who])
        assert {one.asset_id for one in found} == wanted
        for one in found:
            theirs = {r["contributor_id"] for r in rows if r["asset_id"] == one.asset_id}
            assert one.contributors == tuple(sorted(map(str, theirs)))


def test_an_asset_that_is_not_delivered_is_not_found(demo: Demo) -> None:
    assert located(demo, ["no such asset", ""], ["nobody"]) == []


def test_versions_without_the_table_are_searched_by_their_shards(
    demo: Demo, tmp_path: Path
) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    assets = output.assets()[::3]
    path = output.root / "demo-main/v0001/delivery/MANIFEST.json"
    manifest = Manifest.model_validate_json(path.read_bytes())
    files = [file for file in manifest.files if file.path != "samples.parquet"]
    store = open_store(str(output.root))
    (published,) = find_versions(store, "demo-main", "v0001")
    earlier = replace(published, manifest=manifest.model_copy(update={"files": files}))
    (path.parent / "samples.parquet").unlink()
    with pytest.raises(RunError, match="not those that were published"):
        locate(store, published, assets)
    assert locate(store, earlier, assets) == located(demo, assets, [])


def test_a_table_that_lacks_a_sample_is_refused(demo: Demo, tmp_path: Path) -> None:
    output = copy_output(demo, "demo-main", tmp_path)
    path = output.root / "demo-main/v0001/delivery/samples.parquet"
    table = pq.read_table(path)
    store = open_store(str(output.root))
    (published,) = find_versions(store, "demo-main", "v0001")
    (record,) = (file for file in published.manifest.files if file.path == path.name)
    check_table(store, published, record)
    pq.write_table(table.slice(0, len(table) - 1), path)
    with pytest.raises(RunError, match="it lacks 1 sample,"):
        locate(store, published, output.assets())
    with pytest.raises(RunError, match="sha256"):
        check_table(store, published, record)
    elsewhere = pa.array([9_999] * len(table), pa.int32())
    at = table.schema.get_field_index("shard_index")
    pq.write_table(table.set_column(at, table.schema.field(at), elsewhere), path)
    with pytest.raises(RunError, match="it lacks"):
        locate(store, published, output.assets())
