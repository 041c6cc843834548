"""Complete runs on a faulty S3: exact bytes, or exit code 1 with a message; never a part.

FAIRSHARD_S3_RUNS and FAIRSHARD_KILL_SEED change how many runs the long test makes, and the faults.
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
# Waits are shortened, not removed.
ATTRIBUTES = {
    **SMALL_PARTS,
    "pipelines.storage.s3_retry:with_retries.wait.multiplier": 0.01,
    "pipelines.storage.s3_retry:with_retries.wait.max": 0.05,
    "pipelines.storage.s3_store:SETTLE_S": 0.05,
}


@dataclass(frozen=True)
class S3RunSetup:
    """A server behind a proxy, and what is stored on it."""

    library: ShardedLibrary
    runs: RunStarter
    server: Server
    proxy: FaultyProxy
    expected: Expected

    @property
    def faults(self) -> tuple[S3Fault, ...]:
        """The faults that can be tried with this server."""
        # Removing the range from a request breaks its signature; moto accepts half a body.
        left_out = S3Fault.RANGE_IGNORED if self.server.strict else S3Fault.CUT_REQUEST
        return tuple(fault for fault in ALL_FAULTS if fault is not left_out)

    def bucket(self) -> Bucket:
        """Creates a bucket with the features, the catalogue and its media."""
        found = new_bucket(self.server, self.proxy, self.library.features)
        found.fill(self.library.catalogue, "catalogue")
        return found

    def start(self, *arguments: object) -> CommandRun:
        """Starts a command that knows only the proxy's address."""
        env = self.server.environment(self.proxy.endpoint)
        return self.runs.start(*arguments, env=env, attributes=ATTRIBUTES)

    def package(self, bucket: Bucket) -> CommandRun:
        """Starts a run that packages the bucket's catalogue into the same bucket."""
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
    """Yields a setup with larger pictures, so that shards are uploaded in several parts."""
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
    """Runs with faults and, if that fails, runs again without them; returns the bucket."""
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
def test_run_survives_occasional_faults(run_setup: S3RunSetup) -> None:
    """At most two faults in a row and six attempts, so the run succeeds."""
    ended: Counter[str] = Counter()
    bucket = attempt(run_setup, Schedule(SEED, 0.1, run_setup.faults), ended)
    assert ended == {"right": 1}
    delivery = f"{bucket.uri}/{run_setup.expected.version}/delivery"
    run_setup.proxy.schedule = Schedule(SEED + 1, 0.1, run_setup.faults)
    run = run_setup.start("verify", delivery, "--quiet", "--json")
    assert run.wait() == 0, run.output_text()
    # A manifest that is always truncated is never accepted.
    run_setup.proxy.schedule = Schedule(0, 1.0, (S3Fault.CUT, S3Fault.SLOW_DOWN), in_a_row=10_000)
    run = run_setup.start("verify", delivery, "--quiet", "--json")
    assert run.wait() == 1 and "Traceback" not in run.errors(), run.output_text()
    run_setup.proxy.schedule = QUIET


@pytest.mark.slow
def test_runs_are_exact_or_fail_under_any_faults(run_setup: S3RunSetup) -> None:
    """From occasional faults to a service that mostly fails, including each kind alone."""
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
    assert ended["right"]
    if len(run_setup.faults) <= RUNS:  # with fewer, rare requests may not meet every kind
        assert set(run_setup.faults) - set(met) == set()
