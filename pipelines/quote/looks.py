"""Chooses assets that look like many others: every candidate is to have a chosen one near it.

What a choice is worth is the sum, over all candidates, of the cosine of each and the nearest chosen
one (facility location). It is submodular, as in `pipelines.quote.cover`, and the asset that adds
most is taken, again and again.

So that time and memory grow with the number of candidates and not with its square, an asset is
compared only with those in its bucket. Buckets halve the candidates again and again along the line
between two assets that are far apart, until none has more than `BUCKET`. Embeddings are rounded to
whole numbers so small that sums of their products are exact in single precision in any order: the
same embeddings give the same choice on any machine.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.quote.candidates import Candidate
from pipelines.quote.spending import Limits

#: An asset is compared with fewer than so many others.
BUCKET = 4_000
#: So many candidates are compared at most; of more, those with the least hashes of their ids.
MOST_COMPARED = 50_000
#: And so many for each asset that is chosen, so that several are chosen of each bucket.
COMPARED_FOR_EACH = 50

# Of a vector of length 1: |a|·|b| < 2**24 bounds every partial sum of a product of two.
_SCALE = 4_000
_SHIFT = 10  # cosines are kept as 16 bits, of which one is 1 / 15,625
_MEASURED = 2_000  # candidates whose nearest chosen asset is looked for at the end
_ROWS_AT_ONCE = 8_192

Whole = npt.NDArray[np.int16]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Looks:
    """Embeddings of assets.

    Attributes:
        model: The model that they are by.
        digests: Digest of the file of each asset that has one.
        rows: By digest: which row of `whole` it has.
        whole: The embeddings, [embeddings, dimensions], times `_SCALE` and rounded.
    """

    model: str
    digests: Mapping[str, str]
    rows: Mapping[str, int]
    whole: Whole

    def known(self, candidates: Sequence[Candidate], count: int) -> list[Candidate]:
        """Returns the candidates with embeddings, at most as many as are compared.

        Args:
            candidates: The candidates, in the order in which they are drawn.
            count: How many are to be chosen.
        """
        found = [one for one in candidates if self.digests.get(one.asset_id, "") in self.rows]
        least = max(BUCKET, min(MOST_COMPARED, COMPARED_FOR_EACH * count))
        return found[: max(count, least)]

    def vectors(self, candidates: Sequence[Candidate]) -> Whole:
        """Returns their embeddings, [candidates, dimensions]."""
        at = [self.rows[self.digests[one.asset_id]] for one in candidates]
        found: Whole = self.whole[np.array(at, np.int64)]
        return found


@dataclass(frozen=True)
class LooksReach:
    """How near a choice comes to the candidates.

    Attributes:
        model: The model that the embeddings are by.
        chosen: Mean cosine of a candidate and the nearest chosen asset.
        random: The same if assets are drawn by a hash of their ids.
        first: The same of the first candidates in the catalogue's order.
        far: One candidate in ten has no chosen asset that is nearer than this.
        random_far: The same of assets that are drawn.
        first_far: The same of the first.
    """

    model: str
    chosen: float
    random: float
    first: float
    far: float
    random_far: float
    first_far: float


def to_whole(vectors: npt.NDArray[np.float32]) -> Whole:
    """Returns embeddings of length 1 as whole numbers.

    Args:
        vectors: The embeddings, [embeddings, dimensions], L2-normalised.
    """
    return np.rint(vectors.astype(np.float64) * _SCALE).astype(np.int16)


def choose_by_looks(vectors: Whole, limits: Limits, costs: Sequence[int]) -> list[int]:
    """Takes, again and again, the asset that adds most for its price; of several, the first.

    Args:
        vectors: Embeddings of the candidates, [candidates, dimensions].
        limits: How many to take, if there are so many, and what they may cost.
        costs: What each costs.

    Returns:
        Their positions, in the order in which they were taken.
    """
    worth = limits.worth(costs)
    buckets = list(_buckets(vectors))
    found = [_merge(vectors, buckets, worth, limits, costs)]
    if len(set(worth)) > 1:
        found.append(_merge(vectors, buckets, [1] * len(worth), limits, costs))
    return max(found, key=lambda one: one[0])[1]


def _merge(
    vectors: Whole,
    buckets: Sequence[Positions],
    worth: Sequence[int],
    limits: Limits,
    costs: Sequence[int],
) -> tuple[int, list[int]]:
    """Returns what a choice from all buckets is worth, and the choice."""
    sources = [_greedy(vectors, bucket, [worth[at] for at in bucket]) for bucket in buckets]
    # Gains in a bucket only fall, so that the largest of the next ones is the largest of all.
    heads = [(*next(source), number) for number, source in enumerate(sources)]
    heapq.heapify(heads)
    value, left = 0, limits.budget_minor or 0
    chosen: list[int] = []
    while heads and len(chosen) < limits.count:
        rank, at, number = heads[0]
        if costs[at] <= left:
            chosen.append(at)
            left -= costs[at]
            value -= rank // worth[at]
        following = next(sources[number], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (*following, number))
    return value, chosen


def _greedy(vectors: Whole, bucket: Positions, worth: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields every asset of a bucket, the one that adds most first: what it adds, and which it is.

    What it adds is negative and multiplied by the asset's worth.
    """
    own = vectors[bucket].astype(np.float32)
    near = np.maximum(own @ own.T, 0).astype(np.int64) >> _SHIFT
    near = near.astype(np.int16)
    best = np.zeros(len(bucket), np.int16)
    heap = [
        (-worth[at] * gain, at) for at, gain in enumerate(near.sum(axis=1, dtype=np.int64).tolist())
    ]
    heapq.heapify(heap)
    while heap:
        _, at = heap[0]
        nearer = np.maximum(near[at], best)
        gain = -worth[at] * int((nearer - best).sum(dtype=np.int64))
        if (gain, at) != heap[0]:
            heapq.heapreplace(heap, (gain, at))
            continue
        heapq.heappop(heap)
        best = nearer
        yield gain, int(bucket[at])


