"""Packages a cached library into a folder and into Swift: `python -m tests.bench.swift`.

It measures how much longer a run takes if its output is a bucket instead of a folder, and which
requests it sends. The library is that of `tests.bench.scale`: its features are already in both
outputs, as after an earlier deal, so that neither decoders nor models run. Swift runs on this
machine (`make swift-env` installs it) and shares its cores with the run, so its processor time is
stated separately: a bucket elsewhere costs this machine only the run's.

The two sides alternate, round by round, and the ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.format.manifest import open_manifest
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.run.signing_key import load_or_create_key
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import DEFAULT_S3, s3_client
from pipelines.storage.s3_requests import REQUESTS, report_requests, take_request_counts
from pipelines.storage.store import Store
from schemas import layout
from tests.bench.scale import run_reporting
from tests.bench.scale_library import AS_OF, DEAL, make_tables, planted_counts
from tests.bench.scale_media import make_media
from tests.bench.scale_watch import ProcessWatch, StepCost, process_tree, processor_s
from tests.faults.servers import started_swift

_BUCKET = "bench"
_POLL_S = 0.1
_UPLOADS = 8  # at once, while the library is made
_SIDES = ("folder", "swift")


@dataclass(frozen=True)
class SideCost:
    """The cost of one run.

    Attributes:
        clock_s: Elapsed time.
        processor_s: Processor time of the run's processes.
        server_s: Processor time of Swift's processes meanwhile.
        requests: Number of requests of each kind.
        steps: The cost of each step.
    """

    clock_s: float
    processor_s: float
    server_s: float
    requests: Counter[str]
    steps: dict[str, StepCost]


def _run(request: JobRequest) -> None:
    run_reporting(request)
    report_requests(request.progress_path)


def run_side(request: JobRequest, server: int) -> SideCost:
    """Packages in a process of its own, as the command does.

    Args:
        request: The run.
        server: Process id of Swift's start script.

    Raises:
        RuntimeError: If the run fails.
    """
    Path(request.progress_path).write_bytes(b"")
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(request,))
    server_before, before = _server_s(server), resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    process.start()
    watch = ProcessWatch(process.pid or 0, Path(request.progress_path))
    while process.is_alive():
        watch.poll(time.monotonic() - started)
        process.join(_POLL_S)
    clock = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.exitcode != 0:
        raise RuntimeError(f"the run failed, exit code {process.exitcode}")
    taken = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    requests: Counter[str] = Counter()
    for line in Path(request.progress_path).read_bytes().splitlines():
        step, done, _ = json.loads(line)
        if step.startswith(REQUESTS):
            requests[step.removeprefix(REQUESTS)] += done
    return SideCost(clock, taken, _server_s(server) - server_before, requests, watch.steps)


def _server_s(server: int) -> float:
    return sum(map(processor_s, process_tree(server)[1:]))


@contextmanager
def swift_environment() -> Iterator[int]:
    """Starts Swift and lets boto3 find it; yields the process id of its start script."""
    with started_swift("--no-install") as settings:
        names = {
            "AWS_ACCESS_KEY_ID": settings["access_key"],
            "AWS_SECRET_ACCESS_KEY": settings["secret_key"],
            "AWS_DEFAULT_REGION": settings["region"],
            "AWS_ENDPOINT_URL": settings["endpoint"],
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        os.environ.update(names)
        s3_client(DEFAULT_S3).create_bucket(Bucket=_BUCKET)
        yield int(settings["pid"])


def make_library(folder: Path, assets: int, workers: int) -> JobRequest:
    """Makes a library whose features are in the output `made`; returns its request."""
    catalogue, deal = folder / "catalogue", folder / "deal.toml"
    catalogue.mkdir(parents=True)
    deal.write_text(DEAL)
    make_tables(catalogue, assets)
    load_or_create_key(folder / "signing.key")
    request = JobRequest(
        catalogue=str(catalogue),
        deal=deal,
        as_of=AS_OF,
        output=str(folder / "made"),
        key=str(folder / "signing.key"),
        workers=workers,
        progress_path=str(folder / "progress"),
    )
    make_media(prepare_job(request).job, catalogue, assets, workers)
    return request


def fill(made: Store, output: Store) -> None:
    """Copies the features of the library to an empty output."""

    def upload(key: str) -> None:
        output.write_bytes(key, made.read_bytes(key))

    with ThreadPoolExecutor(_UPLOADS) as pool:
        list(pool.map(upload, [item.key for item in made.list()]))


def bench_swift(folder: Path, assets: int, workers: int, rounds: int) -> None:
    """Measures and prints both sides.

    Raises:
        RuntimeError: If a run fails, or the two deliveries differ.
    """
    request = make_library(folder, assets, workers)
    made = LocalStore(request.output)
    costs: dict[str, list[SideCost]] = {side: [] for side in _SIDES}
    with swift_environment() as server:
        for number in range(rounds):
            outputs = {
                "folder": str(folder / f"out-{number}"),
                "swift": f"s3://{_BUCKET}/run-{number}",
            }
            manifests = []
            for side in _SIDES:
                output = open_store(outputs[side])
                output.ensure_writable()
                fill(made, output)
                take_request_counts()
                costs[side].append(run_side(replace(request, output=outputs[side]), server))
                manifests.append(_check(output, assets))
                _show_side(side, costs[side][-1], assets)
            if manifests[0] != manifests[1]:
                raise RuntimeError("the manifests in the folder and in the bucket differ")
            shutil.rmtree(outputs["folder"])
            open_store(f"s3://{_BUCKET}").delete_prefix(f"run-{number}")
    show(costs, assets)


def _check(output: Store, assets: int) -> bytes:
    key = f"{layout.delivery_prefix('scale', 'v0001')}/{layout.MANIFEST}"
    data = output.read_bytes(key)
    samples = open_manifest(data).end.samples
    if samples != planted_counts(assets).delivered:
        raise RuntimeError(f"{samples} samples, not {planted_counts(assets).delivered}")
    return data


def _show_side(side: str, cost: SideCost, assets: int) -> None:
    print(
        f"  {side:<8}{cost.clock_s:8.1f} s{cost.processor_s:10.1f} s of processor"
        f"{cost.server_s:10.1f} s of Swift's{sum(cost.requests.values()) / assets:10.3f} requests"
        " an asset",
        flush=True,
    )


def show(costs: dict[str, list[SideCost]], assets: int) -> None:
    """Prints the ratios, and the requests of the last run."""
    pairs = list(zip(costs["swift"], costs["folder"], strict=True))
    for what in ("clock_s", "processor_s"):
        ratio = statistics.median(getattr(far, what) / getattr(near, what) for far, near in pairs)
        print(f"  Swift against folder, {what.removesuffix('_s')}: {ratio:.2f}")
    far, near = pairs[-1]
    print("  the last runs, s:      swift: clock, processor    folder: clock, processor")
    for step, cost in far.steps.items():
        local = near.steps.get(step, StepCost())
        print(
            f"    {step:<12}{cost.clock_s:>22.1f}{cost.processor_s:>11.1f}"
            f"{local.clock_s:>18.1f}{local.processor_s:>11.1f}"
        )
    requests = far.requests
    for kind, sent in requests.most_common():
        print(f"  {kind:<28}{sent:>10,}{sent / assets:>10.4f} an asset")
    total = sum(requests.values())
    print(f"  {'all requests':<28}{total:>10,}{total / assets:>10.4f} an asset")


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=10_000, help="size of the library")
    parser.add_argument("--workers", type=int, default=2, help="processes of each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    parser.add_argument("--folder", type=Path, help="where to make a temporary folder")
    options = parser.parse_args()
    print(f"{options.assets:,} assets, {options.workers} processes, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="fairshard-swift-", dir=options.folder) as folder:
        bench_swift(Path(folder), options.assets, options.workers, options.rounds)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
