"""Releases: which are valid for a deal as of an instant, and what is wrong with the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import Bools, Ints, bools, column, equals, integers, present
from schemas.deal import Deal
from schemas.decision import Reason

_EPOCH = date(1970, 1, 1)
DAY_US = 86_400_000_000

# Faults of a release on its own; those that depend on the asset as well are found there.
FAULTS: tuple[Reason, ...] = (
    Reason.RELEASE_REVOKED,
    Reason.RELEASE_EXPIRED,
    Reason.RELEASE_UNSIGNED,
    Reason.RELEASE_GUARDIAN_MISSING,
    Reason.RELEASE_PURPOSE_NOT_COVERED,
    Reason.RELEASE_BIOMETRIC_MISSING,
    Reason.RELEASE_BLANKET_RANGE,
    Reason.RELEASE_WITNESS,
)


def days(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


@dataclass(frozen=True)
class ReleaseIndex:
    """Releases, ready to be joined.

    Attributes:
        ids: Release ids, [n].
        is_model: Whether it is a model release, [n].
        is_property: Whether it is a property release; a release of another kind is neither, [n].
        minor: Whether its subject is a minor, [n].
        faults: For each of FAULTS, where a release has it, [len(FAULTS), n].
        shoot_from: First day it covers, days since 1970, [n]; `shoot_until`: the last.
        has_range: Whether it is bound to shoot dates at all, [n].
        lacks_range: Whether it misses a first or last day, [n].
        valid_until: Its last day, days since 1970, or far away, [n].
        witness: Who witnessed it, [n].
    """

    ids: pa.Array
    is_model: Bools
    is_property: Bools
    minor: Bools
    faults: Bools
    shoot_from: Ints
    shoot_until: Ints
    has_range: Bools
    lacks_range: Bools
    valid_until: Ints
    witness: pa.Array


def last_needed_day(deal: Deal, as_of_us: int) -> int:
    """The day until which rights must hold, in days since 1970.

    It is the deal's last; for a deal that takes rights which end before, the first on which they
    are used.
    """
    if deal.rights.ends_early == "until":
        return max(days(deal.starts), as_of_us // DAY_US)
    return days(deal.ends)


def index_releases(releases: pa.Table, deal: Deal, as_of_us: int) -> ReleaseIndex:
    """Judges each release (schemas.catalogue.RELEASES_SCHEMA) for a deal as of an instant."""
    signed_at = column(releases, "signed_at")
    is_model = equals(column(releases, "kind"), "model")
    minor = bools(column(releases, "minor"))
    far = np.iinfo(np.int64).max
    subject = bools(column(releases, "subject_signed")) | minor
    today = as_of_us // DAY_US
    valid_until = integers(column(releases, "valid_until"), far)
    undated = ~present(signed_at) | (integers(signed_at, far) > today)
    faults = np.stack(
        [
            integers(column(releases, "revoked_at"), far) <= as_of_us,
            valid_until < last_needed_day(deal, as_of_us),
            undated | ~subject | ~bools(column(releases, "photographer_signed")),
            minor & ~bools(column(releases, "guardian_signed")),
            ~equals(column(releases, "ml_use"), "allow"),
            is_model & ~bools(column(releases, "biometric_rider"))
            if deal.rights.people == "biometric-release"
            else np.zeros(len(releases), np.bool_),
            _blanket(releases, deal),
            _unwitnessed(releases, deal),
        ]
    )
    shoot_from, shoot_until = column(releases, "shoot_from"), column(releases, "shoot_until")
    first, last = present(shoot_from), present(shoot_until)
    return ReleaseIndex(
        ids=column(releases, "release_id"),
        is_model=is_model,
        is_property=equals(column(releases, "kind"), "property"),
        minor=minor,
        faults=faults,
        shoot_from=integers(shoot_from, -far),
        shoot_until=integers(shoot_until, far),
        has_range=first | last,
        lacks_range=~(first & last),
        valid_until=valid_until,
        witness=column(releases, "witness_ref"),
    )


def _blanket(releases: pa.Table, deal: Deal) -> Bools:
    """Where a release covers more days than the deal accepts, or has one end only."""
    shoot_from, shoot_until = column(releases, "shoot_from"), column(releases, "shoot_until")
    first, last = present(shoot_from), present(shoot_until)
    span = integers(shoot_until, 0) - integers(shoot_from, 0) + 1
    return (first & last & (span > deal.rights.max_shoot_days)) | (first ^ last)


def _unwitnessed(releases: pa.Table, deal: Deal) -> Bools:
    """Where the witness is the subject, or is missing though the deal asks for one."""
    if deal.rights.witness == "any":
        return np.zeros(len(releases), np.bool_)
    witness = column(releases, "witness_ref")
    same = bools(pc.equal(witness, column(releases, "subject_ref")))
    return same | ~present(witness) if deal.rights.witness == "required" else same
