"""How long it takes to find one asset, and one contributor's assets, in a large delivery.

`python -m tests.bench.locate --samples 1000000`: the delivery is that of tests.bench.removal, but
without tars, which finding does not read, and in shards of 10,000 samples.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from pipelines.accounts.published import find_versions
from pipelines.removal.locate import locate
from pipelines.removal.search import Wanted, check_ledgers, find_samples
from tests.bench.full_ledger import FewStatements
from tests.bench.large_delivery import DEAL, KEY, VERSION, asset_name, make_delivery

_SHARD_SAMPLES = 10_000


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder:
        store = FewStatements(folder)
        key = Path(folder) / "agency/signing.key"
        make_delivery(store, samples, _SHARD_SAMPLES, key=key, with_tars=False)
        ids = [asset_name(number) for number in range(samples)]
        (published,) = find_versions(store, DEAL, VERSION)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for what, assets, people in (
            ("one asset", [ids[samples // 3]], []),
            ("1,000 assets", ids[:: max(1, samples // 1_000)], []),
            ("one contributor", [], ["c-000007"]),
        ):
            began = time.perf_counter()
            found = locate(store, published, assets, people)
            took = time.perf_counter() - began
            shards = len({one.shard for one in found})
            print(f"{what}: {len(found):,} samples in {shards} shards, {took:.2f} s")
        secrets = {KEY.vkey: KEY.secret}
        began = time.perf_counter()
        find_samples(store, Wanted(frozenset([ids[samples // 3]])), secrets)
        print(f"one asset and copies of its file: {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        check_ledgers(store, secrets)
        print(f"the ledger compared with its log: {time.perf_counter() - began:.2f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"memory: {peak / 2**20:.2f} GiB, {before / 2**20:.2f} GiB before")


if __name__ == "__main__":
    main()
