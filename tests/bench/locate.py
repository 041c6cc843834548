"""How long it takes to find one asset, and one contributor's assets, in a large delivery.

`python -m tests.bench.locate --samples 1000000`: the ledger and the shards' tables are generated;
there are no tars, which finding does not read.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import asset_commitment
from pipelines.removal.locate import locate
from pipelines.removal.search import Wanted, check_ledgers, find_samples
from pipelines.run.signing_key import demonstration_key
from pipelines.storage.columns import Column
from pipelines.storage.open import open_store
from schemas import layout
from schemas.manifest import (
    DealRecord,
    EndRecord,
    FileRecord,
    LedgerRecord,
    Manifest,
    ModelRecord,
    ShardRecord,
)
from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.accounts.ledgers import sealed_table

_SHARD_SAMPLES = 10_000
_PER_CONTRIBUTOR = 200
_HASH = "0" * 64


def make_delivery(folder: Path, samples: int) -> list[str]:
    """Writes a delivery's manifest, ledger and tables; returns the assets' ids."""
    ids = [f"asset-{i:015d}" for i in range(samples)]
    salt = deal_salt(demonstration_key(1).secret, "big")
    commitments = [asset_commitment(salt, one) for one in ids]
    shard_of = np.random.default_rng(1).permutation(samples) // _SHARD_SAMPLES
    names = [f"big-jpg-{i:05d}" for i in range(int(shard_of.max()) + 1)]
    people = [
        f"c-{int(c[12:20], 16) % max(1, samples // _PER_CONTRIBUTOR):06d}" for c in commitments
    ]
    columns = {
        "asset_id": ids,
        "contributor_id": people,
        "shard": [names[at] for at in shard_of],
        "key": [c[:24] for c in commitments],
        "media_sha256": [f"{i:064x}" for i in range(samples)],
        "share_bp": [10_000] * samples,
        "weight": [1] * samples,
    }
    agency = folder / "big" / "v0001" / "agency" / "ledger"
    agency.mkdir(parents=True)
    lines = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    secret = demonstration_key(1).secret
    table, ledger = sealed_table(lines, "big", "big/v0001", secret)
    pq.write_table(table, agency / "ledger-00000.parquet", row_group_size=32_768)
    delivery = folder / "big" / "v0001" / "delivery"
    for part in ("shards", "metadata"):
        (delivery / part).mkdir(parents=True)
    files = []
    for index, name in enumerate(names):
        rows = np.flatnonzero(shard_of == index)
        own = {
            "key": [commitments[i][:24] for i in rows],
            "asset": [commitments[i] for i in rows],
        }
        shard = pa.table(
            [_filled(field, own, len(rows)) for field in SHARD_TABLE_SCHEMA],
            schema=SHARD_TABLE_SCHEMA,
        )
        pq.write_table(shard, delivery / layout.shard_table_path(name))
        pq.write_table(shard.select(["key", "shard"]), delivery / layout.metadata_path(index))
        files += [layout.shard_table_path(name), layout.metadata_path(index)]
    _write_manifest(delivery, names, files, ledger)
    return ids


def _filled(field: pa.Field[pa.DataType], columns: dict[str, list[str]], rows: int) -> Column:
    """Returns a column: the given one, or the same value in every row."""
    if field.name in columns:
        return pa.array(columns[field.name], field.type)
    if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
        return pa.array(np.zeros(rows), field.type, safe=False)
    value = [_HASH] if pa.types.is_list(field.type) else _HASH
    return pa.array([value] * rows, field.type)


def _write_manifest(
    delivery: Path, names: list[str], files: list[str], ledger: LedgerRecord
) -> None:
    signer = demonstration_key(1)
    manifest = Manifest(
        fairshard_manifest=2,
        delivery="big/v0001",
        as_of="2026-06-30T23:59:59.999999+00:00",
        deal=DealRecord(
            deal_id="big",
            buyer="x",
            purposes=[],
            territory=[],
            starts="2026-07-01",
            ends="2029-07-01",
            profile="image-text",
            terms_sha256=_HASH,
        ),
        models=ModelRecord(clip="", captioner="", demonstration=True, notice=""),
        shards=[
            ShardRecord(name=name, family="jpg", samples=1, bytes=1, sha256=_HASH) for name in names
        ],
        ledger=ledger,
        files=[FileRecord(path=path, bytes=1, sha256=_HASH) for path in sorted(files)],
        end=EndRecord(shards=len(names), samples=len(names), files=len(files), bytes=len(files)),
        run_id="x",
        vkey=signer.vkey,
        signature="",
    )
    (delivery / layout.MANIFEST).write_bytes(manifest_bytes(sign_manifest(manifest, signer)))


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder:
        ids = make_delivery(Path(folder), samples)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        store = open_store(folder)
        for what, assets, people in (
            ("one asset", [ids[samples // 3]], []),
            ("1,000 assets", ids[:: max(1, samples // 1_000)], []),
            ("one contributor", [], ["c-000007"]),
        ):
            began = time.perf_counter()
            found = locate(store, "big", "v0001", assets, people)
            took = time.perf_counter() - began
            shards = len({one.shard for one in found})
            print(f"{what}: {len(found):,} samples in {shards} shards, {took:.2f} s")
        key = demonstration_key(1)
        began = time.perf_counter()
        find_samples(store, Wanted(frozenset([ids[samples // 3]])), {key.vkey: key.secret})
        print(f"one asset and copies of its file: {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        check_ledgers(store, {key.vkey: key.secret})
        print(f"the ledger compared with its log: {time.perf_counter() - began:.2f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"memory: {peak / 2**20:.2f} GiB, {before / 2**20:.2f} GiB before")


if __name__ == "__main__":
    main()
