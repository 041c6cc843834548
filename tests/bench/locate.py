"""How long it takes to find what a removal is about in a large delivery, copies included.

`python -m tests.bench.locate --samples 1000000`: the delivery is that of tests.bench.removal, in
shards of 250 samples, but without tars, which finding does not read. Each search is made three
times, as `revoke` makes it: manifest and signature, ledger, table of samples.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.removal.search import Wanted, check_ledgers, check_samples, find_samples
from tests.bench.full_ledger import FewStatements
from tests.bench.large_delivery import KEY, asset_name, make_delivery

_ROUNDS = 3


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--shard-samples", type=int, default=250)
    options = parser.parse_args()
    samples = options.samples
    with tempfile.TemporaryDirectory() as folder:
        store = FewStatements(folder)
        key = Path(folder) / "agency/signing.key"
        make_delivery(store, samples, options.shard_samples, key=key, with_tars=False)
        ids = [asset_name(number) for number in range(samples)]
        secrets = {KEY.vkey: KEY.secret}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for what, wanted in (
            ("one asset", Wanted(frozenset([ids[samples // 3]]))),
            ("1,000 assets", Wanted(frozenset(ids[:: max(1, samples // 1_000)]))),
            ("one contributor", Wanted(contributors=frozenset(["c-000007"]))),
        ):
            took = []
            for _ in range(_ROUNDS):
                began, used = time.perf_counter(), time.process_time()
                (found,) = find_samples(store, wanted, secrets)
                took.append((time.perf_counter() - began, time.process_time() - used))
            shards = len({one.shard for one in found.samples})
            said = ", ".join(f"{elapsed:.2f} s ({used:.2f} s)" for elapsed, used in took)
            print(f"{what}: {len(found.samples):,} samples in {shards} shards, {said}")
        checks: dict[str, Callable[[], None]] = {
            "ledger": lambda: check_ledgers(store, secrets),
            "table of samples": lambda: check_samples(store),
        }
        for name, check in checks.items():
            began = time.perf_counter()
            check()
            print(f"comparing the {name} with what was signed: {time.perf_counter() - began:.2f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"memory: {peak / 2**20:.2f} GiB, {before / 2**20:.2f} GiB before")


if __name__ == "__main__":
    main()
