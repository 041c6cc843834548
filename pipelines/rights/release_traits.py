"""What is true of each release by itself, as bits: its kind, what it states, and its faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    BoolArray,
    as_bools,
    as_days,
    column,
    equals,
    folded,
    is_present,
    one_of,
)
from pipelines.rights.release_subjects import subject_codes
from pipelines.rights.text_hashes import WordArray, new_secret
from pipelines.storage.columns import Column, without_dictionary
from schemas.deal import Deal
from schemas.rights import Permission

_EPOCH = date(1970, 1, 1)
DAY_US = 86_400_000_000
_MAX_DAY = int(np.iinfo(np.int32).max)  # days
_BATCH = 65_536  # releases

TraitArray = npt.NDArray[np.uint32]

TRAIT_COUNT = 6
# What is true of a release, as bits; a bit for each fault follows.
IS_MODEL, IS_PROPERTY, IS_MINOR, HAS_SHOOT_DATE, HAS_WITNESS, DENIES = (
    np.uint32(1 << i) for i in range(TRAIT_COUNT)
)
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


def _denies(ml_use: Column) -> BoolArray:
    """Where a release denies machine learning; an unknown word may mean that it does."""
    return is_present(ml_use) & ~one_of(ml_use, _NO_DENIALS)


# In the order of the bits.
_JUDGES: tuple[Callable[[ReleaseBatch], BoolArray], ...] = (
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


class JudgedReleases(NamedTuple):
    """What is true of n releases, as in `ReleaseIndex`; [n + 1] each."""

    traits: TraitArray
    subjects: WordArray
    shoot_from: npt.NDArray[np.int32]
    shoot_until: npt.NDArray[np.int32]
    valid_until: npt.NDArray[np.int32]


def judge_releases(
    releases: pa.Table,
    faults: Sequence[Callable[[ReleaseBatch], BoolArray] | None],
    deal: Deal,
    as_of_us: int,
) -> JudgedReleases:
    """Judges each release for a deal as of an instant.

    Args:
        releases: schemas.catalogue.RELEASES_SCHEMA.
        faults: Where releases have each fault by themselves; None for a fault that depends on the
            asset that names the release.
        deal: The deal.
        as_of_us: The instant, µs since 1970.
    """
    count, secret = len(releases), new_secret()
    judged = JudgedReleases(
        np.zeros(count + 1, np.uint32),
        np.zeros(count + 1, np.uint64),
        *(np.full(count + 1, day, np.int32) for day in (-_MAX_DAY, _MAX_DAY, _MAX_DAY)),
    )
    judges = (*_JUDGES, *faults)
    start = 0
    for batch in releases.to_batches(max_chunksize=_BATCH):  # few at a time are faster than all
        part = ReleaseBatch(pa.Table.from_batches([batch]), deal, as_of_us)
        rows = slice(start, start + len(part))
        judged.traits[rows] = _traits_of(part, judges)
        judged.subjects[rows] = subject_codes(part.folded("subject_ref"), secret)
        judged.shoot_from[rows] = as_days(part.column("shoot_from"), -_MAX_DAY)
        judged.shoot_until[rows] = as_days(part.column("shoot_until"), _MAX_DAY)
        judged.valid_until[rows] = as_days(part.column("valid_until"), _MAX_DAY)
        start += len(part)
    return judged