def _buckets(vectors: Whole) -> Iterator[Positions]:
    """Yields the positions of each bucket's assets, in order."""
    waiting = [np.arange(len(vectors))]
    while waiting:
        some = waiting.pop()
        if len(some) <= BUCKET:
            if len(some):
                yield some
            continue
        far = int(np.argmin(_products(vectors, some, int(some[0]))))
        to_far = _products(vectors, some, int(some[far]))
        other = int(some[int(np.argmin(to_far))])
        order = np.argsort(to_far - _products(vectors, some, other), kind="stable")
        half = len(some) // 2
        waiting += [np.sort(some[order[half:]]), np.sort(some[order[:half]])]


def _products(vectors: Whole, some: Positions, other: int) -> Positions:
    """Returns the exact products of some vectors and one of them."""
    one = vectors[other].astype(np.float32)
    found = np.zeros(len(some), np.int64)
    for start in range(0, len(some), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        found[rows] = vectors[some[rows]].astype(np.float32) @ one
    return found


def reach_of(
    model: str,
    vectors: Whole,
    chosen: Sequence[int],
    drawn: Sequence[int],
    first: Sequence[int],
) -> LooksReach:
    """Returns how near choices come to the candidates: all, or evenly drawn ones of many."""
    count = min(len(vectors), _MEASURED)
    measured = vectors[np.arange(count) * len(vectors) // max(1, count)].astype(np.float32)
    nearest = [_nearest(measured, vectors, one) for one in (chosen, drawn, first)]
    means = [round(float(one.mean()), 4) for one in nearest]
    tenths = [round(float(np.sort(one)[(len(one) - 1) // 10]), 4) for one in nearest]
    return LooksReach(model, *means, *tenths)


def _nearest(
    measured: npt.NDArray[np.float32], vectors: Whole, chosen: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Returns the cosine of each measured vector and the nearest chosen one."""
    best = np.zeros(len(measured), np.float32)
    for start in range(0, len(chosen), _ROWS_AT_ONCE):
        some = vectors[np.array(chosen[start : start + _ROWS_AT_ONCE])].astype(np.float32)
        np.maximum(best, (measured @ some.T).max(axis=1), out=best)
    return best.astype(np.float64) / (_SCALE * _SCALE)
