"""Releases: which are valid for a deal as of an instant, and what is wrong with the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import BoolArray, as_bools, as_integers, column, equals, is_present
from pipelines.rights.lookup import StringIndex
from schemas.deal import Deal
from schemas.reasons import Reason

_EPOCH = date(1970, 1, 1)
DAY_US = 86_400_000_000
_MAX_DAY = int(np.iinfo(np.int32).max)  # days
_BATCH = 65_536  # releases

# Faults of a release on its own; those that depend on the asset as well are found there.
RELEASE_FAULTS: tuple[Reason, ...] = (
    Reason.RELEASE_REVOKED,
    Reason.RELEASE_EXPIRED,
    Reason.RELEASE_UNSIGNED,
    Reason.RELEASE_GUARDIAN_MISSING,
    Reason.RELEASE_PURPOSE_NOT_COVERED,
    Reason.RELEASE_BIOMETRIC_MISSING,
    Reason.RELEASE_BLANKET_RANGE,
    Reason.RELEASE_WITNESS,
)


TraitArray = npt.NDArray[np.uint16]

# What is true of a release, as bits: bit i for FAULTS[i], and then these.
ANY_FAULT = np.uint16(2 ** len(RELEASE_FAULTS) - 1)
IS_MODEL, IS_PROPERTY, IS_MINOR, HAS_SHOOT_DATE, LACKS_SHOOT_DATE, HAS_WITNESS = (
    np.uint16(2 ** (len(RELEASE_FAULTS) + i)) for i in range(6)
)


def epoch_days(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


@dataclass(frozen=True)
class ReleaseIndex:
    """Releases, ready to be joined: n of them, and one more that an unknown id (-1) stands for.

    Attributes:
        ids: Release ids.
        traits: What is true of each: FAULTS, MODEL, PROPERTY (one of another kind is neither),
            MINOR (its subject is one), HAS_RANGE (it is bound to shoot dates), LACKS_RANGE (it
            misses a first or last day), WITNESSED; [n + 1].
        shoot_from: First day it covers, days since 1970, [n + 1] int32; `shoot_until`: the last.
        valid_until: Its last day, days since 1970, or far away, [n + 1] int32.
        witnesses: Those who witnessed releases.
        witness: Who of them witnessed it, or -1, [n + 1] int32.
    """

    ids: StringIndex
    traits: TraitArray
    shoot_from: npt.NDArray[np.int32]
    shoot_until: npt.NDArray[np.int32]
    valid_until: npt.NDArray[np.int32]
    witnesses: StringIndex
    witness: npt.NDArray[np.int32]


def last_needed_day(deal: Deal, as_of_us: int) -> int:
    """The day until which rights must hold, in days since 1970.

    It is the deal's last; for a deal that takes rights which end before, the first on which they
    are used.
    """
    if deal.rights.ends_early == "until":
        return max(epoch_days(deal.starts), as_of_us // DAY_US)
    return epoch_days(deal.ends)


def index_releases(releases: pa.Table, deal: Deal, as_of_us: int) -> ReleaseIndex:
    """Judges each release (schemas.catalogue.RELEASES_SCHEMA) for a deal as of an instant."""
    count = len(releases)
    traits = np.zeros(count + 1, np.uint16)
    first, last, until = (
        np.full(count + 1, unbounded, np.int32) for unbounded in (-_MAX_DAY, _MAX_DAY, _MAX_DAY)
    )
    start = 0
    for batch in releases.to_batches(max_chunksize=_BATCH):  # few at a time are faster than all
        part = pa.Table.from_batches([batch])
        stop = start + len(part)
        for i, has_trait in enumerate(_traits(part, deal, as_of_us)):
            traits[start:stop] |= has_trait.astype(np.uint16) << np.uint16(i)
        first[start:stop] = as_integers(column(part, "shoot_from"), -_MAX_DAY)
        last[start:stop] = as_integers(column(part, "shoot_until"), _MAX_DAY)
        until[start:stop] = as_integers(column(part, "valid_until"), _MAX_DAY)
        start = stop
    witness = column(releases, "witness_ref").dictionary_encode()
    return ReleaseIndex(
        ids=StringIndex(column(releases, "release_id")),
        traits=traits,
        shoot_from=first,
        shoot_until=last,
        valid_until=until,
        witnesses=StringIndex(witness.dictionary),
        witness=np.append(as_integers(witness.indices, -1), -1).astype(np.int32),
    )


def _traits(releases: pa.Table, deal: Deal, as_of_us: int) -> list[BoolArray]:
    """What is true of releases, bit by bit."""
    kind = column(releases, "kind")
    first, last = (is_present(column(releases, name)) for name in ("shoot_from", "shoot_until"))
    return [
        *_faults(releases, deal, as_of_us),
        equals(kind, "model"),
        equals(kind, "property"),
        as_bools(column(releases, "minor")),
        first | last,
        ~(first & last),
        is_present(column(releases, "witness_ref")),
    ]


def _faults(releases: pa.Table, deal: Deal, as_of_us: int) -> list[BoolArray]:
    """For each of FAULTS, where a release has it."""
    signed_at = column(releases, "signed_at")
    minor = as_bools(column(releases, "minor"))
    unbounded = np.iinfo(np.int64).max
    subject_has_signed = as_bools(column(releases, "subject_signed")) | minor
    undated = ~is_present(signed_at) | (as_integers(signed_at, unbounded) > as_of_us // DAY_US)
    lacks_rider = np.zeros(len(releases), np.bool_)
    if deal.rights.people == "biometric-release":
        lacks_rider = equals(column(releases, "kind"), "model")
        lacks_rider &= ~as_bools(column(releases, "biometric_rider"))
    return [
        as_integers(column(releases, "revoked_at"), unbounded) <= as_of_us,
        as_integers(column(releases, "valid_until"), unbounded) < last_needed_day(deal, as_of_us),
        undated | ~subject_has_signed | ~as_bools(column(releases, "photographer_signed")),
        minor & ~as_bools(column(releases, "guardian_signed")),
        ~equals(column(releases, "ml_use"), "allow"),
        lacks_rider,
        _covers_too_many_days(releases, deal),
        _lacks_independent_witness(releases, deal),
    ]


def _covers_too_many_days(releases: pa.Table, deal: Deal) -> BoolArray:
    """Where a release covers more days than the deal accepts, or has one end only."""
    shoot_from, shoot_until = column(releases, "shoot_from"), column(releases, "shoot_until")
    first, last = is_present(shoot_from), is_present(shoot_until)
    span = as_integers(shoot_until, 0) - as_integers(shoot_from, 0) + 1
    return (first & last & (span > deal.rights.max_shoot_days)) | (first ^ last)


def _lacks_independent_witness(releases: pa.Table, deal: Deal) -> BoolArray:
    """Where the witness is the subject, or is missing though the deal asks for one."""
    if deal.rights.witness == "any":
        return np.zeros(len(releases), np.bool_)
    witness = column(releases, "witness_ref")
    is_subject = as_bools(pc.equal(witness, column(releases, "subject_ref")))
    return is_subject | ~is_present(witness) if deal.rights.witness == "required" else is_subject
