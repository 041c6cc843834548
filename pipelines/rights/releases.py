"""Releases, indexed for a deal as of an instant: the kind and the faults of each.

The faults are defined by the rules in `rules/releases.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    ListColumn,
    as_bools,
    as_days,
    column,
    equals,
    folded,
    is_present,
    list_column,
    one_of,
    with_hyphens,
)
from pipelines.rights.lookup import StringIndex
from pipelines.rights.release_subjects import index_witnesses, revoked_twins, subject_codes
from pipelines.rights.text_hashes import WordArray, new_secret
from pipelines.storage.columns import Column, without_dictionary
from schemas.deal import Deal
from schemas.rights import Permission

_EPOCH = date(1970, 1, 1)
DAY_US = 86_400_000_000
_MAX_DAY = int(np.iinfo(np.int32).max)  # days
_BATCH = 65_536  # releases

TraitArray = npt.NDArray[np.uint32]

# What is true of a release, as bits; a bit for each fault follows (`ReleaseIndex.fault_bits`).
IS_MODEL, IS_PROPERTY, IS_MINOR, HAS_SHOOT_DATE, HAS_WITNESS, DENIES = (
    np.uint32(1 << i) for i in range(6)
)
REVOKED = "release.revoked"
#: The profiles whose samples say which of them show the same person.
PROFILES_OF_PEOPLE = frozenset({"human-motion"})
_NO_DENIALS = [value.value for value in Permission if value is not Permission.DENY]


def epoch_days(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


@dataclass(frozen=True)
class ReleaseBatch:
    """Releases to be judged: `table` (schemas.catalogue.RELEASES_SCHEMA), for a deal as of µs."""

    table: pa.Table
    deal: Deal
    as_of_us: int
    _folded: dict[str, Column] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> Column:
        """One column as a single array."""
        return column(self.table, name)

    def folded(self, name: str) -> Column:
        """A column of names as they are compared, computed once."""
        if name not in self._folded:
            self._folded[name] = folded(without_dictionary(self.column(name)))
        return self._folded[name]


@dataclass(frozen=True)
class NamedReleases:
    """The releases that a batch of assets names, one item each time one is named.

    Attributes:
        assets: The assets (schemas.catalogue.ASSETS_SCHEMA).
        deal: The deal.
        index: All releases.
        lists: For each asset, the releases that it names.
        position: For each release named, its position in the index, or -1, [items].
        traits: What is true of it, for the asset's sake as well, [items].
    """

    assets: pa.Table
    deal: Deal
    index: ReleaseIndex
    lists: ListColumn
    position: IntArray
    traits: TraitArray

    def has_trait(self, trait: np.uint32) -> BoolArray:
        """Where a release has a trait, [items]."""
        return np.asarray((self.traits & trait) != 0)

    def has_fault(self, code: str) -> BoolArray:
        """Where a release has a fault, by the code of its reason, [items]."""
        return self.has_trait(self.index.fault_bits[code])

    @property
    def names_subject(self) -> BoolArray:
        """Where a release says whose it is, [items]."""
        return np.asarray(self.index.subjects[self.position] != 0)

    def is_valid(self, kind: np.uint32) -> BoolArray:
        """Where a release of a kind has no fault, [items]."""
        any_fault = np.bitwise_or.reduce(list(self.index.fault_bits.values()))
        return np.asarray((self.traits & (kind | any_fault)) == kind)

    def count_subjects(self, selected: BoolArray) -> IntArray:
        """For each asset, how many different subjects the chosen releases have.

        Two releases of one subject count once, and so do all that name no subject.
        """
        items = np.flatnonzero(selected)
        rows = self.lists.rows[items]
        counts = np.bincount(rows, minlength=len(self.assets)).astype(np.int64)
        several = counts[rows] > 1
        items, rows = items[several], rows[several]
        subjects = self.index.subjects[self.position[items]]
        # Row and subject in one number: more than 40 bits tell the subjects of one asset apart.
        subject_bits = np.uint64(63 - len(counts).bit_length())
        pairs = rows.astype(np.uint64) << subject_bits
        pairs |= subjects >> (np.uint64(64) - subject_bits)
        pairs.sort()
        again = pairs[1:][pairs[1:] == pairs[:-1]] >> subject_bits
        return counts - np.bincount(again.astype(np.int64), minlength=len(counts))


@dataclass(frozen=True)
class ReleaseFault:
    """Why a release does not count. It needs one of the two functions, or both.

    Attributes:
        columns: The columns of the releases table that it is about.
        alone: Where releases have it whatever names them, [releases].
        for_asset: Where they have it for the asset that names them, [items]. Of the traits it sees
            those that a release has alone.
    """

    columns: tuple[str, ...]
    alone: Callable[[ReleaseBatch], BoolArray] | None = None
    for_asset: Callable[[NamedReleases], BoolArray] | None = None


@dataclass(frozen=True)
class ReleaseIndex:
    """Releases, ready to be joined: n of them, and one more that an unknown id (-1) stands for.

    Attributes:
        ids: Release ids.
        traits: What is true of each: IS_MODEL, IS_PROPERTY (one of another kind is neither),
            IS_MINOR (its subject is one), HAS_SHOOT_DATE, HAS_WITNESS, DENIES (machine learning),
            and its faults; [n + 1].
        faults: Every fault, by the code of its reason.
        fault_bits: The bit of each of them in `traits`.
        shoot_from: First day it covers, days since 1970, [n + 1] int32; `shoot_until`: the last.
        valid_until: Its last day, days since 1970, or far away, [n + 1] int32.
        subjects: Who each is about; 0 where that is not stated, [n + 1] uint64. All without one,
            and an unknown release, cannot be told apart: together they count as one person.
        witnesses: Those who witnessed releases.
        witness: Who of them witnessed it, or -1, [n + 1] int32.
        subject_names: Who each is about, written alike; only kept for deals that need it, [n].
    """

    ids: StringIndex
    traits: TraitArray
    faults: Mapping[str, ReleaseFault]
    fault_bits: dict[str, np.uint32]
    shoot_from: npt.NDArray[np.int32]
    shoot_until: npt.NDArray[np.int32]
    valid_until: npt.NDArray[np.int32]
    subjects: WordArray
    witnesses: StringIndex
    witness: npt.NDArray[np.int32]
    subject_names: Column | None = None

    def find(self, assets: pa.Table, deal: Deal) -> NamedReleases:
        """The releases that assets name, with their faults for these assets."""
        lists = list_column(column(assets, "release_ids"))
        position = self.ids.positions(lists.values)
        alone = NamedReleases(assets, deal, self, lists, position, self.traits[position])
        traits = alone.traits.copy()
        for code, fault in self.faults.items():
            if fault.for_asset is not None:
                traits[np.flatnonzero(fault.for_asset(alone))] |= self.fault_bits[code]
        return replace(alone, traits=traits)


def last_needed_day(deal: Deal, as_of_us: int) -> int:
    """The day until which rights must hold, in days since 1970.

    It is the deal's last day or, for a deal that accepts rights which end earlier, the first day on
    which they are used.
    """
    if deal.rights.ends_early == "until":
        return max(epoch_days(deal.starts), as_of_us // DAY_US)
    return epoch_days(deal.ends)


def _denies(ml_use: Column) -> BoolArray:
    """Where a release denies machine learning; an unknown word may mean that it does."""
    return is_present(ml_use) & ~one_of(ml_use, _NO_DENIALS)


# In the order of the bits.
_TRAITS: tuple[Callable[[ReleaseBatch], BoolArray], ...] = (
    lambda part: equals(part.column("kind"), "model"),
    lambda part: equals(part.column("kind"), "property"),
    lambda part: as_bools(part.column("minor")),
    lambda part: is_present(part.column("shoot_from")) | is_present(part.column("shoot_until")),
    lambda part: is_present(part.column("witness_ref")),
    lambda part: _denies(part.column("ml_use")),
)


def _traits_of(
    part: ReleaseBatch, judges: Sequence[Callable[[ReleaseBatch], BoolArray] | None]
) -> TraitArray:
    """What is true of releases, a bit for each judge; bits are set in octets, which is faster."""
    octets = np.zeros((-(-len(judges) // 8), len(part)), np.uint8)
    for i, judge in enumerate(judges):
        if judge is not None:
            octets[i // 8] |= judge(part).view(np.uint8) << np.uint8(i % 8)
    traits = np.zeros(len(part), np.uint32)
    for i, octet in enumerate(octets):
        traits |= octet.astype(np.uint32) << np.uint32(8 * i)
    return traits


def index_releases(
    releases: pa.Table, faults: Mapping[str, ReleaseFault], deal: Deal, as_of_us: int
) -> ReleaseIndex:
    """Judges each release for a deal as of an instant.

    Args:
        releases: schemas.catalogue.RELEASES_SCHEMA.
        faults: Every fault, by the code of its reason.
        deal: The deal.
        as_of_us: The instant, µs since 1970.
    """
    count, secret = len(releases), new_secret()
    traits, subjects = np.zeros(count + 1, np.uint32), np.zeros(count + 1, np.uint64)
    first, last, until = (
        np.full(count + 1, unbounded, np.int32) for unbounded in (-_MAX_DAY, _MAX_DAY, _MAX_DAY)
    )
    judges = (*_TRAITS, *(fault.alone for fault in faults.values()))
    start = 0
    for batch in releases.to_batches(max_chunksize=_BATCH):  # few at a time are faster than all
        part = ReleaseBatch(pa.Table.from_batches([batch]), deal, as_of_us)
        stop = start + len(part)
        traits[start:stop] = _traits_of(part, judges)
        subjects[start:stop] = subject_codes(part.folded("subject_ref"), secret)
        first[start:stop] = as_days(part.column("shoot_from"), -_MAX_DAY)
        last[start:stop] = as_days(part.column("shoot_until"), _MAX_DAY)
        until[start:stop] = as_days(part.column("valid_until"), _MAX_DAY)
        start = stop
    fault_bits = {code: np.uint32(1 << i) for i, code in enumerate(faults, len(_TRAITS))}
    if REVOKED in fault_bits:
        revoked = np.asarray((traits[:-1] & fault_bits[REVOKED]) != 0)
        twins = revoked_twins(releases, revoked, subjects, first, last)
        traits[twins] |= fault_bits[REVOKED]
    witnesses, witness = index_witnesses(column(releases, "witness_ref"))
    return ReleaseIndex(
        ids=StringIndex(column(releases, "release_id")),
        traits=traits,
        faults=faults,
        fault_bits=fault_bits,
        shoot_from=first,
        shoot_until=last,
        valid_until=until,
        subjects=subjects,
        witnesses=witnesses,
        witness=witness,
        subject_names=with_hyphens(folded(without_dictionary(column(releases, "subject_ref"))))
        if deal.profile in PROFILES_OF_PEOPLE
        else None,
    )
