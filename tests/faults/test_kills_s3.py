"""Runs that write to a bucket and are killed at any request or moment leave no torn delivery.

The server is OpenStack Swift if it is ready, else moto; runs reach it through a proxy that
kills the run at a chosen request: before it, in the middle of it, or before its answer.
FAIRSHARD_S3_KILLS and FAIRSHARD_KILL_SEED change how many kills the long test tries, and which.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.faults.conftest import DEAL, ShardedLibrary
from tests.faults.faulty_s3 import FaultyProxy, S3Fault, Schedule, faulty_proxy
from tests.faults.kills import (
    AfterDelay,
    KillChain,
    KillMoment,
    Launch,
    Tally,
    chain_lengths,
    launcher,
)
from tests.faults.outputs import Expected, RunOutput
from tests.faults.padded_library import SMALL_PARTS, keep_features, padded_library
from tests.faults.runs import CommandRun, RunStarter
from tests.faults.servers import Bucket, Server, direct_aws, new_bucket, strictest_server

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("FAIRSHARD_S3_KILLS", "60"))
# Claims need not wait as long as for a slow service.
ATTRIBUTES = {**SMALL_PARTS, "pipelines.storage.s3_store:SETTLE_S": 0.05}
_COMMIT = re.compile(r"/agency/work/[^/]+/shards/")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with strictest_server() as found, direct_aws(found):
        yield found


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.endpoint, Schedule(0, rate=0.0)) as running:
        yield running


@dataclass(frozen=True)
class S3KillSetup:
    """Everything that a chain of kills in a bucket needs."""

    library: ShardedLibrary
    runs: RunStarter
    server: Server
    proxy: FaultyProxy
    expected: Expected
    requests: int

    def bucket(self) -> Bucket:
        """Creates a bucket with the features."""
        return new_bucket(self.server, self.proxy, self.library.features)

    def launch(self, output: RunOutput) -> Launch:
        """Returns a function that starts the command."""
        env = self.server.environment(self.proxy.endpoint)
        arguments = self.library.package(output.uri, "--workers", 1)
        return launcher(self.runs, arguments, env, ATTRIBUTES)


@pytest.fixture(scope="module")
def kill_setup(
    library: ShardedLibrary,
    runs: RunStarter,
    server: Server,
    proxy: FaultyProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> S3KillSetup:
    """Yields a setup with larger pictures, so that shards are uploaded in several parts."""
    larger = padded_library(library, tmp_path_factory.mktemp("padded"))
    cold = S3KillSetup(larger, runs, server, proxy, Expected("", {}, {}, frozenset(), 0.0), 0)
    first = new_bucket(server, proxy, None)
    run = cold.launch(first)({})
    assert run.wait() == 0, run.output_text()
    keep_features(first, larger.features)
    output = cold.bucket()
    proxy.calls.clear()
    begun = time.monotonic()
    run = cold.launch(output)({})
    assert run.wait() == 0, run.output_text()
    took = time.monotonic() - begun
    assert any("partNumber=2" in path for _, path in proxy.calls), "no upload has two parts"
    return S3KillSetup(larger, runs, server, proxy, output.expected(DEAL, took), len(proxy.calls))


@dataclass
class KillAtRequest:
    """A request: the n-th one, or the first of a kind.

    Attributes:
        proxy: The proxy that sees the requests.
        wanted: Whether a request counts, given its method and path.
        nth: The number of the request among those that count, from 1.
        fault: How much of the request reaches the server: none, half or all.
    """

    proxy: FaultyProxy
    wanted: Callable[[str, str], bool]
    nth: int
    fault: S3Fault
    kind: str = "request"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`."""
        seen, killed = 0, False

        def override(method: str, path: str) -> S3Fault | None:
            nonlocal seen, killed
            if killed:
                return S3Fault.HANG_UP  # any other request in flight
            seen += self.wanted(method, path)
            if seen < self.nth:
                return None
            killed = True
            run.strike()
            return self.fault

        self.proxy.override = override
        try:
            code = run.wait()
            self.proxy.wait_idle()
        finally:
            self.proxy.override = None
        return code < 0


