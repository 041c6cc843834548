"""Who is shown: releases are counted by subject, and a revocation holds for its twins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import BoolArray, IntArray, as_integers, column, folded

_NEVER = int(np.iinfo(np.int64).max)
_DAY_US = 86_400_000_000


def subject_codes(releases: pa.Table) -> npt.NDArray[np.int32]:
    """Numbers the subjects of releases, apart from case and compatible characters.

    Returns:
        For each release its subject, and 0 for those without one and for an unknown release, which
        cannot be told apart: together they count as one person, [n + 1].
    """
    subjects = folded(column(releases, "subject_ref")).dictionary_encode()
    return np.append(as_integers(subjects.indices, -1) + 1, 0).astype(np.int32)


def revoked_twins(
    releases: pa.Table,
    revoked: BoolArray,
    subjects: npt.NDArray[np.int32],
    shoot_from: npt.NDArray[np.int32],
    shoot_until: npt.NDArray[np.int32],
) -> IntArray:
    """Returns the releases that a revocation of another one holds for as well.

    That is one of the same subject whose shoot has a day in common, unless it was signed after the
    revocation: then it is a new yes.

    Args:
        releases: schemas.catalogue.RELEASES_SCHEMA, of n rows.
        revoked: Where one is revoked, [n].
        subjects: From `subject_codes`.
        shoot_from: First day it covers, days since 1970, [n + 1]; `shoot_until`: the last.
        shoot_until: See above.
    """
    sources = np.flatnonzero(revoked & (subjects[:-1] > 0))
    if not len(sources):
        return np.zeros(0, np.int64)
    affected = np.zeros(int(subjects.max()) + 1, np.bool_)
    affected[subjects[sources]] = True
    candidates = np.flatnonzero(affected[subjects[:-1]] & ~revoked)
    sources = sources[np.argsort(subjects[sources], kind="stable")]
    first = np.searchsorted(subjects[sources], subjects[candidates], "left")
    counts = np.searchsorted(subjects[sources], subjects[candidates], "right") - first
    twin = np.repeat(candidates, counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    source = sources[np.repeat(first, counts) + np.arange(len(twin)) - starts]
    revoked_day = as_integers(column(releases, "revoked_at"), _NEVER)[source] // _DAY_US
    signed_day = as_integers(column(releases, "signed_at"), -_NEVER)[twin]
    same_shoot = (shoot_from[twin] <= shoot_until[source]) & (
        shoot_from[source] <= shoot_until[twin]
    )
    return np.unique(twin[same_shoot & (signed_day <= revoked_day)])
