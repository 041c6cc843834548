"""Divides the chosen assets into training and validation, without leakage from one to the other.

1. Assets that show the same are a cluster: those that selection found alike, kept or not, and those
   with the same bytes.
2. Assets of a contributor are a group, or those that a contributor made on one day (a shoot). An
   asset of several contributors joins their groups. If a contributor has an asset without a date,
   it may be of any of their shoots, so that all of theirs are one group.
3. What a group, a cluster or a person connects is in one split. Which one is drawn by the salted
   hash of one of its groups, so that later versions mostly draw the same. A part that is larger
   than the share that the deal asks for is for training, and the largest part always is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.selection.near import JudgedPair
from pipelines.selection.perceptual_index import Indices
from pipelines.storage.columns import values_of
from schemas.deal_terms import SplitTerms
from schemas.refused import owner_ids

_ALL = 10_000  # basis points

#: What a plan says about each asset; ids stay with the agency until they are committed to.
PARTS_FIELDS: tuple[pa.Field[pa.DataType], ...] = (
    pa.field("split", pa.string(), nullable=False),
    pa.field("group", pa.string()),  # what stands for its group; null if groups are not published
    pa.field("cluster", pa.string()),  # the asset that stands for its cluster; null if not known
)
PARTS_SCHEMA = pa.schema(PARTS_FIELDS)


class _Union:
    """Sets that are joined; the representative of a set is its smallest member."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, at: int) -> int:
        parent = self._parent
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first


def divide(
    candidates: pa.Table,
    chosen: Indices,
    pairs: Sequence[JudgedPair] | None,
    terms: SplitTerms,
    salt: bytes,
) -> pa.Table:
    """Returns which split, group and cluster each chosen asset is in (PARTS_SCHEMA).

    Args:
        candidates: CANDIDATES_SCHEMA (pipelines.selection.dedupe).
        chosen: Indices of the chosen ones.
        pairs: The pairs of candidates that show the same; None if they were not looked for.
        terms: The deal's terms.
        salt: The deal's salt.
    """
    clusters = None if pairs is None else _clusters(candidates, chosen, pairs)
    publish = terms.groups == "publish"
    if not terms.validation_bp and not publish:
        groups = split = None
    else:
        groups = _groups(candidates, chosen, terms)
        shown = values_of(candidates["people"].take(chosen), list[str])
        split = _drawn(groups, clusters, shown, terms.validation_bp, salt)
    ids = candidates["asset_id"]
    rows = len(chosen)
    columns = {
        "split": pa.array(["train"] * rows if split is None else split, pa.string()),
        "group": pa.array(groups if groups is not None and publish else [None] * rows, pa.string()),
        "cluster": pa.array([None] * rows, pa.string())
        if clusters is None
        else ids.take(clusters).combine_chunks(),
    }
    return pa.table(columns, schema=PARTS_SCHEMA)


def _clusters(
    candidates: pa.Table, chosen: Indices, pairs: Iterable[JudgedPair]
) -> npt.NDArray[np.intp]:
    """Returns, for each chosen asset, the chosen one that stands for its cluster."""  # 1
    digests = candidates["media_sha256"].take(chosen).combine_chunks().dictionary_encode()
    codes = digests.indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    cluster: npt.NDArray[np.intp] = chosen[first[codes]]
    alike = [(pair.kept, pair.other) for pair in pairs]
    if not alike:
        return cluster
    numbers = {at: number for number, at in enumerate(dict.fromkeys(sum(alike, ())))}
    sets = _Union(len(numbers))
    for one, other in alike:
        sets.join(numbers[one], numbers[other])
    standing: dict[int, int] = {}
    for at, same in zip(chosen.tolist(), cluster.tolist(), strict=True):
        for member in {at, same} & numbers.keys():
            standing.setdefault(sets.find(numbers[member]), same)
    return np.array(
        [
            standing[sets.find(numbers[at])] if at in numbers else same
            for at, same in zip(chosen.tolist(), cluster.tolist(), strict=True)
        ],
        np.intp,
    )


def _groups(candidates: pa.Table, chosen: Indices, terms: SplitTerms) -> list[str]:
    """Returns, for each chosen asset, the text that stands for its group."""  # 2
    owners = [owner_ids(text) for text in values_of(candidates["owners"].take(chosen), str)]
    dates: list[date | None] = [None] * len(chosen)
    if terms.together == "shoot":
        dates = candidates["created_at"].take(chosen).to_pylist()
    undated = {one for few, day in zip(owners, dates, strict=True) for one in few if day is None}
    shoots = [
        [one if one in undated else f"{one}\n{day}" for one in few]
        for few, day in zip(owners, dates, strict=True)
    ]
    names = sorted({name for few in shoots for name in few})
    numbers = {name: at for at, name in enumerate(names)}
    sets = _Union(len(names))
    for few in shoots:
        for name in few[1:]:
            sets.join(numbers[few[0]], numbers[name])
    return [names[sets.find(numbers[few[0]])] for few in shoots]


def _drawn(
    groups: Sequence[str],
    clusters: npt.NDArray[np.intp] | None,
    people: Sequence[Sequence[str]],
    share_bp: int,
    salt: bytes,
) -> list[str]:
    """Returns the split of each asset."""  # 3
    names = sorted(set(groups))
    numbers = {name: at for at, name in enumerate(names)}
    own = [numbers[name] for name in groups]
    sets = _Union(len(names))
    if clusters is not None:
        first: dict[int, int] = {}
        for number, cluster in zip(own, clusters.tolist(), strict=True):
            sets.join(first.setdefault(cluster, number), number)
    of_person: dict[str, int] = {}
    for number, shown in zip(own, people, strict=True):
        for person in shown:
            sets.join(of_person.setdefault(person, number), number)
    parts: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for number in range(len(names)):
        parts.setdefault(sets.find(number), []).append(number)
    for number in own:
        sizes[sets.find(number)] = sizes.get(sets.find(number), 0) + 1
    most = len(groups) * share_bp / _ALL
    largest = max(sizes, key=lambda part: (sizes[part], -part), default=None)
    validation = {
        part
        for part, members in parts.items()
        if part != largest
        and sizes[part] <= most
        and _draw(salt, min(names[at] for at in members)) < share_bp
    }
    return ["validation" if sets.find(number) in validation else "train" for number in own]


def _draw(salt: bytes, name: str) -> int:
    """Returns a number below 10,000 that depends on a text and on the deal's salt alone."""
    digest = hashlib.sha256(b"fairshard/split\x00" + salt + name.encode()).digest()
    return int.from_bytes(digest[:8], "big") % _ALL
