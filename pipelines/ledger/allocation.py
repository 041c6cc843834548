"""Divides a delivery's pool among its lines exactly, from a few columns of numbers.

A pool cannot be divided before every asset is known. Until then, only an asset's key, a digest of
its id, its weight and a few bytes per contributor are kept. The rest of its row is read again when
its entries are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.classes import Codes, LineClasses
from pipelines.ledger.delivered import (
    Integers,
    Integers32,
    check_digests,
    check_distinct,
    column,
    id_digests,
    read_lines,
)
from pipelines.ledger.pool import DividedPool, divide_pool
from pipelines.ledger.rules import MAX_WEIGHT, asset_weights
from pipelines.ledger.split import Points, divide_among_lines, line_points
from pipelines.storage.columns import Column, values_of
from schemas.errors import InputError
from schemas.ledger import Allocation
from schemas.price_terms import PriceTerms

_COMPARED = 1 << 20  # keys or ids per step


@dataclass(frozen=True, slots=True)
class _Lines:
    """All lines by their asset's position, then contributor, with the class of each."""

    owners: Integers32
    person: Integers32
    share_bp: Integers32
    line_class: Codes


@dataclass(frozen=True)
class AllocatedLines:
    """Every line of a delivery with its amount, in the order of the log: by key, then contributor.

    Attributes:
        ranks: Per asset, in the order in which they were added: its position in the log's order.
        firsts: Per asset, in the log's order: its first line; the last item is the number of lines.
        people: The ids of contributors of delivered assets, sorted.
        earned_minor: The sum of each contributor's lines, in minor units.
        person: Per line: the contributor, as a position in `people`.
        share_bp: Per line: share of the asset, in basis points.
        weight: Per line: weight of the asset under the rule, times the factor of its class.
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
    """Collects a delivery's assets, table by table, and divides the pool among them.

    Args:
        price: The deal's rules.
        as_of: The day on which levels of contributors and assets are evaluated.
        own_shares: Agency shares of contributors that are used instead of the deal's, by id.
    """

    def __init__(
        self, price: PriceTerms, as_of: date, own_shares: Mapping[str, Fraction] | None = None
    ) -> None:
        self._price = price
        self._classes = LineClasses(price, as_of, own_shares or {})
        self._codes: dict[str, int] = {}  # by contributor's id, in order of appearance
        self._keys: list[Column] = []
        self._ids: list[npt.NDArray[np.bytes_]] = []
        self._delivered: npt.NDArray[np.bytes_] | None = None  # sorted, once all are added
        self._counted: list[Integers] = []  # the catalogue's weights, or numbers of samples
        self._counts: list[Integers32] = []  # lines of each asset
        self._people: list[Integers32] = []
        self._shares: list[Integers32] = []
        self._line_classes: list[Codes] = []

    def add(self, table: pa.Table) -> None:
        """Adds a table of `DELIVERED_ASSETS_SCHEMA`.

        Raises:
            InputError: If a split does not sum to 10,000, a contributor's id is empty, a digest is
                not valid, or an asset is not in exactly one class.
        """
        for name in ("media_sha256", "decision_sha256"):
            check_digests(table, name)
        self._keys.append(column(table, "key"))
        self._ids.append(id_digests(table))
        by_samples = Allocation(self._price.allocation) is Allocation.PER_SAMPLE
        self._add_lines(table, "samples" if by_samples else "weight")

    def consider(self, table: pa.Table) -> None:
        """Adds assets that are paid although they are not delivered, once all others are added.

        Args:
            table: Columns of `CONSIDERED_ASSETS_SCHEMA`; delivered assets in it are skipped.

        Raises:
            InputError: As for `add`.
        """
        if self._delivered is None:
            self._delivered = np.sort(np.concatenate(self._ids))
        if not len(self._delivered):
            return  # nothing was delivered, which `allocate` refuses
        ids, delivered = id_digests(table), self._delivered
        nearest = np.minimum(np.searchsorted(delivered, ids), len(delivered) - 1)
        self._add_lines(table.filter(pa.array(delivered[nearest] != ids)), "weight")

    def _add_lines(self, table: pa.Table, counted: str) -> None:
        self._counted.append(column(table, counted).to_numpy().astype(np.int64))
        owners, people, shares = read_lines(table, self._codes)
        self._counts.append(np.bincount(owners, minlength=len(table)).astype(np.int32))
        self._people.append(people)
        self._shares.append(shares)
        self._line_classes.append(self._classes_of(table, owners, people))

    def allocate(
        self, gross_minor: int, carried: Mapping[str, Fraction], tie_key: bytes
    ) -> tuple[AllocatedLines, DividedPool]:
        """Divides a pool among contributors, and their credits among their lines.

        It can be called once: what was added is forgotten as soon as it is not needed.

        Args:
            gross_minor: The pool, in minor units; below 2**63.
            carried: What earlier pools in this currency left, by contributor.
            tie_key: Key of the hash that decides ties among contributors.

        Raises:
            InputError: If nothing was delivered, two assets have the same id or key, or the rules
                cannot be applied, as when all weights are zero.
        """
        ranks = self._rank()
        delivered, assets = len(ranks), sum(map(len, self._counted))
        people = sorted(self._codes)
        places = np.concatenate([ranks, np.arange(delivered, assets)])  # of all assets
        lines = self._ordered_lines(places, people)
        weights = np.empty(assets, np.int64)
        weights[places] = asset_weights(self._price, np.concatenate(self._counted))
        del places
        self._counted.clear()
        firsts = np.searchsorted(lines.owners, np.arange(delivered + 1)).astype(np.int64)
        weights = weights[lines.owners]  # of all lines from here on
        person, share_bp = lines.person, lines.share_bp
        classes = self._classes.shares()
        points = line_points(weights, share_bp)
        sums = _sums(points, lines.line_class, len(classes.agency))
        agency_share = classes.agency_share(sums)
        if set(classes.factors) != {1}:
            factored = _with_factors(weights, lines.line_class, classes.factors)
            counted = line_points(factored, share_bp)
            if counted.any():  # unless the agency takes all that anybody earns
                weights, points = factored, counted
            del factored, counted
        del lines
        totals = dict(zip(people, _sums(points, person, len(people)), strict=True))
        pool = divide_pool(self._price, gross_minor, totals, agency_share, carried, tie_key)
        credits = [pool.division.credits[name] for name in people]
        amounts = divide_among_lines(person, points, credits)
        del points
        stop = int(firsts[-1])  # lines of delivered assets come first
        named, person = _renumber(people, person[:stop])
        earned = _sums(amounts[:stop], person, len(named))
        columns = (person, share_bp[:stop], weights[:stop], amounts[:stop])
        return AllocatedLines(ranks, firsts, named, earned, *columns), pool

    def _ordered_lines(self, places: Integers, people: list[str]) -> _Lines:
        """Returns all lines by their asset's place, then contributor; forgets them here."""
        codes = np.empty(len(people), np.int32)
        codes[[self._codes[person] for person in people]] = np.arange(len(people))
        owners = np.repeat(places.astype(np.int32), np.concatenate(self._counts))
        person = codes[np.concatenate(self._people)]
        self._counts.clear()
        self._people.clear()
        order = np.lexsort((person, owners))
        owners, person = owners[order], person[order]
        share_bp = np.concatenate(self._shares)[order]
        line_class = np.concatenate(self._line_classes)[order]
        self._shares.clear()
        self._line_classes.clear()
        return _Lines(owners, person, share_bp, line_class)

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
        for start in range(0, len(keys), _COMPARED):
            part = keys.take(pa.array(order[start : start + _COMPARED + 1]))
            check_distinct(pc.equal(part[1:], part[:-1]).to_numpy(), "key", part)
        ids = np.concatenate(self._ids)
        by_id = np.argsort(ids, kind="stable")
        same = np.zeros(max(0, len(ids) - 1), np.bool_)
        for start in range(0, len(same), _COMPARED):
            part_ids = ids[by_id[start : start + _COMPARED + 1]]
            same[start : start + _COMPARED] = part_ids[1:] == part_ids[:-1]
        check_distinct(same, "asset id", keys, by_id)
        self._keys.clear()
        self._ids.clear()
        ranks = np.empty(len(keys), np.int64)
        ranks[order] = np.arange(len(keys))
        return ranks

    def _classes_of(self, table: pa.Table, owners: Integers, people: Integers32) -> Codes:
        """Returns the class of every line."""
        if self._classes.is_single:
            return np.zeros(len(people), np.int32)
        names = list(self._codes)
        rows = owners.tolist()
        media, ids = (values_of(column(table, name), str) for name in ("media_type", "asset_id"))
        return self._classes.of_lines(
            [media[row] for row in rows],
            [ids[row] for row in rows],
            [names[code] for code in people.tolist()],
        )


def _renumber(people: list[str], person: Integers32) -> tuple[list[str], Integers32]:
    """Returns the contributors who have a line, and each line's position among them."""
    present = np.bincount(person, minlength=len(people)) > 0
    named = [name for name, has_line in zip(people, present.tolist(), strict=True) if has_line]
    return named, (np.cumsum(present, dtype=np.int32) - 1)[person]


def _sums(points: Points, group: Codes | Integers32, groups: int) -> list[int]:
    """Returns the sum of points of each group; they fit in 64 bits, or are Python ints."""
    sums = np.zeros(groups, points.dtype)
    np.add.at(sums, group, points)
    return [int(value) for value in sums]


def _with_factors(weights: Integers, line_class: Codes, factors: list[int]) -> Integers:
    """Returns the lines' weights times the factors of their classes."""
    if int(weights.max()) * max(factors) > MAX_WEIGHT:
        raise InputError(
            "the weights are beyond 2^53 with the agency's shares",
            f"largest weight {weights.max()}, factors {factors}",
            "Use smaller weights, or shares with fewer digits.",
        )
    return weights * np.array(factors, np.int64)[line_class]
