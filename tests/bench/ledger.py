"""Measures the cost of a delivery's ledger: `python -m tests.bench.ledger 100000 300000`.

For each size, a separate process makes the tables that shards leave for the ledger, measures its
memory, records the attribution and measures its memory again. Shards have 4,000 assets; one asset
in eight has two contributors; two of five assets are the largest contributor's, and the others are
spread evenly. Then the delivery is recorded in the agency's log, and proofs are made: of entries in
the delivery's log, and of assets that are and are not in the delivery and in all deliveries.

`tree_of_bare_loop` is the speed of building the tree and the tiles of as many leaves, up to ten
million, as a share of the speed of a loop that only hashes as many nodes of 65 bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.books import Books
from pipelines.accounts.delivered_sets import read_sets, write_sets
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import open_log
from pipelines.accounts.proofs import Question, prove
from pipelines.delivery.sample import sample_key
from pipelines.ledger.agency_check import check_proof_file
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.fast_tree import hashes_tree, tiles_of
from pipelines.ledger.merkle import HASH_BYTES, leaf_hash
from pipelines.ledger.record import AllSets, Kind
from pipelines.ledger.set_tree import check_set_proof, sort_rows
from pipelines.ledger.signed_note import FileKey
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.run.job import Job
from pipelines.steps.attribute import Attribution, record_attribution
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import write_table
from schemas.deal_terms import WithdrawalTerms
from schemas.money import format_amount
from schemas.price_terms import PriceTerms
from schemas.sample import DELIVERED_ASSETS_SCHEMA

DEAL = "acme-2026-01"
SALT = deal_salt(b"a secret of the agency, 32 bytes", DEAL)
_ASSETS_PER_SHARD = 4_000
_PEOPLE_PER_ASSET = 0.01
_PROOFS = 200
_IN_LOG = f"{DEAL}/v0001/delivery/"


def ledger_job(allocation: str = "weighted", pool_minor: int = 10_000_000, **rules: object) -> Job:
    """Returns a job with everything that the ledger needs."""
    price = {"currency": "USD", "pool": format_amount(pool_minor, "USD"), "allocation": allocation}
    if allocation == "two_factor":
        rules = {"two_factor": {"proportional": "0.25"}} | rules
    job = SimpleNamespace(
        deal=SimpleNamespace(
            deal_id=DEAL,
            price=PriceTerms.model_validate(price | rules),
            withdrawal=WithdrawalTerms(),
        ),
        as_of=datetime(2026, 6, 30, tzinfo=UTC),
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
        columns = _columns(count, assets, name)
        table = pa.table(columns, schema=DELIVERED_ASSETS_SCHEMA).sort_by("key")
        write_table(store, f"{job.work}/delivered/{name}.parquet", table)
        names.append(name)
    return names


def _columns(numbers: range, assets: int, shard: str) -> dict[str, list[object]]:
    rng = random.Random(numbers.start)
    others = max(2, int(assets * _PEOPLE_PER_ASSET))
    found: dict[str, list[object]] = {name: [] for name in DELIVERED_ASSETS_SCHEMA.names}
    for number in numbers:
        first = 0 if rng.random() < 0.4 else rng.randrange(1, others)
        shared = rng.random() < 1 / 8
        asset_id = f"asset-{number:09d}"
        people = [f"c-{first:06d}", *([f"c-{others:06d}"] if shared else [])]
        row: dict[str, object] = {
            "asset_id": asset_id,
            "contributor_ids": people,
            "shares_bp": [6_000, 4_000] if shared else [10_000],
            "weight": rng.randint(0, 50),
            "media_type": "image",
            "samples": 1,
            "shard": shard,
            "key": sample_key(asset_commitment(SALT, asset_id)),
            "media_sha256": _digest(f"media {number}"),
            "decision_sha256": _digest(f"decision {number}"),
            "overrides": "",
        }
        for name, column in found.items():
            column.append(row[name])
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _measure(assets: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        _, found = measure_writing(open_store(folder), assets)
        print(json.dumps(found), flush=True)


def measure_writing(store: Store, assets: int) -> tuple[Attribution, dict[str, object]]:
    """Writes ledger, log and record of a delivery, makes proofs, and measures all that."""
    job, signer = ledger_job(), FileKey(DEAL, bytes(32))
    names = make_tables(store, job, assets)
    before, clock, used = _peak_kib(), time.perf_counter(), time.process_time()
    attribution = record_attribution(store, job, signer, names)
    used, clock = time.process_time() - used, time.perf_counter() - clock
    grown = _peak_kib() - before
    store.delete_prefix(job.work)
    digest = hashlib.sha256()
    for item in store.list(DEAL):
        if item.key.endswith(".parquet"):
            continue  # the same rows may be in other row groups
        data = store.read_bytes(item.key)
        digest.update(f"{item.key} {hashlib.sha256(data).hexdigest()}\n".encode())
    recorded = _measure_log(store, attribution.root, attribution.entries, assets)
    return attribution, {
        "assets": assets,
        "entries": attribution.entries,
        "contributors": attribution.contributors,
        "peak_mib_before": before >> 10,
        "peak_mib_grown": grown >> 10,
        "processor_us_per_asset": round(1e6 * used / assets, 1),
        "clock_us_per_asset": round(1e6 * clock / assets, 1),
        "files_sha256": digest.hexdigest(),
        **recorded,
        "peak_mib": _peak_kib() >> 10,
    }


def _measure_log(store: Store, root: bytes, entries: int, assets: int) -> dict[str, float]:
    """Records the delivery and makes proofs; times are in seconds of processor time, or in ms."""
    log = open_log(store, LogKey(FileKey(DEAL, bytes(32)), SALT))
    used = time.process_time()

    def make(index: int, sets: AllSets) -> NewRecord:
        own = read_sets(store, f"{DEAL}/v0001/agency/ledger/ledger-00000.parquet", log.salt)
        named, following = write_sets(log.books, *own, sets)
        public = {"delivery": f"{DEAL}/v0001", "manifest_sha256": _digest("manifest")}
        return NewRecord({**public, **named}, {}, following)

    append_record(log, Kind.DELIVERY, ("delivery", "bench"), "2026-06-30", make)
    used = time.process_time() - used
    rng, sizes = random.Random(1), list[int]()
    entry_times, set_times = list[tuple[float, float]](), list[tuple[float, float]]()
    for _ in range(_PROOFS):
        index, clocks = rng.randrange(entries), (time.process_time(), time.perf_counter())
        published = PublishedLog(entries, root, lambda path: store.read_bytes(_IN_LOG + path))
        published.check(leaf_hash(published.leaf(index)), index)
        entry_times.append(_since(clocks))
        number = rng.randrange(2 * assets)  # every other one is not there
        delivery = rng.choice((f"{DEAL}/v0001", ""))
        clocks = time.process_time(), time.perf_counter()
        data = prove(log, Question("asset", f"asset-{number:09d}", delivery))
        set_times.append(_since(clocks))
        sizes.append(len(data))
        assert check_proof_file(data, [log.vkey]).included is (number < assets)
    return {
        "record_processor_s": round(used, 1),
        **_summary("entry_proof", entry_times),
        **_summary("set_proof", set_times),
        "proof_bytes_most": max(sizes),
        "tree_of_bare_loop": round(_tree_ratio(min(entries, 10_000_000)), 2),
    }


def _since(clocks: tuple[float, float]) -> tuple[float, float]:
    """Returns the milliseconds of processor time and of elapsed time since these readings."""
    used, elapsed = time.process_time() - clocks[0], time.perf_counter() - clocks[1]
    return 1e3 * used, 1e3 * elapsed


def _summary(name: str, times: list[tuple[float, float]]) -> dict[str, float]:
    used, elapsed = zip(*times, strict=True)
    return {
        f"{name}_processor_ms_most": round(max(used), 1),
        f"{name}_clock_ms_median": round(statistics.median(elapsed), 1),
        f"{name}_clock_ms_most": round(max(elapsed), 1),
    }


def _measure_sets(members: int) -> None:
    """Measures one set of random commitments: sorted, rooted, written, and asked about."""
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        books = Books(open_store(folder))
        data = np.random.default_rng(3).integers(0, 256, (members, HASH_BYTES), dtype=np.uint8)
        used = time.process_time()
        rows = sort_rows(data)
        del data
        root = books.write_set(rows)
        used = time.process_time() - used
        rng, times = random.Random(1), list[tuple[float, float]]()
        for number in range(_PROOFS):
            member = rows[rng.randrange(members)].tobytes()
            value = rng.randbytes(HASH_BYTES) if number % 2 else member
            clocks = time.process_time(), time.perf_counter()
            proof = books.open_set(root, members).prove(value)
            times.append(_since(clocks))
            found = check_set_proof(proof, value, members, bytes.fromhex(root))
            assert found is (value == member)
        result = {"members": members, "sorted_and_rooted_processor_s": round(used, 1)}
        print(json.dumps(result | _summary("proof", times) | {"peak_mib": _peak_kib() >> 10}))


def _tree_ratio(leaves: int) -> float:
    """Returns the speed of building a tree, as a share of that of a loop of bare hashes."""
    data, sha = np.random.default_rng(2).bytes(HASH_BYTES * leaves), hashlib.sha256
    node = b"\x01" + data[: 2 * HASH_BYTES]
    ratios = []
    for _ in range(3):
        clock = time.process_time()
        for _ in range(leaves - 1):
            sha(node).digest()
        bare = time.process_time() - clock
        clock = time.process_time()
        _, levels = hashes_tree(data)
        for _ in tiles_of(data, levels):
            pass
        ratios.append(bare / (time.process_time() - clock))
    return statistics.median(ratios)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=int, nargs="+")
    parser.add_argument("--here", action="store_true", help="measure in this process")
    parser.add_argument("--sets", action="store_true", help="measure sets of so many members only")
    options = parser.parse_args()
    for assets in options.assets:
        if options.here:
            (_measure_sets if options.sets else _measure)(assets)
        else:
            more = ["--sets"] if options.sets else []
            command = [sys.executable, "-m", "tests.bench.ledger", "--here", *more, str(assets)]
            subprocess.run([*command], check=True, cwd=Path(__file__).parents[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
