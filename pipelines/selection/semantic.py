"""Finds assets with nearly the same embedding, without comparing most of the pairs.

Random planes cut the space of embeddings, and vectors on the same side of every plane of a band
share a bucket. Only those are compared, exactly; there are enough bands for near vectors to share a
bucket in one of them. The embeddings' mean is taken away first, for a model's vectors all lie in
one direction, and planes would hardly separate them. The planes are the same in every run.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipelines.selection.near import Evidence, JudgedPair, Vectors
from pipelines.selection.perceptual_index import Indices

_SEED = 14
_LEAST_PLANES, _MOST_PLANES = 8, 24  # of a band
_MOST_BANDS = 128
_MISSED = 0.005  # share of pairs just near enough that share no bucket
_LEAST_CENTRED = 0.4  # cosine without the mean, at which bands are still planned
_IN_A_CROWD = 8  # of the nearest and of the first in a bucket, for each of its members
_ROWS_AT_ONCE = 8_192

_Float = npt.NDArray[np.float32]


def semantic_pairs(ranked: Indices, evidence: Evidence, least_cosine: float) -> list[JudgedPair]:
    """Returns the pairs of assets whose embeddings' cosine is at least `least_cosine`.

    Args:
        ranked: Indices of the candidates to compare, in order of preference.
        evidence: Has the embeddings; assets without one are in no pair.
        least_cosine: From 0 to 1.
    """
    present, vectors = evidence.embeddings(ranked)
    assets = ranked[present]
    if len(assets) < 2:
        return []
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    planes, bands = _plan(len(assets), float(mean @ mean), least_cosine)
    dice = np.random.default_rng(_SEED)
    found: list[npt.NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
    cosines: list[_Float] = [np.zeros(0, np.float32)]
    directions = dice.standard_normal((vectors.shape[1], bands * planes), np.float32)
    for buckets in _buckets(vectors, mean, directions, planes):
        pairs = _share_bucket(buckets)
        measured = _cosines(vectors, pairs)
        near = measured >= least_cosine
        found.append(pairs[near])
        cosines.append(measured[near])
    every, at = np.unique(np.concatenate(found), axis=0, return_index=True)
    thousandths = np.rint(np.concatenate(cosines)[at] * 1000).astype(int)
    return [
        JudgedPair(int(assets[first]), int(assets[second]), cosine=int(cosine))
        for (first, second), cosine in zip(every.tolist(), thousandths.tolist(), strict=True)
    ]


def _plan(rows: int, mean_square: float, least_cosine: float) -> tuple[int, int]:
    """Returns how many planes a band has, so that buckets stay small, and how many bands it takes.

    Two vectors at an angle are on the same side of a random plane with a probability of
    1 - angle / pi.
    """
    planes = min(_MOST_PLANES, max(_LEAST_PLANES, math.ceil(math.log2(rows))))
    centred = (least_cosine - mean_square) / max(1 - mean_square, 1e-6)
    angle = math.acos(min(1.0, max(_LEAST_CENTRED, centred)))
    together = (1 - angle / math.pi) ** planes
    if together >= 1:
        return planes, 1
    return planes, min(_MOST_BANDS, math.ceil(math.log(_MISSED) / math.log(1 - together)))


def _buckets(
    vectors: Vectors, mean: _Float, directions: _Float, planes: int
) -> npt.NDArray[np.int32]:
    """Returns the number of each vector's bucket in each band, [bands, vectors]: a bit a plane."""
    weights = 1 << np.arange(planes, dtype=np.int32)
    bands = directions.shape[1] // planes
    buckets = np.zeros((bands, len(vectors)), np.int32)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        sides = (vectors[rows].astype(np.float32) - mean) @ directions > 0
        buckets[:, rows] = (sides.reshape(-1, bands, planes) @ weights).T
    return buckets


def _share_bucket(buckets: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Returns pairs of rows in one bucket, the earlier row first: of a large one, not all."""
    order = np.argsort(buckets, kind="stable")
    sorted_buckets = buckets[order]
    starts = np.searchsorted(sorted_buckets, sorted_buckets)  # where each row's bucket begins
    places = np.arange(len(order))
    pairs = []
    for step in range(1, _IN_A_CROWD + 1):
        late = places[places - step >= starts]
        pairs.append(np.stack([order[late - step], order[late]], axis=1))
    for step in range(_IN_A_CROWD):
        late = places[starts + step < places - _IN_A_CROWD]
        pairs.append(np.stack([order[starts[late] + step], order[late]], axis=1))
    return np.concatenate(pairs)


def _cosines(vectors: Vectors, pairs: npt.NDArray[np.int64]) -> _Float:
    measured = np.zeros(len(pairs), np.float32)
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        rows = pairs[start : start + _ROWS_AT_ONCE]
        first, second = (vectors[rows[:, side]].astype(np.float32) for side in (0, 1))
        measured[start : start + _ROWS_AT_ONCE] = np.einsum("ij,ij->i", first, second)
    return measured