def kinds(manifest: str) -> dict[str, Callable[[str, str], bool]]:
    """Returns the kinds of request at which a run is always killed once."""
    return {
        "a claim": lambda method, path: method == "PUT" and "/agency/claims/" in path,
        "a part": lambda method, path: "partNumber=" in path,
        "an upload is started": lambda method, path: path.endswith("?uploads"),
        "an upload is completed": lambda method, path: method == "POST" and "uploadId=" in path,
        "a small shard": lambda method, path: method == "PUT" and path.endswith(".tar"),
        "a commit": lambda method, path: (
            method == "PUT" and "/shards/" in path and "/work/" in path
        ),
        "the ledger": lambda method, path: method == "PUT" and "/agency/ledger/" in path,
        "the checkpoint": lambda method, path: method == "PUT" and path.endswith("/checkpoint"),
        "a shard is read again": lambda method, path: method == "GET" and path.endswith(".tar"),
        "the manifest": lambda method, path: method == "PUT" and path.endswith(manifest),
        "a table is copied": lambda method, path: (
            method == "PUT" and "/agency/decisions/" in path and "/work/" not in path
        ),
        # Several objects in one request, whose path has none of their names.
        "objects are deleted": lambda method, path: method == "POST" and "?delete" in path,
        "the claim is deleted": lambda method, path: (
            method == "DELETE" and "/agency/claims/" in path
        ),
    }


def random_cut(chance: random.Random, server: Server) -> S3Fault:
    ways = [S3Fault.HANG_UP, S3Fault.HANG_UP_AFTER]
    # moto accepts half a body as complete, which no real S3 does.
    return chance.choice([*ways, S3Fault.CUT_REQUEST] if server.strict else ways)


@pytest.mark.slow
def test_few_kills_at_requests(kill_setup: S3KillSetup) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    wanted = kinds(kill_setup.expected.manifest)
    for names in (
        ("a claim", "an upload is completed", "the manifest"),
        ("a part", "the ledger"),
        ("a table is copied", "objects are deleted"),
    ):
        output = kill_setup.bucket()
        moments: list[KillMoment] = [
            KillAtRequest(kill_setup.proxy, wanted[name], 1, random_cut(chance, kill_setup.server))
            for name in names
        ]
        KillChain(output, kill_setup.expected, kill_setup.launch(output), 1, tally).go(moments)
    print(tally.table("kills in a bucket, fast"))
    assert tally.kills >= 6, tally


@pytest.mark.slow
def test_kills_at_random_requests(kill_setup: S3KillSetup) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    wanted = list(kinds(kill_setup.expected.manifest).values())
    number = 0
    while tally.kills < KILLS:
        for length in chain_lengths(chance, KILLS - tally.kills):
            number += 1
            output = kill_setup.bucket()
            moments: list[KillMoment] = []
            if number % 3 == 0:
                took = kill_setup.expected.took_s
                moments += [AfterDelay(chance.uniform(0, took)) for _ in range(length)]
            elif number % 3 == 1:
                for at in sorted(chance.sample(range(len(wanted)), length)):
                    fault = random_cut(chance, kill_setup.server)
                    moments.append(KillAtRequest(kill_setup.proxy, wanted[at], 1, fault))
            else:
                for _ in range(length):
                    nth, fault = (
                        chance.randint(1, kill_setup.requests),
                        random_cut(chance, kill_setup.server),
                    )
                    moments.append(KillAtRequest(kill_setup.proxy, lambda *_: True, nth, fault))
            KillChain(output, kill_setup.expected, kill_setup.launch(output), 1, tally).go(moments)
    print(tally.table(f"kills in a bucket ({'Swift' if kill_setup.server.strict else 'moto'})"))
    assert tally.most_redone <= 1, tally
