"""Which samples a reader hands over, and in which order: computed, never remembered.

Every reader of a run computes the same order of shards from seed and epoch. Their samples, one
after another, are divided into as many ranges of consecutive samples as there are readers, of equal
length or one more. So each sample is in one range, and a reader opens only the shards of its own.
Within its range a reader mixes the samples of a few shards at a time.

Random numbers are the raw numbers of PCG64, which numpy keeps the same in all versions; the
functions that it builds on them are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from schemas.errors import InputError


@dataclass(frozen=True)
class Split:
    """A reader among those of a run: each process of a rank has `workers` of them.

    Attributes:
        rank: Number of the process in the run, from 0.
        ranks: Number of processes.
        worker: Number of the reader in its process, from 0.
        workers: Number of readers in each process.
    """

    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        for name, number, count in (
            ("rank", self.rank, self.ranks),
            ("worker", self.worker, self.workers),
        ):
            if type(number) is not int or type(count) is not int or not 0 <= number < count:
                raise InputError(
                    f"There is no such {name}",
                    f"{name} {number!r} of {count!r}",
                    "Count from 0.",
                )

    @property
    def consumer(self) -> int:
        """The reader's number in the run, from 0."""
        return self.rank * self.workers + self.worker

    @property
    def consumers(self) -> int:
        """Number of readers in the run."""
        return self.ranks * self.workers


@dataclass(frozen=True)
class Piece:
    """Consecutive samples of a shard: those from `first` to `end` - 1."""

    shard: int
    first: int
    end: int

    @property
    def samples(self) -> int:
        """How many there are."""
        return self.end - self.first


def random_order(count: int, *seed: int) -> npt.NDArray[np.int64]:
    """Returns the numbers below `count` in an order that only the seed decides."""
    numbers = np.random.PCG64(np.random.SeedSequence((len(seed), *seed))).random_raw(count)
    return np.argsort(numbers, kind="stable").astype(np.int64)


def pieces_of(samples: Sequence[int], order: Sequence[int], split: Split) -> Iterator[Piece]:
    """Yields what a reader hands over of each shard.

    Args:
        samples: Number of samples of each shard.
        order: The shards' order in this epoch.
        split: The reader.
    """
    total = sum(samples)
    first = total * split.consumer // split.consumers
    end = total * (split.consumer + 1) // split.consumers
    ends = accumulate(samples[shard] for shard in order)
    for shard, stop in zip(order, ends, strict=True):
        start = stop - samples[shard]
        low, high = max(start, first), min(stop, end)
        if low < high:
            yield Piece(shard, low - start, high - start)


def groups_of(pieces: Iterator[Piece], mixed_shards: int) -> Iterator[list[Piece]]:
    """Yields pieces in groups of as many as are mixed at a time."""
    group: list[Piece] = []
    for piece in pieces:
        group.append(piece)
        if len(group) == mixed_shards:
            yield group
            group = []
    if group:
        yield group
