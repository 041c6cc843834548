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

from tests.faults.conftest import DEAL, ShardedLibrary
from tests.faults.faulty_s3 import ALL_FAULTS, FaultyProxy, S3Fault, Schedule, faulty_proxy
from tests.faults.outputs import Expected, check_ended, check_error_message, check_not_torn
from tests.faults.padded_library import SMALL_PARTS, keep_features, padded_library
from tests.faults.runs import CommandRun, RunStarter
from tests.faults.servers import Bucket, Server, direct_aws, new_bucket, strictest_server

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
RUNS = int(os.environ.get("FAIRSHARD_S3_RUNS", "20"))
QUIET = Schedule(0, rate=0.0)
# Waits are made short, not left out.
ATTRIBUTES = {
    **SMALL_PARTS,
    "pipelines.storage.s3_retry:with_retries.wait.multiplier": 0.01,
    "pipelines.storage.s3_retry:with_retries.wait.max": 0.05,
    "pipelines.storage.s3_store:SETTLE_S": 0.05,
}


@dataclass(frozen=True)
class S3RunSetup:
    """A server behind a proxy, and what is put into it."""

    library: ShardedLibrary
    runs: RunStarter
    server: Server
    proxy: FaultyProxy
    expected: Expected

    @property
    def faults(self) -> tuple[S3Fault, ...]:
        """What this server can be made to meet."""
        # Taking the range off a request breaks its signature; moto believes half a body.
        left_out = S3Fault.RANGE_IGNORED if self.server.strict else S3Fault.CUT_REQUEST
        return tuple(fault for fault in ALL_FAULTS if fault is not left_out)

    def bucket(self) -> Bucket:
        """A new bucket with the features, and the catalogue with its media."""
        found = new_bucket(self.server, self.proxy, self.library.features)
        found.fill(self.library.catalogue, "catalogue")
        return found

    def start(self, *arguments: object) -> CommandRun:
        """Starts a command that knows the proxy alone."""
        env = self.server.environment(self.proxy.endpoint)
        return self.runs.start(*arguments, env=env, attributes=ATTRIBUTES)

    def package(self, bucket: Bucket) -> CommandRun:
        """Packages the catalogue in the bucket into it."""
        catalogue = f"s3://{bucket.bucket}/catalogue"
        library = ShardedLibrary(
            Path("-"), self.library.deal, self.library.key, self.library.features
        )
        words = library.package(bucket.uri, "--workers", 1)
        words[words.index(Path("-"))] = catalogue
        return self.start(*words)


@pytest.fixture(scope="module")
def run_setup(
    library: ShardedLibrary, runs: RunStarter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3RunSetup]:
    """Larger pictures, so that shards are uploads of several parts, which end with a POST."""
    larger = padded_library(library, tmp_path_factory.mktemp("padded"))
    with (
        strictest_server() as server,
        direct_aws(server),
        faulty_proxy(server.endpoint, QUIET) as proxy,
    ):
        empty = Expected("", {}, {}, frozenset(), 0.0)
        run_setup = S3RunSetup(larger, runs, server, proxy, empty)
        larger.features.mkdir()
        bucket = run_setup.bucket()
        run = run_setup.package(bucket)
        assert run.wait() == 0, run.output_text()
        keep_features(bucket, larger.features)
        yield S3RunSetup(larger, runs, server, proxy, bucket.expected(DEAL))


def attempt(run_setup: S3RunSetup, schedule: Schedule, ended: Counter[str]) -> Bucket:
    """A run that meets faults, and, if it failed, one that meets none."""
    bucket = run_setup.bucket()
    run_setup.proxy.schedule = schedule
    try:
        run = run_setup.package(bucket)
        code = run.wait()
        run_setup.proxy.wait_idle()
    finally:
        run_setup.proxy.schedule = QUIET
    check_not_torn(bucket, run_setup.expected)
    if code:
        assert code == 1, (schedule, run.output_text())
        check_error_message(run.errors())
        ended["said so"] += 1
        run = run_setup.package(bucket)
        assert run.wait() == 0, run.output_text()
    else:
        ended["right"] += 1
    check_ended(bucket, run_setup.expected)
    return bucket


@pytest.mark.slow
def test_a_run_through_faults(run_setup: S3RunSetup) -> None:
    """Two faults at most in a row and six attempts: nothing is given up."""
    ended: Counter[str] = Counter()
    bucket = attempt(run_setup, Schedule(SEED, 0.1, run_setup.faults), ended)
    assert ended == {"right": 1}
    delivery = f"{bucket.uri}/{run_setup.expected.version}/delivery"
    run_setup.proxy.schedule = Schedule(SEED + 1, 0.1, run_setup.faults)
    run = run_setup.start("verify", delivery, "--quiet", "--json")
    assert run.wait() == 0, run.output_text()
    # A manifest that never comes whole is no manifest.
    run_setup.proxy.schedule = Schedule(0, 1.0, (S3Fault.CUT, S3Fault.SLOW_DOWN), in_a_row=10_000)
    run = run_setup.start("verify", delivery, "--quiet", "--json")
    assert run.wait() == 1 and "Traceback" not in run.errors(), run.output_text()
    run_setup.proxy.schedule = QUIET


@pytest.mark.slow
def test_runs_through_any_faults(run_setup: S3RunSetup) -> None:
    """From faults now and then to a service that mostly fails, each kind alone among them."""
    ended: Counter[str] = Counter()
    before = Counter(run_setup.proxy.fault_counts)
    for number in range(RUNS):
        seed, row = SEED + number, (2, 4, 8, 1_000)[number % 4]
        chosen = (
            run_setup.faults if number % 2 else (run_setup.faults[number % len(run_setup.faults)],)
        )
        attempt(run_setup, Schedule(seed, (0.05, 0.2, 0.4)[number % 3], chosen, row), ended)
    met = Counter(run_setup.proxy.fault_counts) - before
    print(f"seed {SEED}: {RUNS} runs {dict(ended)}; faults met:")
    for fault, times in met.most_common():
        print(f"  {times:6}  {fault}")
    assert ended["right"] and set(run_setup.faults) - set(met) == set()
