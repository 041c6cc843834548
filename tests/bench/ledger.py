"""Measures the cost of a delivery's ledger: `python -m tests.bench.ledger 100000 300000`.

For each size, a separate process makes the tables that shards leave for the ledger, measures its
memory, records the attribution and measures its memory again. Shards have 4,000 assets; one asset
in eight has two contributors; two of five assets are the largest contributor's, and the others are
spread evenly.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow as pa

from pipelines.delivery.sample import sample_key
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.signed_note import Signer
from pipelines.run.job import Job
from pipelines.steps.attribute import record_attribution
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import write_table
from schemas.sample import DELIVERED_ASSETS_SCHEMA

DEAL = "acme-2026-01"
SALT = deal_salt(b"a secret of the agency, 32 bytes", DEAL)
_ASSETS_PER_SHARD = 4_000
_PEOPLE_PER_ASSET = 0.01


def ledger_job(allocation: str = "weighted", pool_minor: int = 10_000_000) -> Job:
    """Returns a job with everything that the ledger needs."""
    price = SimpleNamespace(
        pool_minor=pool_minor,
        currency="USD",
        allocation=allocation,
        agency_share=Decimal("0.40"),
        other_currencies="refuse",
    )
    job = SimpleNamespace(
        deal=SimpleNamespace(deal_id=DEAL, price=price),
        version="v0001",
        terms_sha256=_digest("terms"),
        salt=SALT,
        work="agency/work/x",
        agency=f"{DEAL}/v0001/agency",
        delivery=f"{DEAL}/v0001/delivery",
        pool="price",
        replaces="",
    )
    return cast(Job, job)


def make_tables(store: Store, job: Job, assets: int) -> list[str]:
    """Writes the shards' tables to the work area and returns the shards' names."""
    names: list[str] = []
    for start in range(0, assets, _ASSETS_PER_SHARD):
        name = f"{DEAL}-jpg-{len(names):05d}"
        count = range(start, min(assets, start + _ASSETS_PER_SHARD))
        rows = sorted(_rows(count, assets, name), key=lambda row: str(row["key"]))
        table = pa.Table.from_pylist(rows, schema=DELIVERED_ASSETS_SCHEMA)
        write_table(store, f"{job.work}/delivered/{name}.parquet", table)
        names.append(name)
    return names


def _rows(numbers: range, assets: int, shard: str) -> Iterator[dict[str, object]]:
    rng = random.Random(numbers.start)
    others = max(2, int(assets * _PEOPLE_PER_ASSET))
    for number in numbers:
        first = 0 if rng.random() < 0.4 else rng.randrange(1, others)
        shared = rng.random() < 1 / 8
        asset_id = f"asset-{number:09d}"
        yield {
            "asset_id": asset_id,
            "contributor_ids": [f"c-{first:06d}", *([f"c-{others:06d}"] if shared else [])],
            "shares_bp": [6_000, 4_000] if shared else [10_000],
            "weight": rng.randint(0, 50),
            "samples": 1,
            "shard": shard,
            "key": sample_key(asset_commitment(SALT, asset_id)),
            "media_sha256": _digest(f"media {number}"),
            "decision_sha256": _digest(f"decision {number}"),
            "overrides": "",
        }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _measure(assets: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        store, job = open_store(folder), ledger_job()
        names = make_tables(store, job, assets)
        signer = Signer(DEAL, bytes(32))
        before, clock, used = _peak_kib(), time.perf_counter(), time.process_time()
        attribution = record_attribution(store, job, signer, names)
        used, clock = time.process_time() - used, time.perf_counter() - clock
        grown = _peak_kib() - before
        digest = hashlib.sha256()
        for item in store.list(DEAL):
            if item.key.endswith(".parquet"):
                continue  # the same rows may be in other row groups
            data = store.read_bytes(item.key)
            digest.update(f"{item.key} {hashlib.sha256(data).hexdigest()}\n".encode())
        print(
            json.dumps(
                {
                    "assets": assets,
                    "entries": attribution.entries,
                    "peak_mib_before": before >> 10,
                    "peak_mib_grown": grown >> 10,
                    "processor_us_per_asset": round(1e6 * used / assets, 1),
                    "clock_us_per_asset": round(1e6 * clock / assets, 1),
                    "files_sha256": digest.hexdigest(),
                }
            ),
            flush=True,
        )


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=int, nargs="+")
    parser.add_argument("--here", action="store_true", help="measure in this process")
    options = parser.parse_args()
    for assets in options.assets:
        if options.here:
            _measure(assets)
        else:
            command = [sys.executable, "-m", "tests.bench.ledger", "--here", str(assets)]
            subprocess.run([*command], check=True, cwd=Path(__file__).parents[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
