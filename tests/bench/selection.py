"""Measures selection and the shard plan alone, on metadata: `python -m tests.bench.selection`.

Selection is the one step that sees all assets at once, in one worker. Candidates are generated, as
columns, with random looks; one in fifty has the bytes of the one before, one in fifty is too small.
No unit, medium or feature is read, so that the figures are those of holding, ranking, refusing and
cutting into shards. `--dedupe near` adds the search for near-duplicates, in which nothing is alike.

Each size runs in a process of its own. Memory is the process's peak while it selects and plans,
less what it held before the candidates were made; files that are mapped to memory do not count,
since the system can drop them and read them again.
"""

from __future__ import annotations

import argparse
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.selection.dedupe import CANDIDATES_SCHEMA
from pipelines.selection.film_shares import SHARE_COLUMNS
from pipelines.selection.near import Frames, Vectors
from pipelines.selection.perceptual_index import Indices
from pipelines.selection.plan import plan_shards
from pipelines.selection.select import refusals_in_order, select_samples
from pipelines.steps.select import ROWS_IN_MEMORY
from pipelines.storage.columns import Column
from pipelines.storage.mapped_table import join_tables
from schemas.deal_terms import SelectTerms
from tests.bench.measure import measure

_BATCH = 250_000
_PLAN_COLUMNS = ["hash", "family", "bytes"]
_PLANTED = 50  # one asset in so many has the bytes of the one before, and one is too small
_SHARD_BYTES = 1 << 30
_MEDIUM_BYTES = 2_000_000


@dataclass(frozen=True)
class SelectionCost:
    """What selection cost in a process.

    Attributes:
        processor_s: Processor time of selecting and planning.
        candidates_bytes: Size of the candidates' columns.
        peak_bytes: Peak memory, with candidates that are not in files, and without what the process
            held before.
        shards: Number of planned shards.
    """

    processor_s: float
    candidates_bytes: int
    peak_bytes: int
    shards: int


class _NothingAlike:
    """Evidence by which no pair is confirmed: each asset has a film's frames of another number."""

    def frames(self, assets: Indices) -> list[Frames]:
        return [Frames((b"",) * int(at % 97), (b"",) * int(at % 97)) for at in assets]

    def embeddings(self, assets: Indices) -> tuple[npt.NDArray[np.bool_], Vectors]:
        return np.zeros(len(assets), np.bool_), np.zeros((0, 0), np.float16)


def make_candidates(count: int) -> pa.Table:
    """Returns generated candidates (CANDIDATES_SCHEMA), each column as a single chunk."""
    batches = (pa.Table.from_arrays(batch, schema=CANDIDATES_SCHEMA) for batch in _batches(count))
    return join_tables(batches, CANDIDATES_SCHEMA, ROWS_IN_MEMORY)


def _batches(count: int) -> Iterator[list[Column]]:
    for first in range(0, count, _BATCH):
        rows = min(_BATCH, count - first)
        dice = np.random.default_rng([11, first])
        numbers = np.arange(first, first + rows)
        twin = numbers % _PLANTED == 1
        files = dice.bytes(32 * rows)
        digests = np.frombuffer(files, np.uint8).reshape(rows, 32).copy()
        digests[twin] = digests[np.flatnonzero(twin) - 1]
        sides = np.where(numbers % _PLANTED == 7, 10, 600).astype(np.int32)
        made = {
            "asset_id": pa.array([f"A{number:010d}" for number in numbers]),
            "hash": pa.array(dice.integers(0, 2**64, rows, np.uint64)),
            "unit": pa.array((numbers // 300).astype(np.int32)),
            "media_sha256": _binary(digests.tobytes(), 32),
            "family": pa.array(["jpg"] * rows),
            "created_at": pa.array(dice.integers(15_000, 20_000, rows).astype("M8[D]")),
            "short_side": pa.array(sides),
            "bytes": pa.array(dice.integers(1, 2 * _MEDIUM_BYTES, rows)),
            "phash": _binary(dice.bytes(32 * rows), 32),
            "colour": _binary(dice.bytes(48 * rows), 48),
            "place": pa.array(dice.integers(0, 2**64, rows, np.uint64)),
            "people": pa.array([[]] * len(numbers), pa.list_(pa.string())),
            "owners": pa.array([f"c{number // 100:08d}" for number in numbers]),
            "look_hash": _binary(dice.bytes(32 * rows), 32),
            "look_colour": _binary(dice.bytes(48 * rows), 48),
            "contrast": pa.array(np.full(rows, 255, np.uint8)),
            "inference": pa.array(np.ones(rows, np.bool_)),
            "shows_elsewhere": pa.array(np.zeros(rows, np.bool_)),
            **{name: pa.array(np.zeros(rows, np.int32)) for name in SHARE_COLUMNS},
        }
        yield [made[field.name].cast(field.type) for field in CANDIDATES_SCHEMA]


def _binary(data: bytes, width: int) -> Column:
    rows = len(data) // width
    return pa.Array.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(data)])


