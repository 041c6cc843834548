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
_DAY_US = 86_400_000_000

# Faults of a release on its own; the shoot range depends on the asset and is checked there.
FAULTS: tuple[Reason, ...] = (
    Reason.RELEASE_REVOKED,
    Reason.RELEASE_EXPIRED,
    Reason.RELEASE_UNSIGNED,
    Reason.RELEASE_GUARDIAN_MISSING,
    Reason.RELEASE_PURPOSE_NOT_COVERED,
    Reason.RELEASE_BIOMETRIC_MISSING,
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
    """

    ids: pa.Array
    is_model: Bools
    is_property: Bools
    minor: Bools
    faults: Bools
    shoot_from: Ints
    shoot_until: Ints
    has_range: Bools


def index_releases(releases: pa.Table, deal: Deal, as_of_us: int) -> ReleaseIndex:
    """Judges each release (schemas.catalogue.RELEASES_SCHEMA) for a deal as of an instant."""
    signed_at = column(releases, "signed_at")
    is_model = equals(column(releases, "kind"), "model")
    minor = bools(column(releases, "minor"))
    far = np.iinfo(np.int64).max
    subject = bools(column(releases, "subject_signed")) | minor
    today = as_of_us // _DAY_US
    undated = ~present(signed_at) | (integers(signed_at, far) > today)
    faults = np.stack(
        [
            integers(column(releases, "revoked_at"), far) <= as_of_us,
            integers(column(releases, "valid_until"), far) < days(deal.ends),
            undated | ~subject | ~bools(column(releases, "photographer_signed")),
            minor & ~bools(column(releases, "guardian_signed")),
            ~equals(column(releases, "ml_use"), "allow"),
            is_model & ~bools(column(releases, "biometric_rider"))
            if deal.rights.people == "biometric-release"
            else np.zeros(len(releases), np.bool_),
        ]
    )
    shoot_from, shoot_until = column(releases, "shoot_from"), column(releases, "shoot_until")
    return ReleaseIndex(
        ids=column(releases, "release_id"),
        is_model=is_model,
        is_property=equals(column(releases, "kind"), "property"),
        minor=minor,
        faults=faults,
        shoot_from=integers(shoot_from, -far),
        shoot_until=integers(shoot_until, far),
        has_range=bools(pc.or_(pc.is_valid(shoot_from), pc.is_valid(shoot_until))),
    )
