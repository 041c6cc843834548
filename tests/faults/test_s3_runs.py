"""Whole runs through an S3 that breaks: the very bytes, or exit code 1 and words; never a part.

FAIRSHARD_S3_RUNS and FAIRSHARD_KILL_SEED change how many runs the long test makes, and what they
meet.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import DEAL, Library
from tests.faults.faulty_s3 import ALL, Fault, Proxy, Schedule, faulty_proxy
from tests.faults.outputs import Expected, check_ended, check_not_torn, told
from tests.faults.padded import PARTS, keep_features, padded_library
from tests.faults.runs import Run, Starter
from tests.faults.servers import Bucket, Server, new_bucket, plain_aws, strictest

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
RUNS = int(os.environ.get("FAIRSHARD_S3_RUNS", "20"))
QUIET = Schedule(0, rate=0.0)
# Waits are made short, not left out.
ATTRIBUTES = {
    **PARTS,
    "pipelines.storage.s3_retry:_FIRST_WAIT_S": 0.005,
    "pipelines.storage.s3_retry:_LONGEST_WAIT_S": 0.05,
    "pipelines.storage.s3_store:SETTLE_S": 0.05,
}


@dataclass(frozen=True)
class Ground:
    """A server behind a proxy, and what is put into it."""

    library: Library
    runs: Starter
    server: Server
    proxy: Proxy
    expected: Expected

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What this server can be made to meet."""
        # Taking the range off a request breaks its signature; moto believes half a body.
        left_out = Fault.RANGE_IGNORED if self.server.strict else Fault.CUT_REQUEST
        return tuple(fault for fault in ALL if fault is not left_out)

    def bucket(self) -> Bucket:
        """A new bucket with the features, and the catalogue with its media."""
        found = new_bucket(self.server, self.proxy, self.library.features)
        found.fill(self.library.catalogue, "catalogue")
        return found

    def start(self, *arguments: object) -> Run:
        """Starts a command that knows the proxy alone."""
        env = self.server.environment(self.proxy.endpoint)
        return self.runs.start(*arguments, env=env, attributes=ATTRIBUTES)

    def package(self, bucket: Bucket) -> Run:
        """Packages the catalogue in the bucket into it."""
        catalogue = f"s3://{bucket.bucket}/catalogue"
        library = Library(Path("-"), self.library.deal, self.library.key, self.library.features)
        words = library.package(bucket.uri, "--workers", 1)
        words[words.index(Path("-"))] = catalogue
        return self.start(*words)


@pytest.fixture(scope="module")
def ground(
    library: Library, runs: Starter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """Larger pictures, so that shards are uploads of several parts, which end with a POST."""
    larger = padded_library(library, tmp_path_factory.mktemp("padded"))
    with strictest() as server, plain_aws(server), faulty_proxy(server.endpoint, QUIET) as proxy:
        empty = Expected("", {}, {}, frozenset(), 0.0)
        ground = Ground(larger, runs, server, proxy, empty)
        larger.features.mkdir()
        bucket = ground.bucket()
        run = ground.package(bucket)
        assert run.wait() == 0, run.said()
        keep_features(bucket, larger.features)
        yield Ground(larger, runs, server, proxy, bucket.expected(DEAL))


def attempt(ground: Ground, schedule: Schedule, ended: Counter[str]) -> Bucket:
    """A run that meets faults, and, if it failed, one that meets none."""
    bucket = ground.bucket()
    ground.proxy.schedule = schedule
    try:
        run = ground.package(bucket)
        code = run.wait()
        ground.proxy.rest()
    finally:
        ground.proxy.schedule = QUIET
    check_not_torn(bucket, ground.expected)
    if code:
        assert code == 1, (schedule, run.said())
        told(run.errors())
        ended["said so"] += 1
        run = ground.package(bucket)
        assert run.wait() == 0, run.said()
    else:
        ended["right"] += 1
    check_ended(bucket, ground.expected)
    return bucket


@pytest.mark.slow
def test_a_run_through_faults(ground: Ground) -> None:
    """Two faults at most in a row and six attempts: nothing is given up."""
    ended: Counter[str] = Counter()
    bucket = attempt(ground, Schedule(SEED, 0.1, ground.faults), ended)
    assert ended == {"right": 1}
    delivery = f"{bucket.uri}/{ground.expected.version}/delivery"
    ground.proxy.schedule = Schedule(SEED + 1, 0.1, ground.faults)
    run = ground.start("verify", delivery, "--quiet", "--json")
    assert run.wait() == 0, run.said()
    # A manifest that never comes whole is no manifest.
    ground.proxy.schedule = Schedule(0, 1.0, (Fault.CUT, Fault.SLOW_DOWN), in_a_row=10_000)
    run = ground.start("verify", delivery, "--quiet", "--json")
    assert run.wait() == 1 and "Traceback" not in run.errors(), run.said()
    ground.proxy.schedule = QUIET


@pytest.mark.slow
def test_runs_through_any_faults(ground: Ground) -> None:
    """From faults now and then to a service that mostly fails, each kind alone among them."""
    ended: Counter[str] = Counter()
    before = Counter(ground.proxy.done)
    for number in range(RUNS):
        seed, row = SEED + number, (2, 4, 8, 1_000)[number % 4]
        chosen = ground.faults if number % 2 else (ground.faults[number % len(ground.faults)],)
        attempt(ground, Schedule(seed, (0.05, 0.2, 0.4)[number % 3], chosen, row), ended)
    met = Counter(ground.proxy.done) - before
    print(f"seed {SEED}: {RUNS} runs {dict(ended)}; faults met:")
    for fault, times in met.most_common():
        print(f"  {times:6}  {fault}")
    assert ended["right"] and set(ground.faults) - set(met) == set()
