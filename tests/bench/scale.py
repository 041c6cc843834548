"""Packages libraries of growing size in the usual way: `python -m tests.bench.scale`.

It measures whether a sample of a large library costs as much as one of a small library, and how
much memory a run takes. Everything runs as in `fairshard package`, in as many processes: catalogue
checks, rules, fetching and digests of all media, selection with its search for near-duplicates,
tars with all their digests, indexes, ledger, log, statements and manifest. Models and decoders do
not run, since the features are already in the store; their cost per medium is constant.

Media take one disk block each (`tests.bench.scale_media`). Tars are written completely and synced
to the disk. Once a shard is committed, a hole is punched in its tar, except in the first one, so
that the disk holds only a few tars at a time. Therefore only the first shard of the delivery can be
verified, and it is.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.format.manifest import open_manifest
from pipelines.run.prepare import PreparedJob, prepare_job
from pipelines.run.request import JobRequest
from pipelines.run.signing_key import load_or_create_key
from pipelines.steps import complete
from pipelines.steps import package as package_module
from pipelines.storage.progress import report_progress
from schemas import layout
from schemas.manifest import Manifest
from tests.bench.scale_library import AS_OF, DEAL, make_tables, planted_counts
from tests.bench.scale_media import make_media
from tests.bench.scale_watch import ProcessWatch, StepCost
from tests.format.strict_tar import read_members

FREE_BYTES = 12 * 10**9  # of disk space, which must stay free
_POLL_S = 0.1
_MEMORY_EVERY = 5  # polls; adding up a large process's pages itself takes time
_SMALLEST = 10_000
# What the command does after the graph; each part is timed as a separate step.
_LATER_STEPS = {
    "publish_agency": "agency",
    "reconcile": "reconcile",
    "record_attribution": "ledger",
    "publish_delivery": "publish",
}


@dataclass(frozen=True)
class ScaleResult:
    """A packaged library.

    Attributes:
        assets: Number of its assets.
        samples: Number of delivered samples.
        shards: Number of tars.
        bytes: Size of the delivery.
        watch: The cost of the run.
    """

    assets: int
    samples: int
    shards: int
    bytes: int
    watch: ProcessWatch

    def total(self, without: str = "") -> StepCost:
        """Returns the cost of all steps, or of all but one."""
        steps = [taken for step, taken in self.watch.steps.items() if step != without]
        return StepCost(sum(one.clock_s for one in steps), sum(one.processor_s for one in steps))


def bench_scale(assets: int, folder: Path, workers: int) -> ScaleResult:
    """Makes a library, packages it, and checks the result against what was planted.

    Args:
        assets: Size of the library.
        folder: Folder for about 20 KB per asset, plus the tars that are not committed yet.
        workers: Number of processes.

    Raises:
        RuntimeError: If the result differs, or the disk became too full.
    """
    catalogue, deal = folder / "catalogue", folder / "deal.toml"
    catalogue.mkdir(parents=True)
    deal.write_text(DEAL)
    started = time.monotonic()
    make_tables(catalogue, assets)
    progress = folder / "progress"
    progress.touch()
    request = JobRequest(
        catalogue=str(catalogue),
        deal=deal,
        as_of=AS_OF,
        output=str(folder / "out"),
        key=str(folder / "signing.key"),
        workers=workers,
        progress_path=str(progress),
    )
    load_or_create_key(folder / "signing.key")
    prepared = prepare_job(request)
    make_media(prepared.job, catalogue, assets, workers)
    print(f"{assets:,} assets: made in {time.monotonic() - started:,.0f} s", flush=True)
    watch = _watch_run(request, prepared, folder)
    delivery = folder / "out" / prepared.job.delivery
    manifest = open_manifest((delivery / layout.MANIFEST).read_bytes(), None)
    end = manifest.end
    result = ScaleResult(assets, end.samples, end.shards, end.bytes, watch)
    if result.samples != planted_counts(assets).delivered:
        raise RuntimeError(f"{result.samples} samples, not {planted_counts(assets).delivered}")
    _check_first(delivery, manifest)
    return result


def _watch_run(request: JobRequest, prepared: PreparedJob, folder: Path) -> ProcessWatch:
    job = prepared.job
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run_reporting, args=(request,))
    process.start()
    watch = ProcessWatch(process.pid or 0, Path(request.progress_path))
    puncher = TarPuncher(
        folder / "out" / job.work / "shards", folder / "out" / job.delivery / "shards"
    )
    started, looks = time.monotonic(), 0
    while process.is_alive():
        watch.poll(time.monotonic() - started)
        if looks % _MEMORY_EVERY == 0:
            watch.measure_memory()
            puncher.punch()
            if shutil.disk_usage(folder).free < FREE_BYTES:
                process.terminate()
                raise RuntimeError(f"{folder} has less than {FREE_BYTES:,} bytes left")
        looks += 1
        process.join(_POLL_S)
    if process.exitcode != 0:
        raise RuntimeError(f"the run failed, exit code {process.exitcode}")
    return watch


def run_reporting(request: JobRequest) -> None:
    """Packages in this process, and reports when each later step has ended."""
    for name, step in _LATER_STEPS.items():
        module = package_module if hasattr(package_module, name) else complete
        setattr(module, name, _reporting_end(getattr(module, name), step, request.progress_path))
    prepared = prepare_job(request)
    package_module.package(prepared.job, prepared.log_key)
    report_progress(request.progress_path, "tidy", 1)
    time.sleep(3 * _POLL_S)  # for the last poll


def _reporting_end(function: Callable[..., object], step: str, path: str) -> Callable[..., object]:
    def wrapper(*arguments: object, **options: object) -> object:
        answer = function(*arguments, **options)
        report_progress(path, step, 1)
        return answer

    return wrapper


class TarPuncher:
    """Frees the disk space of the tars of committed shards, except the first."""

    def __init__(self, commits: Path, shards: Path) -> None:
        self._commits = commits
        self._shards = shards
        self._done: set[str] = set()

    def punch(self) -> None:
        """Punches a hole into each tar that was committed since the last call."""
        if not self._commits.is_dir():
            return
        names = {path.stem for path in self._commits.glob("*.json")} - self._done
        for name in names:
            self._done.add(name)
            if not name.endswith("-00000"):
                tar = str(self._shards / f"{name}.tar")
                length = str(Path(tar).stat().st_size)
                command = ["fallocate", "--punch-hole", "--offset", "0", "--length", length, tar]
                subprocess.run(command, check=True)


def _check_first(delivery: Path, manifest: Manifest) -> None:
    first = manifest.shards[0]
    with (delivery / "shards" / f"{first.name}.tar").open("rb") as source:
        members = sum(1 for _ in read_members(source))
    if members != 3 * first.samples:
        raise RuntimeError(f"{first.name} has {members} members")


def show(runs: list[ScaleResult]) -> None:
    """Prints the cost of each step, and how it grew.

    The first step, reading, includes the start of the workers, which is the same for any size.
    """
    names = list(dict.fromkeys(step for result in runs for step in result.watch.steps))
    for what, field in (("processor", "processor_s"), ("clock", "clock_s")):
        print(f"\n{what}, µs a sample")
        _print_row("assets", [f"{result.assets:,}" for result in runs])
        for name in names:
            costs = [
                getattr(result.watch.steps.get(name, StepCost()), field) / result.samples
                for result in runs
            ]
            _print_row(name, [f"{1e6 * one:,.0f}" for one in costs])
        for label, without in (("all", ""), ("but read", "read")):
            costs = [getattr(result.total(without), field) / result.samples for result in runs]
            _print_row(label, [f"{1e6 * one:,.0f}" for one in costs])
            _print_row("  ratio", [f"{one / costs[0]:.3f}" for one in costs])
        _print_row("a further", ["", *_marginal_costs(runs, field)])
    print("\nmemory at most, all processes, MiB")
    for name in names:
        held = [result.watch.steps.get(name, StepCost()).peak_bytes for result in runs]
        _print_row(name, [f"{size / 2**20:,.0f}" for size in held])
    print()
    _print_row("samples", [f"{result.samples:,}" for result in runs])
    _print_row("shards", [f"{result.shards:,}" for result in runs])
    _print_row("delivery, GB", [f"{result.bytes / 1e9:,.1f}" for result in runs])
    _print_row("all, s", [f"{result.total().clock_s:,.0f}" for result in runs])
    _print_row("memory, MiB", [f"{result.watch.peak_bytes / 2**20:,.0f}" for result in runs])
    for place, label in enumerate(("  largest", "  second", "  third")):
        held = [sorted(result.watch.peak_of.values(), reverse=True)[place] for result in runs]
        _print_row(label, [f"{size / 2**20:,.0f}" for size in held])


def _marginal_costs(runs: list[ScaleResult], field: str) -> Iterator[str]:
    """Yields the cost of each additional sample over the next smaller library, without start-up."""
    for before, result in itertools.pairwise(runs):
        more = getattr(result.total(), field) - getattr(before.total(), field)
        samples = result.samples - before.samples
        yield f"{1e6 * more / samples:,.0f}" if samples else ""


def _print_row(label: str, values: list[str]) -> None:
    print(f"  {label:<12}" + "".join(f"{value:>14}" for value in values))


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--assets", type=int, nargs="+", default=[_SMALLEST, 100_000], help="sizes, smallest first"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--folder", type=Path, help="where to make a temporary folder")
    options = parser.parse_args()
    runs = []
    for assets in options.assets:
        with tempfile.TemporaryDirectory(prefix="fairshard-scale-", dir=options.folder) as folder:
            runs.append(bench_scale(assets, Path(folder), options.workers))
            show(runs)  # before the folder is removed, which takes time
            sys.stdout.flush()


if __name__ == "__main__":
    main()
