"""Who is shown: releases are counted by subject, and a revocation holds for its twins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    as_integers,
    column,
    folded,
    is_present,
)
from pipelines.rights.lookup import WordArray, hash_column
from pipelines.storage.columns import Column, without_dictionary

_NEVER = int(np.iinfo(np.int64).max)
_DAY_US = 86_400_000_000
_SEPARATORS = "[ ._\u2010-\u2015]+"
_BUCKETS = np.uint64(2**18)  # of hashes


def subject_codes(releases: pa.Table) -> WordArray:
    """Codes the subjects of releases, apart from case, compatible characters and separators.

    Returns:
        For each release a hash of its subject, and 0 for those without one and for an unknown
        release, which cannot be told apart: together they count as one person, [n + 1]. Two
        subjects with the same hash, of which none are expected, would count as one person too.
    """
    subjects = _with_hyphens(folded(without_dictionary(column(releases, "subject_ref"))))
    codes = hash_column(subjects)
    codes[~is_present(subjects)] = 0
    return np.append(codes, np.uint64(0))


def _with_hyphens(texts: Column) -> Column:
    """Writes blanks, dots, underscores and dashes in texts as a hyphen: `a 77` is `a-77`."""
    if pc.any(pc.match_substring_regex(texts, _SEPARATORS)).as_py() is not True:
        return texts
    written: Column = pc.replace_substring_regex(texts, _SEPARATORS, "-")
    return written


def revoked_twins(
    releases: pa.Table,
    revoked: BoolArray,
    subjects: WordArray,
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
    # By a part of the hash first, so that few are searched for.
    affected = np.zeros(_BUCKETS, np.bool_)
    affected[subjects[sources] % _BUCKETS] = True
    candidates = np.flatnonzero(affected[subjects[:-1] % _BUCKETS] & ~revoked)
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
