"""Compares screening a Parquet catalogue with the same rules in DuckDB's SQL.

`python -m tests.bench.screening` makes libraries of 5 and 50 million assets, screens each in two
processes, runs the query in DuckDB on the first, and checks that both clear the same assets. It
needs 8 GB of disk and about five minutes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.rights.arrow import column
from pipelines.rights.index import RightsIndex
from pipelines.rights.rules.screen import build_rights_index, screen_batch
from schemas.catalogue import AGREEMENTS_SCHEMA, grant_column
from schemas.deal import Deal
from schemas.rights import Purpose
from tests.bench.measure import Measured, measure
from tests.bench.screening_assets import write_assets
from tests.bench.screening_library import AS_OF_US, LibrarySize, bench_deal, write_small_tables
from tests.bench.screening_sql import cleared_query, connect
from tests.bench.suite import Figure, speedups

WORKERS = 2
DUCKDB_MEMORY = "3GB"

_COLUMNS = [
    *("asset_id", "media_type", "contributors", "licence_model", "licence_class", "status"),
    *("keywords", "created_at", "licence_code", "exclusive", "exclusive_purposes"),
    *("exclusive_from", "exclusive_until", "territories_in", "territories_out", "valid_from"),
    *("valid_until", "people_count", "minors", "property", "sensitive", "release_ids"),
    "digital_source_type",
]
# Columns with few distinct texts are read as dictionaries, as Parquet stores them.
_DICTIONARIES = [
    *("media_type", "licence_model", "licence_class", "status", "licence_code"),
    *("digital_source_type", *(grant_column(purpose) for purpose in Purpose)),
    *(
        f"{name}.list.element"
        for name in ("keywords", "exclusive_purposes", "territories_in", "territories_out")
    ),
    "contributors.list.element.contributor_id",
]


@dataclass(frozen=True)
class ScreeningResult:
    """The result of screening a library.

    Attributes:
        assets: Number of assets screened.
        cleared: Number of assets cleared.
        wall_s: Elapsed time from opening the first file to writing the last id.
        cpu_s: Processor time of all processes over the same period.
        index_s: Elapsed time to read contributors, consents and releases, and to index them.
        read_s: Processor time to read assets.
        screen_s: Processor time to screen them.
    """

    assets: int
    cleared: int
    wall_s: float
    cpu_s: float
    index_s: float
    read_s: float
    screen_s: float


@dataclass(frozen=True)
class _Task:
    """What every worker inherits from the process that it was forked from."""

    folder: Path
    index: RightsIndex
    deal: Deal


_task: list[_Task] = []


def _screen_group(place: tuple[str, int]) -> tuple[int, int, float, float]:
    """Screens one row group and writes the cleared ids; returns rows, cleared, and two times."""
    task = _task[0]
    name, group = place
    start = time.process_time()
    names = _COLUMNS + [grant_column(purpose) for purpose in task.deal.judged_purposes]
    with pq.ParquetFile(task.folder / name, read_dictionary=_DICTIONARIES) as source:
        assets = source.read_row_group(group, columns=names, use_threads=False)
    read = time.process_time()
    mask = screen_batch(assets, task.index, task.deal, np.zeros(len(assets), np.bool_))
    screened = time.process_time()
    ids = column(assets, "asset_id").filter(pa.array(mask == 0))
    target = task.folder / "ours" / f"{Path(name).stem}-{group}.parquet"
    pq.write_table(pa.table({"asset_id": ids}), target, use_dictionary=False)
    return len(assets), len(ids), read - start, screened - read


def screen_library(folder: Path) -> ScreeningResult:
    """Screens a library in two processes that share the index."""
    start, used = time.perf_counter(), _cpu_s()
    deal = bench_deal()
    small = (
        pq.read_table(folder / "contributors.parquet", columns=["contributor_id"]),
        pq.read_table(folder / "consents.parquet", read_dictionary=["purpose", "value"]),
        pq.read_table(folder / "releases.parquet", read_dictionary=["kind", "ml_use"]),
    )
    index = build_rights_index(*small, AGREEMENTS_SCHEMA.empty_table(), deal, AS_OF_US)
    del small
    pa.default_memory_pool().release_unused()
    indexed = time.perf_counter()
    _task[:] = [_Task(folder, index, deal)]
    (folder / "ours").mkdir()
    names = sorted(path.name for path in folder.glob("assets-*.parquet"))
    groups = [
        (name, group)
        for name in names
        for group in range(pq.read_metadata(folder / name).num_row_groups)
    ]
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        results = list(pool.imap_unordered(_screen_group, groups))
        wall_s = time.perf_counter() - start
        pool.close()
        pool.join()  # so that the workers' processor time is known
    rows, cleared, read_s, screen_s = np.array(results).sum(axis=0).tolist()
    return ScreeningResult(
        assets=int(rows),
        cleared=int(cleared),
        wall_s=wall_s,
        cpu_s=_cpu_s() - used,
        index_s=indexed - start,
        read_s=read_s,
        screen_s=screen_s,
    )


def _cpu_s() -> float:
    """Returns the processor time of this process and its ended children, in seconds."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def ask_duckdb(folder: Path) -> tuple[float, float]:
    """Runs the query in DuckDB, with output to Parquet; returns elapsed and processor seconds."""
    deal = bench_deal()
    database = connect(folder, deal, DUCKDB_MEMORY)
    query = cleared_query(folder, deal)
    start, used = time.perf_counter(), _cpu_s()
    database.execute(f"COPY ({query}) TO '{folder}/theirs.parquet' (FORMAT parquet)")
    return time.perf_counter() - start, _cpu_s() - used


