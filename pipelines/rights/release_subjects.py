"""Who is shown, and who witnessed it.

Releases are counted by subject, and a revocation also applies to its twins: other releases of the
same subject and shoot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    as_integers,
    column,
    folded,
    is_present,
    with_hyphens,
)
from pipelines.rights.lookup import StringIndex
from pipelines.rights.text_hashes import WordArray, hash_column
from pipelines.storage.columns import Column, without_dictionary

_NEVER = int(np.iinfo(np.int64).max)
_DAY_US = 86_400_000_000
_BUCKET_COUNT = 2**20  # a power of two
_CHUNK_ROWS = 65_536  # releases at a time: what is worked on stays in the processor's cache
_BUCKET_MASK = np.uint64(_BUCKET_COUNT - 1)  # of hashes


def subject_codes(subjects: Column, secret: bytes) -> WordArray:
    """Codes subjects of releases; codes can be compared only if their secret is the same.

    Args:
        subjects: Subjects after `folded`, [n]; separators are made alike here.
        secret: From `lookup.new_secret`.

    Returns:
        A hash of each, and 0 for those without one, which cannot be told apart: together they count
        as one person, [n]. Two subjects with the same hash, of which none are expected, would count
        as one person too.
    """
    codes = hash_column(with_hyphens(subjects), secret)
    if subjects.null_count:
        codes[~is_present(subjects)] = 0
    return codes


def _candidates(affected: BoolArray, subjects: WordArray, revoked: BoolArray) -> IntArray:
    """The releases that are not revoked and whose subject is in an affected bucket."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(subjects), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        buckets = (subjects[rows] & _BUCKET_MASK).view(np.int64)
        found.append(np.flatnonzero(affected[buckets] & ~revoked[rows]) + start)
    return np.concatenate(found)


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
        subjects: From `subject_codes`, and one for an unknown release, [n + 1].
        shoot_from: First day it covers, days since 1970, [n + 1]; `shoot_until`: the last.
        shoot_until: See above.
    """
    sources = np.flatnonzero(revoked & (subjects[:-1] > 0))
    if not len(sources):
        return np.zeros(0, np.int64)
    sources = sources[np.argsort(subjects[sources])]
    known = subjects[sources]
    # By a part of the hash first, so that few are searched for.
    affected = np.zeros(_BUCKET_COUNT, np.bool_)
    affected[(known & _BUCKET_MASK).view(np.int64)] = True
    candidates = _candidates(affected, subjects[:-1], revoked)
    first = np.searchsorted(known, subjects[candidates])
    found = np.append(known, 0)[first] == subjects[candidates]
    candidates, first = candidates[found], first[found]
    counts = np.searchsorted(known, subjects[candidates], "right") - first
    twin = np.repeat(candidates, counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    source = sources[np.repeat(first, counts) + np.arange(len(twin)) - starts]
    revoked_at = column(releases, "revoked_at").take(pa.array(source))
    revoked_day = as_integers(revoked_at, _NEVER) // _DAY_US
    signed_day = as_integers(column(releases, "signed_at").take(pa.array(twin)), -_NEVER)
    same_shoot = (shoot_from[twin] <= shoot_until[source]) & (
        shoot_from[source] <= shoot_until[twin]
    )
    return np.unique(twin[same_shoot & (signed_day <= revoked_day)])


def index_witnesses(refs: Column) -> tuple[StringIndex, npt.NDArray[np.int32]]:
    """Who witnessed releases, and for each release who of them did, or -1, [n + 1]."""
    refs = without_dictionary(refs)
    rows = np.flatnonzero(is_present(refs))
    distinct = folded(refs.drop_null()).dictionary_encode()
    witness = np.full(len(refs) + 1, -1, np.int32)
    witness[rows] = distinct.indices.to_numpy()
    return StringIndex(distinct.dictionary), witness