def select_and_plan(count: int, dedupe: str, most: int) -> SelectionCost:
    """Selects among generated candidates, and plans the shards.

    Raises:
        RuntimeError: If it chose another number than was planted.
    """
    before = _memory("RssAnon")
    candidates = make_candidates(count)
    size = candidates.nbytes
    pa.default_memory_pool().release_unused()
    peak = _PeakMemory()
    started = time.process_time()
    terms = SelectTerms.model_validate(
        {"dedupe": dedupe, "min_short_side": 100, "max_assets": most}
    )
    selection = select_samples(candidates, terms, _NothingAlike())
    refusals_in_order(candidates, selection, terms)
    chosen = candidates.select(_PLAN_COLUMNS).take(selection.chosen)
    del candidates  # as in a run
    shards = plan_shards("bench", chosen, _SHARD_BYTES)
    taken = time.process_time() - started
    planted = sum(len(range(first, count, _PLANTED)) for first in (1, 7))
    if len(selection.chosen) != min(most, count - planted):
        raise RuntimeError(f"{len(selection.chosen)} of {count - planted} were chosen")
    return SelectionCost(taken, size, peak.stop() - before, len(shards))


class _PeakMemory:
    """Samples this process's memory a hundred times a second, without what files are mapped to."""

    def __init__(self) -> None:
        self._peak = _memory("RssAnon")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(0.01):
            self._peak = max(self._peak, _memory("RssAnon"))

    def stop(self) -> int:
        """Ends sampling, and returns the largest sample, in bytes."""
        self._ended.set()
        self._thread.join()
        return self._peak


def _memory(name: str) -> int:
    """Returns a figure of this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def bench_selection(sizes: list[int], dedupe: str, most: int) -> None:
    """Measures each size and prints its cost."""
    print(f"dedupe {dedupe}, max_assets {most:,}")
    print("      assets   CPU µs an asset   columns B   peak B an asset   peak MiB    shards")
    for count in sizes:
        cost = measure(select_and_plan, count, dedupe, most).answer
        print(
            f"{count:>12,}{1e6 * cost.processor_s / count:>18.2f}"
            f"{cost.candidates_bytes / count:>12.0f}{cost.peak_bytes / count:>18.0f}"
            f"{cost.peak_bytes / 2**20:>11,.0f}{cost.shards:>10,}",
            flush=True,
        )


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dedupe", choices=["none", "exact", "near"], default="exact")
    parser.add_argument("--most", type=int, default=10**9, help="the deal's max_assets")
    parser.add_argument("--memory", type=int, default=0, help="most bytes to use; 0 for no limit")
    options = parser.parse_args()
    if options.memory:
        resource.setrlimit(resource.RLIMIT_AS, (options.memory, options.memory))
    bench_selection(options.assets, options.dedupe, options.most)


if __name__ == "__main__":
    main()
