"""Compares our look-up of ids with pandas, Arrow and DuckDB: alone, and in a whole screening run.

`python -m tests.bench.lookup` looks up ids and pairs among 0.1, 1 and 10 million, in batches like
those of screening, and then screens a library of 5 million assets with ours, with pandas and with
Arrow, in alternating rounds. Every side must give the same answers. It needs 1 GB of disk.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.rights import consent_events, releases
from pipelines.rights.lookup import PairIndex, StringIndex
from tests.bench import lookup_libraries as libraries
from tests.bench.measure import measure
from tests.bench.screening import ScreeningResult, library, screen_library
from tests.bench.screening_library import ROW_GROUP_ROWS, LibrarySize, release_ids

_BATCHES = 8
_FOUND_SHARE = 0.8
_SIZES = (100_000, 1_000_000, 10_000_000)
_ARROW_BATCHES = 2  # few, since it takes much longer

_Index = Callable[..., Any]
_STRINGS: dict[str, _Index] = {
    "ours": StringIndex,
    "pandas": libraries.PandasStrings,
    "Arrow": libraries.ArrowStrings,
    "DuckDB": libraries.DuckStrings,
}
_PAIRS: dict[str, _Index] = {
    "ours": PairIndex,
    "pandas": libraries.PandasPairs,
    "Arrow": libraries.ArrowPairs,
}
_SCREENING: dict[str, tuple[_Index, _Index]] = {
    "ours": (StringIndex, PairIndex),
    "pandas": (libraries.PandasStrings, libraries.PandasPairs),
    "pandas pairs": (StringIndex, libraries.PandasPairs),
    "Arrow": (libraries.ArrowStrings, libraries.ArrowPairs),
}


@dataclass(frozen=True)
class LookupResult:
    """The processor time that look-ups took.

    Attributes:
        build_s: Time to build the index.
        batch_s: Median time to look up a batch of 65,536.
        checksum: Checksum of the answers to the first batches.
    """

    build_s: float
    batch_s: float
    checksum: int


def _timed(make: _Index, known: tuple[Any, ...], asked: list[tuple[Any, ...]]) -> LookupResult:
    start = time.process_time()
    index = make(*known)
    build_s = time.process_time() - start
    times, checksum = [], 0
    for number, batch in enumerate(asked):
        start = time.process_time()
        found = index.positions(*batch)
        times.append(time.process_time() - start)
        if number < _ARROW_BATCHES:
            checksum += int((found * np.arange(1, len(found) + 1)).sum())
    return LookupResult(build_s, statistics.median(times), checksum)


def look_up_strings(side: str, known_count: int) -> LookupResult:
    """Looks up ids in random order among `known_count` ids."""
    rng = np.random.default_rng(known_count)
    known = release_ids(rng.permutation(known_count))
    batches = _ARROW_BATCHES if side in ("Arrow", "DuckDB") else _BATCHES
    numbers = rng.integers(0, int(known_count / _FOUND_SHARE), (batches, ROW_GROUP_ROWS))
    return _timed(_STRINGS[side], (known,), [(release_ids(batch),) for batch in numbers])


def look_up_pairs(side: str, known_count: int) -> LookupResult:
    """Looks up pairs among `known_count`; half of them have an unknown side, so are not found."""
    rng = np.random.default_rng(known_count)
    left = rng.integers(0, known_count // 10, known_count)
    right = rng.integers(0, known_count, known_count)
    asked = []
    for _ in range(_ARROW_BATCHES if side == "Arrow" else _BATCHES):
        chosen = rng.integers(0, known_count, ROW_GROUP_ROWS)
        second = np.where(rng.random(ROW_GROUP_ROWS) < 0.5, right[chosen], -1)
        asked.append((left[chosen], second))
    return _timed(_PAIRS[side], (left, right), asked)


def screen_with(side: str, folder: Path) -> ScreeningResult:
    """Screens a library with another look-up in place of ours."""
    strings, pairs = _SCREENING[side]
    for module in (consent_events, releases):
        vars(module)["StringIndex"] = strings
    vars(consent_events)["PairIndex"] = pairs
    return screen_library(folder)


def bench_alone(sizes: tuple[int, ...]) -> None:
    """Prints the cost of each side's look-ups alone."""
    has_duckdb = importlib.util.find_spec("duckdb") is not None
    for name, task, sides in (
        ("texts", look_up_strings, _STRINGS),
        ("pairs", look_up_pairs, _PAIRS),
    ):
        for size in sizes:
            checksums = set()
            for side in sides:
                if side == "DuckDB" and not has_duckdb:
                    continue
                done = measure(task, side, size)
                checksums.add(done.answer.checksum)
                print(
                    f"  {size:>10,} {name}  {side:<7} index {done.answer.build_s:>7.2f} s   "
                    f"batch {1e3 * done.answer.batch_s:>8.1f} ms   "
                    f"memory {done.peak_bytes / 2**30:>5.2f} GiB",
                    flush=True,
                )
            if len(checksums) != 1:
                raise SystemExit("The sides gave different answers")


def bench_screening(assets: int, rounds: int, base: Path | None) -> None:
    """Prints the cost of a whole screening run with each side, as medians of all rounds."""
    times: dict[str, list[tuple[float, float, int]]] = {}
    with library(LibrarySize(assets), base) as folder:
        for _ in range(rounds):
            cleared = set()
            for side in _SCREENING:
                done = measure(screen_with, side, folder)
                _remove(folder / "ours")
                cleared.add(done.answer.cleared)
                row = (done.answer.cpu_s, done.answer.wall_s, done.peak_bytes)
                times.setdefault(side, []).append(row)
            if len(cleared) != 1:
                raise SystemExit("The sides cleared different assets")
    for side, rows in times.items():
        ratio = statistics.median(
            row[0] / own[0] for row, own in zip(rows, times["ours"], strict=True)
        )
        cpu_s, wall_s, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"  screening with {side:<12} processor {cpu_s:>7.2f} s, {ratio:.2f} of ours   "
            f"clock {wall_s:>7.2f} s   memory {peak / 2**30:.2f} GiB"
        )


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=_SIZES)
    parser.add_argument("--assets", type=int, default=5_000_000, help="0: no screening run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, help="folder for the temporary library")
    options = parser.parse_args()
    bench_alone(tuple(options.sizes))
    if options.assets:
        base = options.dir or Path(tempfile.gettempdir())
        bench_screening(options.assets, options.rounds, base)


if __name__ == "__main__":
    main()
