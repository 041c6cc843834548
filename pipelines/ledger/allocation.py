"""Allocates the contributors' part of a delivery exactly, from a few columns of numbers.

The pool cannot be divided before every asset is known. Until then, only an asset's key, a digest of
its id, its weight and a few bytes per contributor are kept. The rest of its row is read again when
its entries are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.split import allocate, line_weight
from pipelines.storage.columns import Column, list_items, rows_of, values_of
from schemas.errors import InputError
from schemas.ledger import FULL_SPLIT_BP, Allocation
from schemas.sample import DeliveredAssetRow

Integers = npt.NDArray[np.int64]
Integers32 = npt.NDArray[np.int32]

_ID_BYTES = 16
_SHA256 = r"\A[0-9a-f]{64}\z"


@dataclass(frozen=True)
class AllocatedLines:
    """Every line of a delivery with its amount, in the order of the log: by key, then contributor.

    Attributes:
        ranks: Per asset, in the order in which they were added: its position in the log's order.
        firsts: Per asset, in the log's order: its first line; the last item is the number of lines.
        people: The contributors' ids, sorted.
        earned_minor: Total earnings of each contributor, in minor units.
        person: Per line: the contributor, as a position in `people`.
        share_bp: Per line: share of the asset, in basis points.
        weight: Per line: weight of the asset under the rule.
        amount_minor: Per line: amount paid, in minor units.
    """

    ranks: Integers
    firsts: Integers
    people: list[str]
    earned_minor: list[int]
    person: Integers32
    share_bp: Integers32
    weight: Integers
    amount_minor: Integers


class Allocator:
    """Collects a delivery's assets, table by table, and shares the contributors' part among them.

    Args:
        rule: How the contributors' part is shared.
    """

    def __init__(self, rule: Allocation) -> None:
        self._rule = rule
        self._codes: dict[str, int] = {}  # by contributor's id, in order of appearance
        self._keys: list[Column] = []
        self._ids: list[npt.NDArray[np.bytes_]] = []
        self._weights: list[Integers] = []
        self._counts: list[Integers32] = []  # lines of each asset
        self._people: list[Integers32] = []
        self._shares: list[Integers32] = []

    def add(self, table: pa.Table) -> None:
        """Adds a table of `DELIVERED_SCHEMA`.

        Raises:
            InputError: If a split does not sum to 10,000, a contributor's id is empty, or a digest
                or a weight is not valid.
        """
        for name in ("media_sha256", "decision_sha256"):
            _check_digests(table, name)
        self._keys.append(_column(table, "key"))
        self._ids.append(_id_digests(table))
        self._weights.append(self._line_weights(table))
        owners, people, shares = self._lines(table)
        self._counts.append(np.bincount(owners, minlength=len(table)).astype(np.int32))
        self._people.append(people)
        self._shares.append(shares)

    def points(self) -> dict[str, int]:
        """Returns the sum of weight times share over the lines of every contributor, by id."""
        if not self._codes:
            return {}
        owners = np.repeat(np.arange(sum(map(len, self._counts))), np.concatenate(self._counts))
        weights = np.concatenate(self._weights)[owners].tolist()
        shares = np.concatenate(self._shares).tolist()
        totals = [0] * len(self._codes)
        for code, weight, share in zip(
            np.concatenate(self._people).tolist(), weights, shares, strict=True
        ):
            totals[code] += weight * share
        return dict(zip(self._codes, totals, strict=True))

    def allocate(
        self, shared_minor: int, earned: Mapping[str, int] | None = None
    ) -> AllocatedLines:
        """Shares the contributors' part over all lines.

        Args:
            shared_minor: The contributors' part, in minor units.
            earned: How it is divided among them, by id; None divides it by their points.

        Raises:
            InputError: If nothing was delivered, two assets have the same id or key, or all weights
                are zero.
        """
        ranks = self._rank()
        people = sorted(self._codes)
        places = np.empty(len(people), np.int32)
        places[[self._codes[person] for person in people]] = np.arange(len(people))
        counts = np.concatenate(self._counts)
        owners = np.repeat(ranks, counts)  # position of each line's asset
        person = places[np.concatenate(self._people)]
        order = np.lexsort((person, owners))
        owners, person = owners[order], person[order]
        share_bp = np.concatenate(self._shares)[order]
        weights = np.empty(len(ranks), np.int64)
        weights[ranks] = np.concatenate(self._weights)
        firsts = np.searchsorted(owners, np.arange(len(ranks) + 1)).astype(np.int64)
        weight = weights[owners]
        given = None if earned is None else [earned[name] for name in people]
        amounts, totals = allocate(person, weight, share_bp, len(people), shared_minor, given)
        return AllocatedLines(ranks, firsts, people, totals, person, share_bp, weight, amounts)

    def _rank(self) -> Integers:
        """Returns every asset's position in the order of keys, by code point."""
        if not sum(map(len, self._keys)):
            raise InputError(
                "nothing was delivered, so nobody can be paid",
                "0 assets",
                "Widen the deal's selection, or publish no delivery.",
            )
        keys = pa.chunked_array(self._keys, pa.string())
        order = pc.sort_indices(keys).to_numpy()
        ordered = keys.take(pa.array(order))
        _check_distinct(pc.equal(ordered[1:], ordered[:-1]).to_numpy(), "key", ordered)
        ids = np.concatenate(self._ids)
        by_id = np.argsort(ids, kind="stable")
        ids = ids[by_id]
        _check_distinct(ids[1:] == ids[:-1], "asset id", keys, by_id)
        ranks = np.empty(len(keys), np.int64)
        ranks[order] = np.arange(len(keys))
        return ranks

    def _line_weights(self, table: pa.Table) -> Integers:
        weights = _column(table, "weight").to_numpy()
        samples = _column(table, "samples").to_numpy()
        checked = [
            line_weight(self._rule, weight, count)
            for weight, count in zip(weights.tolist(), samples.tolist(), strict=True)
        ]
        return np.array(checked, np.int64)

    def _lines(self, table: pa.Table) -> tuple[Integers, Integers32, Integers32]:
        """Returns row, contributor and share of every line; repeated contributors add up."""
        contributor_lists, share_lists = (
            _column(table, "contributor_ids"),
            _column(table, "shares_bp"),
        )
        sizes = pc.list_value_length(contributor_lists).to_numpy()
        rows = np.repeat(np.arange(len(table)), sizes)
        people = list_items(contributor_lists).dictionary_encode()
        codes = [
            self._codes.setdefault(person, len(self._codes))
            for person in values_of(people.dictionary, str)
        ]
        contributor = np.array(codes, np.int32)[people.indices.to_numpy()]
        shares = list_items(share_lists).to_numpy().astype(np.int64)
        valid = sizes == pc.list_value_length(share_lists).to_numpy()
        if valid.all():
            order = np.lexsort((contributor, rows))
            rows, contributor, shares = rows[order], contributor[order], shares[order]
            starts = np.flatnonzero(
                (np.diff(rows, prepend=-1) != 0) | (np.diff(contributor, prepend=-1) != 0)
            )
            rows, contributor = rows[starts], contributor[starts]
            shares = np.add.reduceat(shares, starts) if len(starts) else shares
            total = np.zeros(len(table), np.int64)
            np.add.at(total, rows, shares)
            valid = total == FULL_SPLIT_BP
            valid[rows[(shares < 0) | (contributor == self._codes.get("", -1))]] = False
        if not valid.all():
            _refuse_split(table, int(np.argmin(valid)))
        return rows, contributor, shares.astype(np.int32)


