"""Rule 10, continued: what makes a release invalid, and so an asset short of releases.

A rule here has two sides. Its `release_fault` says which releases have the fault; where the asset
is short of releases of that kind, the fault of one that it names is a reason of the asset too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow.compute as pc

from pipelines.rights.arrow import (
    BoolArray,
    as_bools,
    as_integers,
    column,
    equals,
    folded,
    is_present,
    list_column,
)
from pipelines.rights.release_traits import (
    DAY_US,
    DENIES,
    HAS_SHOOT_DATE,
    HAS_WITNESS,
    IS_MINOR,
    IS_MODEL,
    ReleaseBatch,
    epoch_days,
)
from pipelines.rights.releases import NamedReleases, ReleaseFault, last_needed_day
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.releases import (
    RELEASES,
    fault_counts,
    named_releases,
    needs_releases,
)
from pipelines.rights.rules.rule import Rule
from pipelines.storage.columns import struct_field

_MAX_INT64 = int(np.iinfo(np.int64).max)


def _revoked(releases: ReleaseBatch) -> BoolArray:
    """Where a release is revoked before the deal ends, even if that day has not come yet."""
    end_us = (epoch_days(releases.deal.ends) + 1) * DAY_US - 1
    last_us = max(releases.as_of_us, end_us)
    return np.asarray(as_integers(releases.column("revoked_at"), _MAX_INT64) <= last_us)


def _expired(releases: ReleaseBatch) -> BoolArray:
    last_day = last_needed_day(releases.deal, releases.as_of_us)
    return np.asarray(as_integers(releases.column("valid_until"), _MAX_INT64) < last_day)


def _unsigned(releases: ReleaseBatch) -> BoolArray:
    signed_at = releases.column("signed_at")
    undated = ~is_present(signed_at)
    undated |= as_integers(signed_at, _MAX_INT64) > releases.as_of_us // DAY_US
    by_guardian = as_bools(releases.column("minor"))
    unsigned = ~(as_bools(releases.column("subject_signed")) | by_guardian)
    return undated | unsigned | ~as_bools(releases.column("photographer_signed"))


def _unguarded(releases: ReleaseBatch) -> BoolArray:
    minor = as_bools(releases.column("minor"))
    return minor & ~as_bools(releases.column("guardian_signed"))


def _purpose_not_covered(releases: ReleaseBatch) -> BoolArray:
    return ~equals(releases.column("ml_use"), "allow")


def _lacks_rider(releases: ReleaseBatch) -> BoolArray:
    if releases.deal.rights.people != "biometric-release":
        return np.zeros(len(releases), np.bool_)
    is_model = equals(releases.column("kind"), "model")
    return is_model & ~as_bools(releases.column("biometric_rider"))


def _lacks_shoot_dates(releases: ReleaseBatch) -> BoolArray:
    if releases.deal.rights.shoot_range != "required":
        return np.zeros(len(releases), np.bool_)
    first, last = (is_present(releases.column(name)) for name in ("shoot_from", "shoot_until"))
    return ~(first & last)


def _outside_shoot_dates(named: NamedReleases) -> BoolArray:
    rows, releases = named.lists.rows, named.index
    created = column(named.assets, "created_at")
    day = as_integers(created, 0)[rows]
    inside = (releases.shoot_from[named.position] <= day) & (
        day <= releases.shoot_until[named.position]
    )
    return named.has_trait(HAS_SHOOT_DATE) & ~(is_present(created)[rows] & inside)


def _covers_too_many_days(releases: ReleaseBatch) -> BoolArray:
    """Where a release covers more days than the deal accepts, or has one end only."""
    shoot_from, shoot_until = releases.column("shoot_from"), releases.column("shoot_until")
    first, last = is_present(shoot_from), is_present(shoot_until)
    span = as_integers(shoot_until, 0) - as_integers(shoot_from, 0) + 1
    return (first & last & (span > releases.deal.rights.max_shoot_days)) | (first ^ last)


def _lacks_independent_witness(releases: ReleaseBatch) -> BoolArray:
    """Where the witness is the subject, or is missing though the deal requires one."""
    if releases.deal.rights.witness == "any":
        return np.zeros(len(releases), np.bool_)
    witness = releases.folded("witness_ref")
    is_subject = as_bools(pc.equal(witness, releases.folded("subject_ref")))
    if releases.deal.rights.witness == "required":
        return is_subject | ~is_present(witness)
    return is_subject


def _witnessed_by_contributor(named: NamedReleases) -> BoolArray:
    found = np.zeros(len(named.position), np.bool_)
    items = np.flatnonzero(named.has_trait(HAS_WITNESS))
    if named.deal.rights.witness == "any" or len(items) == 0:
        return found
    releases, rows = named.index, named.lists.rows[items]
    distinct_rows = rows[np.diff(rows, prepend=-1) > 0]  # they ascend
    subset = named.assets.select(["contributors"]).take(distinct_rows)
    shares = list_column(column(subset, "contributors"))
    names = folded(struct_field(shares.values, "contributor_id"))
    contributor = releases.witnesses.positions(names)
    # Pairs of row and name as one number each.
    name_count = len(releases.witnesses)
    contributor_pairs = (distinct_rows[shares.rows] * name_count + contributor)[contributor >= 0]
    witness_pairs = rows * name_count + releases.witness[named.position[items]]
    found[items] = np.isin(witness_pairs, contributor_pairs)
    return found


def _not_covered(batch: AssetBatch) -> BoolArray:
    """Where a release of an asset denies machine learning, or a needed one does not allow it.

    A no counts even if other releases would do: it is a no of somebody who is shown.
    """
    named = batch.shared(named_releases)
    denied = named.lists.any(named.has_trait(DENIES))
    return denied | fault_counts(batch, "release.purpose_not_covered")


def _guardian_missing(batch: AssetBatch) -> BoolArray:
    counts = fault_counts(batch, "release.guardian_missing")
    if batch.deal.rights.minors != "guardian-release":
        return counts
    # Else a release of the adult beside the child would do.
    named = batch.shared(named_releases)
    has_minor_release = named.lists.any(named.is_valid(IS_MODEL) & named.has_trait(IS_MINOR))
    return counts | (needs_releases(batch) & as_bools(batch.column("minors")) & ~has_minor_release)


def _rule(
    code: str,
    fault: ReleaseFault,
    sentence: str,
    source: str,
    remedy: str,
    columns: tuple[str, ...] = ("release_ids",),
    where: Callable[[AssetBatch], BoolArray] | None = None,
    governed_by: tuple[str, ...] = (),
) -> Rule:
    """A rule about a fault of single releases."""
    return Rule(
        code=code,
        topic=RELEASES,
        where=where or (lambda batch: fault_counts(batch, code)),
        columns=columns,
        sentence=sentence,
        source=source,
        remedy=remedy,
        governed_by=governed_by,
        release_fault=fault,
    )


RULES = (
    _rule(
        "release.expired",
        ReleaseFault(("valid_until",), alone=_expired),
        "A needed release ends before the deal does.",
        "releases.valid_until",
        "Renew it.",
        governed_by=("rights.ends_early", "ends"),
    ),
    _rule(
        "release.revoked",
        ReleaseFault(("revoked_at",), alone=_revoked),
        "A needed release, or one of the same subject and shoot, is revoked before the deal ends.",
        "releases.revoked_at",
        "Get a new release.",
    ),
    _rule(
        "release.unsigned",
        ReleaseFault(("signed_at", "subject_signed", "photographer_signed"), alone=_unsigned),
        "A needed release lacks a date or a signature.",
        "releases.signed_at, subject_signed, photographer_signed",
        "Have it signed and dated.",
    ),
    _rule(
        "release.guardian_missing",
        ReleaseFault(("guardian_signed",), alone=_unguarded),
        "A minor's release lacks the guardian's signature.",
        "releases.guardian_signed",
        "Have the guardian sign.",
        columns=("minors", "release_ids"),
        where=_guardian_missing,
    ),
    _rule(
        "release.purpose_not_covered",
        ReleaseFault(("ml_use",), alone=_purpose_not_covered),
        "A release denies machine learning, or a needed one has no clause that allows it.",
        "releases.ml_use",
        "Get a release whose clause allows it.",
        where=_not_covered,
    ),
    _rule(
        "release.biometric_missing",
        ReleaseFault(("biometric_rider",), alone=_lacks_rider),
        "The deal requires a biometric rider that a needed release lacks.",
        "releases.biometric_rider",
        "Have the rider signed.",
        governed_by=("rights.people",),
    ),
    _rule(
        "release.shoot_range",
        ReleaseFault(
            ("shoot_from", "shoot_until"), alone=_lacks_shoot_dates, for_asset=_outside_shoot_dates
        ),
        "The asset was not made within a needed release's shoot dates.",
        "releases.shoot_from, shoot_until, assets.created_at",
        "Add the release of that shoot.",
        columns=("created_at", "release_ids"),
        governed_by=("rights.shoot_range",),
    ),
    _rule(
        "release.blanket_range",
        ReleaseFault(("shoot_from", "shoot_until"), alone=_covers_too_many_days),
        "A needed release covers more days than the deal accepts.",
        "releases.shoot_from, shoot_until",
        "Add a release of the shoot alone, or raise rights.max_shoot_days.",
        governed_by=("rights.max_shoot_days",),
    ),
    _rule(
        "release.witness",
        ReleaseFault(
            ("witness_ref", "subject_ref"),
            alone=_lacks_independent_witness,
            for_asset=_witnessed_by_contributor,
        ),
        "A needed release lacks an independent witness.",
        "releases.witness_ref",
        "Get a release with a witness who is neither the subject nor a contributor.",
        governed_by=("rights.witness",),
    ),
)