def same_cleared(folder: Path) -> bool:
    """Returns whether both cleared exactly the same assets."""
    ours = pq.read_table(folder / "ours")["asset_id"].combine_chunks()
    theirs = pq.read_table(folder / "theirs.parquet")["asset_id"].combine_chunks()
    return bool(ours.sort().equals(theirs.sort()) and len(pc.unique(ours)) == len(ours) > 0)


def _write_file(place: tuple[Path, LibrarySize, int]) -> None:
    write_assets(*place)


@contextmanager
def library(size: LibrarySize, base: Path | None) -> Iterator[Path]:
    """Makes a library in a temporary folder, which is removed afterwards."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as name:
        folder = Path(name)
        with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
            made = pool.imap_unordered(
                _write_file, [(folder, size, number) for number in range(size.files)]
            )
            write_small_tables(folder, size)
            list(made)
        os.sync()  # else the disk would still be busy with the library while it is screened
        held = sum(path.stat().st_size for path in folder.iterdir())
        print(
            f"{size.assets:,} assets, {size.contributors:,} contributors, "
            f"{3 * size.contributors + -(-size.assets // 100):,} consent events, "
            f"{4 * size.shoots:,} releases; {held / 1e9:.2f} GB of Parquet made in "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )
        yield folder


def report(measured: Measured[ScreeningResult]) -> ScreeningResult:
    """Prints the result of screening."""
    done = measured.answer
    print(f"  ours       {done.assets / done.wall_s:>12,.0f} assets/s, Parquet to ids")
    print(f"    clock    {done.wall_s:>12.2f} s, {done.index_s:.2f} s of it for the index")
    print(f"    processor {done.cpu_s:>11.2f} s, {done.read_s:.2f} s of it to read assets")
    print(
        f"    rules    {done.screen_s:>12.2f} s of it: "
        f"{WORKERS * done.assets / done.screen_s:,.0f} assets/s on {WORKERS} cores"
    )
    print(f"    memory   {measured.peak_bytes / 2**30:>12.2f} GiB at most, all processes")
    print(f"    cleared  {done.cleared:>12,} of {done.assets:,}", flush=True)
    return done


def compare(folder: Path, ours: ScreeningResult) -> None:
    """Prints the cost of DuckDB, and whether the answers agree."""
    theirs = measure(ask_duckdb, folder)
    wall_s, cpu_s = theirs.answer
    print(f"  DuckDB SQL {ours.assets / wall_s:>12,.0f} assets/s, Parquet to ids")
    print(f"    clock    {wall_s:>12.2f} s, {wall_s / ours.wall_s:.2f} of ours")
    print(f"    processor {cpu_s:>11.2f} s, {cpu_s / ours.cpu_s:.2f} of ours")
    print(f"    memory   {theirs.peak_bytes / 2**30:>12.2f} GiB at most")
    if not same_cleared(folder):
        raise SystemExit("The two cleared different assets")
    print("    cleared  the same assets", flush=True)


def screening_figures(base: Path, assets: int, rounds: int) -> list[Figure]:
    """Returns screening's speed to DuckDB's on one library, by the clock and in processor time."""
    with library(LibrarySize(assets), base) as folder:
        sides = []
        for _ in range(rounds):
            shutil.rmtree(folder / "ours", ignore_errors=True)
            ours = measure(screen_library, folder).answer
            sides.append((ours, measure(ask_duckdb, folder).answer))
            if not same_cleared(folder):
                raise SystemExit("The two cleared different assets")
    clock = [(theirs[0], ours.wall_s) for ours, theirs in sides]
    processor = [(theirs[1], ours.cpu_s) for ours, theirs in sides]
    return [
        speedups(f"to DuckDB, {name}", *zip(*pairs, strict=True))
        for name, pairs in (("clock", clock), ("processor", processor))
    ]


def screen_rounds(folder: Path, rounds: int) -> list[ScreeningResult]:
    """Screens a library several times, prints each result and returns them."""
    results = []
    for _ in range(rounds):
        shutil.rmtree(folder / "ours", ignore_errors=True)
        results.append(report(measure(screen_library, folder)))
    return results


def _cost(results: list[ScreeningResult]) -> tuple[float, float]:
    """Returns the median seconds that an asset costs, by the clock and of processor time."""
    return (
        statistics.median(result.wall_s / result.assets for result in results),
        statistics.median(result.cpu_s / result.assets for result in results),
    )


def bench(assets: int, more: int, rounds: int, base: Path | None) -> None:
    """Screens a library and compares with DuckDB; then screens a larger one if `more` is not 0."""
    with library(LibrarySize(assets), base) as folder:
        small = screen_rounds(folder, rounds)
        compare(folder, small[-1])
    if more:
        with library(LibrarySize(more), base) as folder:
            large = screen_rounds(folder, rounds)
        clock, processor = (a / b for a, b in zip(_cost(large), _cost(small), strict=True))
        print(
            f"an asset among {more:,} over one among {assets:,}, medians: "
            f"{clock:.3f} by the clock, {processor:.3f} of processor time"
        )


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=5_000_000)
    parser.add_argument("--more", type=int, default=50_000_000, help="0: no second library")
    parser.add_argument("--rounds", type=int, default=3, help="of each library")
    parser.add_argument("--dir", type=Path, help="folder for the temporary libraries")
    options = parser.parse_args()
    base = options.dir or Path(tempfile.gettempdir())
    free = shutil.disk_usage(base).free
    needed = 200 * max(options.assets, options.more)
    if free < needed:
        parser.error(f"{base} has {free / 1e9:.0f} GB free; {needed / 1e9:.0f} GB are needed")
    print(f"{WORKERS} processes or threads each; libraries in {base}", flush=True)
    bench(options.assets, options.more, options.rounds, base)


if __name__ == "__main__":
    main()
