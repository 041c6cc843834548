"""Counts one batch of screened assets for one deal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.quote.recorded import Recorded
from pipelines.quote.tally import (
    CLEARED,
    FILES_BIT,
    SEVERAL,
    Codes,
    PersonTally,
    Tally,
    join_weights,
)
from pipelines.rights.arrow import (
    BoolArray,
    as_integers,
    distinct_texts,
    is_present,
    list_column,
)
from pipelines.rights.index import RightsIndex
from pipelines.rights.rules.attribution import mark_unnamed
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.contributors import contributors_of
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.screen import ReasonMask, screen_by
from pipelines.storage.columns import struct_field, values_of
from schemas.deal import Deal

_CLASSES = 256
_DENSE = 1 << 22  # of so many counters at most, all are held
_FILM = "video"


@dataclass(frozen=True)
class DealTask:
    """A deal, with what its assets are screened and counted by.

    Attributes:
        deal: The deal.
        index: The small tables.
        divert: Catalogue rules that do not stop its run.
        by_weight: Whether the division needs weights.
        odd_assets: Assets that the division puts in a class by themselves.
        recorded: What an earlier version found in files, or None.
        candidates: How many cleared assets to keep, of which some are chosen; 0 for none.
    """

    deal: Deal
    index: RightsIndex
    divert: frozenset[str]
    by_weight: bool
    odd_assets: frozenset[str]
    recorded: Recorded | None = None
    candidates: int = 0


def count_batch(
    assets: pa.Table, task: DealTask, repeated: BoolArray, place: tuple[int, int]
) -> Tally:
    """Screens and counts a batch.

    Args:
        assets: Columns of ASSETS_SCHEMA, texts perhaps encoded as dictionaries.
        task: The deal.
        repeated: Where an asset's id stands in another row as well.
        place: The number of the part and of its first row.
    """
    batch = AssetBatch(assets, task.index, task.deal, repeated)
    mask = screen_by(SCREENING_RULES, batch)
    mark_unnamed(batch, mask)
    tally = Tally()
    if task.index.removed.is_used:
        tally.notices = task.index.removed.count(assets)
    if task.recorded is not None:
        _set_aside(tally, batch, mask, task.recorded, place)
    if task.candidates:
        tally.candidates.limit = task.candidates
        tally.candidates.add_rows(assets, mask == 0, place)
    _count_masks(tally, batch, mask, place)
    classes = classes_of(mask)
    _count_labels(tally, batch, classes)
    _count_people(tally, batch, task, classes)
    return tally


def classes_of(mask: ReasonMask) -> npt.NDArray[np.uint8]:
    """Returns 0 of cleared assets, 1 + i where rule i alone refuses, and `SEVERAL` otherwise."""
    found = np.full(len(mask), SEVERAL, np.uint8)
    found[mask == 0] = CLEARED
    lone = np.flatnonzero((mask != 0) & ((mask & (mask - np.uint64(1))) == 0))
    found[lone] = np.frexp(mask[lone].astype(np.float64))[1]  # exact: they are powers of two
    return found


def _set_aside(
    tally: Tally, batch: AssetBatch, mask: ReasonMask, recorded: Recorded, place: tuple[int, int]
) -> None:
    """Marks cleared assets that an earlier run excluded, and counts its reasons."""
    ids = batch.column("asset_id")
    at = recorded.ids.positions(ids)
    rows = np.flatnonzero((mask == 0) & (at >= 0))
    mask[rows] |= np.uint64(FILES_BIT)
    names = values_of(ids.take(rows), str)
    for row, name in zip(rows.tolist(), names, strict=True):
        for code in recorded.reasons[at[row]]:
            tally.recorded[code] += 1
            tally.recorded_examples.setdefault(code, ((place[0], place[1] + row), name))


def _count_masks(tally: Tally, batch: AssetBatch, mask: ReasonMask, place: tuple[int, int]) -> None:
    distinct, first, of_row = np.unique(mask, return_index=True, return_inverse=True)
    count = len(distinct)
    film = batch.texts("media_type").where(_FILM.__eq__)
    sizes = batch.column("bytes")
    lengths = batch.column("duration_ms")
    without_length = film & ~is_present(lengths)
    columns = {
        "assets": np.bincount(of_row, minlength=count),
        "films": np.bincount(of_row[film], minlength=count),
        "bytes": _exact_sums(of_row, as_integers(sizes, 0), count),
        "without_bytes": np.bincount(of_row[~is_present(sizes)], minlength=count),
        "film_ms": _exact_sums(of_row[film], as_integers(lengths, 0)[film], count),
        "without_length": np.bincount(of_row[without_length], minlength=count),
    }
    ids = values_of(batch.column("asset_id").take(first), str)
    for at, bits in enumerate(distinct.tolist()):
        for name, values in columns.items():
            setattr(tally.masks[bits], name, int(values[at]))
        tally.examples[bits] = ((place[0], place[1] + int(first[at])), ids[at])


def _exact_sums(groups: Codes, values: Codes, count: int) -> Codes:
    """Returns sums of groups in 64 bits; sums of a batch beyond 2**53 are added one by one."""
    if int(values.max(initial=0)) * len(values) < 2**53:
        return np.bincount(groups, weights=values, minlength=count).astype(np.int64)
    found = np.zeros(count, np.int64)
    np.add.at(found, groups, values)
    return found


def _count_labels(tally: Tally, batch: AssetBatch, classes: npt.NDArray[np.uint8]) -> None:
    for name, (labels, codes) in _labels(batch).items():
        keys = codes * _CLASSES + classes
        size = len(labels) * _CLASSES
        if size <= _DENSE:
            counts = np.bincount(keys, minlength=size)
            found = np.flatnonzero(counts)
            sizes = counts[found]
        else:
            found, sizes = np.unique(keys, return_counts=True)
        counter: Counter[tuple[str, int]] = Counter()
        for key, number in zip(found.tolist(), sizes.tolist(), strict=True):
            counter[labels[key // _CLASSES], key % _CLASSES] += number
        tally.by[name] = counter


def _labels(batch: AssetBatch) -> dict[str, tuple[list[str], Codes]]:
    """Returns the labels of each dimension, and which one each asset has."""
    return {
        "licence": _licences(batch),
        "territory": _territories(batch),
        "category": _texts(batch, "category", "not stated"),
        "media_type": _texts(batch, "media_type", "not stated"),
    }


def _texts(batch: AssetBatch, name: str, absent: str) -> tuple[list[str], Codes]:
    texts = batch.texts(name)
    return [*texts.values, absent], texts.codes


def _licences(batch: AssetBatch) -> tuple[list[str], Codes]:
    """Returns labels such as `RF creative` or `RF creative CC-BY-4.0`."""
    parts = [_texts(batch, name, "") for name in ("licence_model", "licence_class", "licence_code")]
    codes = np.zeros(len(batch), np.int64)
    for labels, own in parts:
        codes = codes * len(labels) + own
    distinct, of_row = _distinct(codes)
    labels = []
    for code in distinct.tolist():
        words = []
        for names, _ in reversed(parts):
            code, at = divmod(code, len(names))
            words.append(names[at])
        labels.append(" ".join(word for word in reversed(words) if word))
    return labels, of_row


def _distinct(codes: Codes) -> tuple[Codes, Codes]:
    """Returns the distinct codes, and which one each row has; fast for small codes."""
    largest = int(codes.max(initial=0))
    if largest > _DENSE:
        found, of_row = np.unique(codes, return_inverse=True)
        return found, of_row
    present = np.zeros(largest + 1, np.bool_)
    present[codes] = True
    found = np.flatnonzero(present)
    numbers = np.cumsum(present) - 1
    return found, numbers[codes]


def _territories(batch: AssetBatch) -> tuple[list[str], Codes]:
    """Returns labels such as `everywhere`, `DE, NO` or `everywhere without CN, RU`."""
    keys = np.zeros(len(batch), np.uint64)
    texts = {}
    for at, name in enumerate(("territories_in", "territories_out")):
        lists = list_column(batch.column(name))
        distinct = distinct_texts(lists.values)
        texts[name] = (lists, distinct)
        if len(lists.values):
            # A sum of hashes does not depend on the order in which countries are listed.
            dice = np.random.default_rng(at + 1)
            numbers = dice.integers(0, 2**64, len(distinct.values) + 1, np.uint64)
            ends = np.cumsum(lists.lengths)
            sums = np.concatenate([[np.uint64(0)], np.cumsum(numbers[distinct.codes])])
            keys += sums[ends] - sums[ends - lists.lengths]
    labels = ["everywhere"]
    codes = np.zeros(len(batch), np.int64)
    limited = np.flatnonzero(keys)
    found, first, of_row = np.unique(keys[limited], return_index=True, return_inverse=True)
    codes[limited] = of_row + 1
    starts = {name: np.cumsum(lists.lengths) for name, (lists, _) in texts.items()}
    for row in limited[first].tolist() if len(found) else []:
        words = []
        for name, (lists, distinct) in texts.items():
            end = int(starts[name][row])
            items = distinct.codes[end - int(lists.lengths[row]) : end].tolist()
            words.append(", ".join(sorted({distinct.values[item] for item in items})))
        inside = words[0] if words[0] not in ("", "WORLD") else "everywhere"
        labels.append(f"{inside} without {words[1]}" if words[1] else inside)
    return labels, codes


def _count_people(
    tally: Tally, batch: AssetBatch, task: DealTask, classes: npt.NDArray[np.uint8]
) -> None:
    made_by = batch.shared(contributors_of)
    rows, people = made_by.shares.rows, made_by.positions.contributor
    count = 2 * (len(task.index.consents.people) + 1)
    film = batch.texts("media_type").where(_FILM.__eq__)
    # Somebody whom no table knows has the last place.
    places = np.where(people < 0, count // 2 - 1, people) * 2 + film[rows]
    shares = as_integers(struct_field(made_by.shares.values, "share_bp"), 0)
    own = classes[rows]
    cleared = own == CLEARED
    weights = as_integers(batch.column("weight"), 1)
    if task.odd_assets:
        odd = _odd_rows(batch, task)[rows] & cleared
        _add_odd_lines(tally, batch, rows, shares, weights, np.flatnonzero(odd))
        cleared &= ~odd
    at = places[cleared]
    weighted = np.zeros(count if task.by_weight else 0, np.int64)
    if task.by_weight:
        np.add.at(weighted, at, (weights[rows] * shares)[cleared])
        chosen = weights[classes == CLEARED]
        if len(chosen):
            extremes = int(chosen.min()), int(chosen.max())
            parts = (int(chosen.sum()), int(np.gcd.reduce(chosen)), *extremes)
            tally.weights = join_weights(tally.weights, parts)
    lines = np.bincount(places, minlength=count)
    kept = np.bincount(at, minlength=count)
    sums = np.bincount(at, weights=shares[cleared], minlength=count).astype(np.int64)
    lone = (own != CLEARED) & (own != SEVERAL)
    alone, alone_lines = np.unique(places[lone] * _CLASSES + own[lone], return_counts=True)
    found = np.flatnonzero(lines)
    tally.people.append(
        PersonTally(
            found,
            kept[found],
            (lines - np.bincount(places[own == CLEARED], minlength=count))[found],
            sums[found],
            weighted[found] if task.by_weight else weighted,
            alone,
            alone_lines,
        )
    )


def _odd_rows(batch: AssetBatch, task: DealTask) -> BoolArray:
    ids = values_of(batch.column("asset_id"), str)
    return np.fromiter((name in task.odd_assets for name in ids), np.bool_, len(ids))


def _add_odd_lines(
    tally: Tally, batch: AssetBatch, rows: Codes, shares: Codes, weights: Codes, lines: Codes
) -> None:
    people = batch.shared(contributors_of).shares.values
    who = struct_field(people, "contributor_id").take(lines)
    assets, media = (batch.column(name).take(rows[lines]) for name in _ODD_COLUMNS)
    texts = (values_of(column, str) for column in (assets, who, media))
    numbers = (shares[lines].tolist(), weights[rows[lines]].tolist())
    tally.odd_lines += zip(*texts, *numbers, strict=True)


_ODD_COLUMNS = ("asset_id", "media_type")
#: Columns that counting looks at besides those of rules.
COUNTED_COLUMNS = (
    *("media_type", "bytes", "duration_ms", "weight", "licence_model", "licence_class"),
    *("licence_code", "territories_in", "territories_out", "category", "contributors"),
)
