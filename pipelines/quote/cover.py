"""Chooses assets that cover a catalogue: its contributors, categories and keywords.

Every label has a weight, which the first chosen asset that has it adds. The sum is submodular, so
that taking the asset that adds most, again and again, gives at least 63 % of the best choice's sum
(Nemhauser, Wolsey and Fisher 1978), and an asset that once added little need not be looked at again
until it comes first (Minoux 1978). Gains are whole numbers: the same assets give the same choice in
any order and on any machine.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.rights.lookup import WordArray, hash_column
from pipelines.storage.columns import without_dictionary
from schemas.errors import InputError

#: Of more cleared assets, so many are drawn by a hash of their ids.
MOST_CANDIDATES = 200_000
COVER_COLUMNS = ("asset_id", "contributors", "category", "keywords")
LABELS = ("contributor", "category", "keyword")
# The order by which assets are drawn, and ties decided: it favours nobody, and never changes.
_ORDER = hashlib.shake_256(b"fairshard quote --cover").digest(256)
_WHOLE = 1 << 40  # the sum of the weights of a kind of label, about
_FEWEST = 2  # assets with a keyword, so that misspelt ones count for nothing


@dataclass
class Candidates:
    """Cleared assets of which some are chosen: at most `limit`, those with the least hashes.

    Attributes:
        limit: How many are kept at least, if there are so many; 0 for none.
        parts: Hashes of ids, and rows with `COVER_COLUMNS`.
    """

    limit: int = 0
    parts: list[tuple[WordArray, pa.Table]] = field(default_factory=list)

    def add_rows(self, rows: pa.Table) -> None:
        """Adds cleared assets, with `COVER_COLUMNS`."""
        ids = without_dictionary(rows.column("asset_id").combine_chunks())
        self.parts.append((hash_column(ids, _ORDER), rows))
        self._cut()

    def add(self, other: Candidates) -> None:
        """Adds another part; the order does not matter."""
        self.limit = max(self.limit, other.limit)
        self.parts += other.parts
        self._cut()

    def _cut(self) -> None:
        if sum(len(hashes) for hashes, _ in self.parts) <= 2 * self.limit:
            return
        every = np.concatenate([hashes for hashes, _ in self.parts])
        last = np.partition(every, self.limit - 1)[self.limit - 1]
        self.parts = [
            (hashes[hashes <= last], rows.filter(pa.array(hashes <= last)))
            for hashes, rows in self.parts
            if len(hashes)
        ]

    def ordered(self) -> list[tuple[str, dict[str, list[str]]]]:
        """Returns ids and labels of the candidates, in the order of their hashes."""
        found = []
        for hashes, rows in self.parts:
            for place, row in zip(hashes.tolist(), rows.to_pylist(), strict=True):
                people = [share["contributor_id"] for share in row["contributors"] or ()]
                labels = {
                    "contributor": people,
                    "category": [row["category"]] if row["category"] else [],
                    "keyword": [word.casefold() for word in row["keywords"] or () if word],
                }
                found.append((place, str(row["asset_id"]), labels))
        found.sort(key=lambda one: one[:2])
        return [(asset_id, labels) for _, asset_id, labels in found[: self.limit]]


@dataclass(frozen=True)
class Reach:
    """How many labels of a kind are reached.

    Attributes:
        labels: How many the candidates have; of keywords, those of several assets.
        chosen: How many the chosen assets have.
        random: How many as many assets have that are drawn by a hash of their ids.
    """

    labels: int
    chosen: int
    random: int


@dataclass(frozen=True)
class Cover:
    """A choice of assets.

    Attributes:
        assets: Ids of the chosen, in order.
        candidates: Of how many it was made.
        reach: By kind of label.
        share: Share of the labels' weight that the chosen assets have; each kind counts the same.
        random_share: The same of assets that are drawn by a hash of their ids.
    """

    assets: tuple[str, ...]
    candidates: int
    reach: dict[str, Reach]
    share: float
    random_share: float


def choose_cover(candidates: Candidates, count: int) -> Cover:
    """Chooses assets that cover the candidates' labels.

    Args:
        candidates: The candidates.
        count: How many to choose, if there are so many.
    """
    ordered = candidates.ordered()
    weights = _weights([labels for _, labels in ordered])
    numbers = {label: number for number, label in enumerate(weights)}
    of_asset = [
        sorted(
            {
                numbers[kind, one]
                for kind in LABELS
                for one in labels[kind]
                if (kind, one) in numbers
            }
        )
        for _, labels in ordered
    ]
    chosen = choose_by_labels(of_asset, list(weights.values()), count)
    drawn = range(min(count, len(ordered)))
    keys = list(weights)
    ours, random = (
        {keys[number] for at in places for number in of_asset[at]} for places in (chosen, drawn)
    )
    reach = {
        kind: Reach(*(sum(one[0] == kind for one in labels) for labels in (keys, ours, random)))
        for kind in LABELS
    }
    whole = sum(weights.values()) or 1
    shares = [
        round(sum(weights[label] for label in labels) / whole, 4) for labels in (ours, random)
    ]
    assets = tuple(sorted(ordered[at][0] for at in chosen))
    return Cover(assets, len(ordered), reach, *shares)


def choose_by_labels(
    of_asset: Sequence[Sequence[int]], weights: Sequence[int], count: int
) -> list[int]:
    """Takes, again and again, the asset that adds most; of several, the first.

    Args:
        of_asset: Numbers of each asset's labels, none twice.
        weights: Weight of each label.
        count: How many assets to take, if there are so many.

    Returns:
        Their positions, in the order in which they were taken.
    """
    reached = [False] * len(weights)
    # What an asset would add can only fall, so that a gain of before is never too small.
    heap = [(-sum(weights[label] for label in own), at) for at, own in enumerate(of_asset)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, at = heap[0]
        gain = sum(weights[label] for label in of_asset[at] if not reached[label])
        if (-gain, at) != heap[0]:
            heapq.heapreplace(heap, (-gain, at))
            continue
        heapq.heappop(heap)
        chosen.append(at)
        for label in of_asset[at]:
            reached[label] = True
    return chosen


def _weights(rows: Iterable[dict[str, list[str]]]) -> dict[tuple[str, str], int]:
    """Returns the weight of each label: it grows with the logarithm of how many assets have it."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in LABELS}
    for labels in rows:
        for kind in LABELS:
            counts[kind].update(set(labels[kind]))
    found = {}
    for kind in LABELS:
        few = _FEWEST if kind == "keyword" else 1
        sizes = {label: n.bit_length() for label, n in sorted(counts[kind].items()) if n >= few}
        whole = sum(sizes.values())
        found.update({(kind, label): _WHOLE * size // whole for label, size in sizes.items()})
    return found


def write_list(path: Path, assets: Sequence[str]) -> None:
    """Writes a list that `select.only` takes: an asset id on each line.

    Raises:
        InputError: If an id cannot be on a line by itself, or the file cannot be written.
    """
    for asset_id in assets:
        if not asset_id.isprintable() or asset_id != asset_id.strip():
            raise InputError(
                "A chosen asset cannot be listed",
                f"its id is {asset_id!r}",
                "Give the asset an id without blanks around it and without invisible characters.",
            )
    try:
        path.write_bytes("".join(f"{asset_id}\n" for asset_id in assets).encode())
    except OSError as error:
        raise InputError(
            "The list cannot be written", f"{path}: {error.strerror}", "Give another --list."
        ) from error
