"""Releases, indexed for a deal as of an instant: the kind and the faults of each.

The faults are defined by the rules in `rules/releases.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    ListColumn,
    column,
    folded,
    list_column,
    with_hyphens,
)
from pipelines.rights.lookup import StringIndex
from pipelines.rights.release_subjects import index_witnesses, revoked_twins
from pipelines.rights.release_traits import (
    DAY_US,
    TRAIT_COUNT,
    ReleaseBatch,
    TraitArray,
    epoch_days,
    judge_releases,
)
from pipelines.rights.text_hashes import WordArray
from pipelines.storage.columns import Column, without_dictionary
from schemas.deal import Deal

REVOKED = "release.revoked"
#: The profiles whose samples say which of them show the same person.
PROFILES_OF_PEOPLE = frozenset({"human-motion"})


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
    fault_bits = {code: np.uint32(1 << i) for i, code in enumerate(faults, TRAIT_COUNT)}
    subject_ref, witness_ref = (column(releases, name) for name in ("subject_ref", "witness_ref"))
    with ThreadPoolExecutor(1) as thread:  # a core of its own for what takes as long as the rest
        ids = thread.submit(StringIndex, column(releases, "release_id"))
        judged = judge_releases(
            releases, [fault.alone for fault in faults.values()], deal, as_of_us
        )
        traits, subjects, first, last, _ = judged
        if REVOKED in fault_bits:
            revoked = np.asarray((traits[:-1] & fault_bits[REVOKED]) != 0)
            twins = revoked_twins(releases, revoked, subjects, first, last)
            traits[twins] |= fault_bits[REVOKED]
        witnesses, witness = index_witnesses(witness_ref)
    return ReleaseIndex(
        ids=ids.result(),
        traits=traits,
        faults=faults,
        fault_bits=fault_bits,
        shoot_from=first,
        shoot_until=last,
        valid_until=judged.valid_until,
        subjects=subjects,
        witnesses=witnesses,
        witness=witness,
        subject_names=with_hyphens(folded(without_dictionary(subject_ref)))
        if deal.profile in PROFILES_OF_PEOPLE
        else None,
    )