def _column(table: pa.Table, name: str) -> Column:
    return table.column(name).combine_chunks()


def _id_digests(table: pa.Table) -> npt.NDArray[np.bytes_]:
    """Returns 128-bit digests of the assets' ids, long enough to rule out collisions."""
    ids = values_of(_column(table, "asset_id"), str)
    data = b"".join(hashlib.sha256(one.encode()).digest()[:_ID_BYTES] for one in ids)
    return np.frombuffer(data, f"S{_ID_BYTES}")


def _check_digests(table: pa.Table, name: str) -> None:
    is_digest = pc.match_substring_regex(_column(table, name), _SHA256).to_numpy(
        zero_copy_only=False
    )
    if not is_digest.all():
        row = table.slice(int(np.argmin(is_digest)), 1).to_pylist()[0]
        raise InputError(
            f"{name} is not a digest",
            f"asset {row['asset_id']!r}: {row[name]!r}",
            "It must be 64 lower-case hex digits.",
        )


def _check_distinct(
    same: npt.NDArray[np.bool_],
    what: str,
    keys: pa.ChunkedArray[pa.StringScalar],
    order: Integers | None = None,
) -> None:
    """Refuses two assets with the same `what`; the error names their keys."""
    if not same.any():
        return
    at = int(np.argmax(same))
    pair = [at, at + 1] if order is None else sorted(int(one) for one in order[at : at + 2])
    described = " and ".join(repr(keys[one].as_py()) for one in pair)
    raise InputError(
        f"two delivered assets have the same {what}", f"keys {described}", "Merge the rows."
    )


def _refuse_split(table: pa.Table, at: int) -> None:
    [row] = rows_of(table.slice(at, 1), DeliveredAssetRow)
    people = row["contributor_ids"]
    described = list(zip(people, row["shares_bp"], strict=False))
    if not all(people):
        raise InputError(
            "an asset does not name a contributor",
            f"asset {row['asset_id']!r}: {people}",
            "Give every contributor of an asset an id and a share.",
        )
    raise InputError(
        "a split does not sum to 10000 basis points",
        f"asset {row['asset_id']!r}: {described}",
        "Correct the shares in the catalogue.",
    )
