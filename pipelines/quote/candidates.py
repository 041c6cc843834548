"""Cleared assets of which some are chosen: at most so many, drawn by a hash of their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import BoolArray
from pipelines.rights.text_hashes import WordArray, hash_column
from pipelines.storage.columns import without_dictionary

#: Of more cleared assets, so many are drawn by a hash of their ids.
MOST_CANDIDATES = 200_000
COVER_COLUMNS = ("asset_id", "media_type", "sha256", "contributors", "category", "keywords")
# The order by which assets are drawn, and ties decided: it favours nobody, and never changes.
_ORDER = hashlib.shake_256(b"fairshard quote --cover").digest(256)


@dataclass(frozen=True)
class Candidate:
    """A cleared asset.

    Attributes:
        asset_id: Its id.
        media: Its media type.
        sha256: Digest of its file as the catalogue states it, in lower case, or "".
        place: Numbers of its part of the catalogue and of its row there, for the catalogue's order.
        labels: Contributors, categories and keywords, by kind of label.
    """

    asset_id: str
    media: str
    sha256: str
    place: tuple[int, int]
    labels: dict[str, list[str]]


@dataclass
class Candidates:
    """Cleared assets of which some are chosen: at most `limit`, those with the least hashes.

    Attributes:
        limit: How many are kept at least, if there are so many; 0 for none.
        parts: Hashes of ids, and rows with `COVER_COLUMNS` and their places.
    """

    limit: int = 0
    parts: list[tuple[WordArray, pa.Table]] = field(default_factory=list)

    def add_rows(self, assets: pa.Table, cleared: BoolArray, place: tuple[int, int]) -> None:
        """Adds the cleared assets of a batch.

        Args:
            assets: A batch with `COVER_COLUMNS`.
            cleared: Which of them are cleared.
            place: The number of the part and of its first row.
        """
        rows = assets.select(list(COVER_COLUMNS)).filter(pa.array(cleared))
        at = np.flatnonzero(cleared) + place[1]
        rows = rows.append_column("part", pa.array(np.full(len(at), place[0], np.int64)))
        rows = rows.append_column("row", pa.array(at))
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

    def ordered(self) -> list[Candidate]:
        """Returns the candidates in the order of their hashes."""
        found = []
        for hashes, rows in self.parts:
            for number, row in zip(hashes.tolist(), rows.to_pylist(), strict=True):
                labels = {
                    "contributor": [one["contributor_id"] for one in row["contributors"] or ()],
                    "category": [row["category"]] if row["category"] else [],
                    "keyword": [word.casefold() for word in row["keywords"] or () if word],
                }
                place = row["part"], row["row"]
                stated = (row["sha256"] or "").lower()
                asset_id, media = str(row["asset_id"]), str(row["media_type"])
                found.append((number, Candidate(asset_id, media, stated, place, labels)))
        found.sort(key=lambda one: (one[0], one[1].asset_id))
        return [candidate for _, candidate in found[: self.limit]]


def in_catalogue_order(candidates: Sequence[Candidate]) -> list[int]:
    """Returns the positions of candidates in the order in which the catalogue has them."""
    return sorted(range(len(candidates)), key=lambda at: candidates[at].place)
