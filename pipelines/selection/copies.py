"""Finds copies of refused files, and files that several contributors offer as their own.

1. A candidate is a copy of a refused asset's file if it lies in the same place or has the same
   bytes. A ruling of the agency on the owner lifts refusals of other contributors' assets, but
   none that is lasting.
2. Candidates of different contributors with the same bytes are contested: all are refused, but
   those of the owner that a ruling names. From three contributors on, the file is a placeholder.
3. If looks are compared, a candidate that looks like one of these files is refused as well
   (`pipelines.selection.refused_likeness`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.run.decisions import Decision, refused_asset
from pipelines.selection.dedupe import possible_twins
from pipelines.selection.perceptual_index import Indices
from pipelines.selection.refused_likeness import find_alike
from pipelines.storage.columns import Column, one_array, values_of
from schemas.deal_terms import Ruling
from schemas.reasons import Reason
from schemas.refused import owner_ids

_PLACEHOLDER_OWNERS = 3
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass
class Copies:
    """What was found.

    Attributes:
        remaining: Indices of the candidates that are neither, in order of preference.
        refusals: Decisions on the others.
        rulings_used: References of the rulings that decided something.
    """

    remaining: Indices
    refusals: list[Decision] = field(default_factory=list)
    rulings_used: set[str] = field(default_factory=set)


def find_copies(
    candidates: pa.Table,
    ranked: Indices,
    refused: pa.Table,
    rulings: Sequence[Ruling],
    compares_looks: bool,
) -> Copies:
    """Refuses copies of refused files and contested files; see the module's text.

    Args:
        candidates: All candidates (CANDIDATES_SCHEMA).
        ranked: Their indices, in order of preference.
        refused: The refused files (schemas.refused.REFUSED_FILES_SCHEMA), in the order of ids.
        rulings: The agency's rulings on owners.
        compares_looks: Whether looks count.
    """
    found = Copies(ranked)
    if not len(ranked):
        return found
    ruled = _Ruled(candidates, rulings, found.rulings_used)
    copied, lifted = _copied(candidates, ranked, refused, ruled)  # 1
    _refuse(found, candidates, copied, Reason.DUPLICATE_OF_REFUSED)
    contested, unsettled = _contested(candidates, ranked, ruled)  # 2
    _refuse_contested(found, candidates, {at: n for at, n in contested.items() if at not in copied})
    if compares_looks:  # 3
        binding = np.array(sorted({*copied, *unsettled}), np.intp)
        still_binding = refused.filter(pa.array(~np.isin(np.arange(len(refused)), list(lifted))))
        alike = find_alike(candidates, found.remaining, still_binding, binding)
        _refuse(found, candidates, alike, Reason.DUPLICATE_LIKE_REFUSED)
    return found


class _Ruled:
    """The rulings on candidates' owners.

    Args:
        candidates: All candidates.
        rulings: The agency's rulings.
        used: Gets the references of the rulings that are used.
    """

    def __init__(self, candidates: pa.Table, rulings: Sequence[Ruling], used: set[str]) -> None:
        self._candidates = candidates
        self._rulings = rulings
        self._used = used

    def owner(self, at: int, members: Iterable[str]) -> str | None:
        """Returns the contributor that a ruling names as the owner of a candidate's file.

        Args:
            at: The candidate.
            members: Ids of all assets with its file; a ruling by ids must name each of them.
        """
        if not self._rulings:
            return None
        digest = self._candidates["media_sha256"][at].as_py().hex()
        for ruling in self._rulings:
            if digest in ruling.files or set(members) <= set(ruling.files):
                self._used.add(ruling.ref)
                return ruling.owner
        return None

    def offers(self, at: int) -> list[str]:
        """Returns the contributors who offer a candidate."""
        return owner_ids(self._candidates["owners"][at].as_py())


def _copied(
    candidates: pa.Table, ranked: Indices, refused: pa.Table, ruled: _Ruled
) -> tuple[dict[int, str], set[int]]:
    """Finds the candidates that are copies of a refused file.

    Returns:
        The candidates with the detail of each, and the refused rows that a ruling lifted.
    """
    digests = one_array(candidates["media_sha256"])
    hits: dict[int, set[int]] = defaultdict(set)
    places = refused["place"].combine_chunks()
    for at, row in _matches(one_array(candidates["place"]), places, np.arange(len(refused))):
        hits[at].add(row)
    for name in ("media_sha256", "listed_sha256"):
        rows, wanted = _digests_in(refused[name], digests.type)
        for at, row in _matches(digests, wanted, rows):
            hits[at].add(row)
    copied: dict[int, str] = {}
    lifted: set[int] = set()
    for at in ranked[np.isin(ranked, list(hits))].tolist():
        rows_found = refused.take(pa.array(sorted(hits[at]), pa.int64())).to_pylist()
        members = {candidates["asset_id"][at].as_py(), *(row["asset_id"] for row in rows_found)}
        owner = ruled.owner(at, members)
        if owner is not None and owner in ruled.offers(at):
            has_no_say = [
                not row["lasting"] and owner not in owner_ids(row["owners"]) for row in rows_found
            ]
            lifted.update(compress(sorted(hits[at]), has_no_say))
            rows_found = [row for row, out in zip(rows_found, has_no_say, strict=True) if not out]
        if rows_found:
            first = rows_found[0]
            copied[at] = f"the file of {first['asset_id']}, refused: {first['reasons']}"
    return copied, lifted


def _digests_in(
    column: pa.ChunkedArray[pa.StringScalar], kind: pa.DataType
) -> tuple[Indices, Column]:
    """Returns the rows of a column of hex digits that hold a digest, and these digests."""
    texts = values_of(column, str)
    rows = [row for row, text in enumerate(texts) if _HEX_DIGEST.fullmatch(text)]
    digests = pa.array([bytes.fromhex(texts[row]) for row in rows], kind)
    return np.array(rows, np.intp), digests


def _matches(given: Column, wanted: Column, rows: Indices) -> Iterator[tuple[int, int]]:
    """Yields pairs of a candidate and a refused row with equal values.

    Args:
        given: The candidates' values.
        wanted: The refused rows' values.
        rows: The numbers of these rows.
    """
    # First by the refused values: a table of the candidates' would take as much memory as they do.
    common = given.filter(pc.is_in(given, value_set=wanted))
    found = pc.is_in(wanted, value_set=common).to_numpy(zero_copy_only=False)
    rows_of_value: dict[object, list[int]] = defaultdict(list)
    for number in np.flatnonzero(found).tolist():
        rows_of_value[wanted[number].as_py()].append(int(rows[number]))
    if not rows_of_value:
        return
    keys = pa.array(list(rows_of_value), wanted.type)
    positions = pc.is_in(given, value_set=keys).to_numpy(zero_copy_only=False)
    for at in np.flatnonzero(positions).tolist():
        for row in rows_of_value[given[at].as_py()]:
            yield at, row


def _contested(
    candidates: pa.Table, ranked: Indices, ruled: _Ruled
) -> tuple[dict[int, list[int]], set[int]]:
    """Finds the candidates that are offered with the same bytes by others.

    Returns:
        The contested candidates, each with all candidates that have its bytes, and those for which
        there is no ruling.
    """
    twins = possible_twins(candidates)
    pairs = candidates.select(["media_sha256", "owners"]).take(twins)
    file_of, people = (
        pairs[name].combine_chunks().dictionary_encode().indices.to_numpy()
        for name in ("media_sha256", "owners")
    )
    offers = np.unique(np.stack([file_of, people]), axis=1)
    claimed, count = np.unique(offers[0], return_counts=True)
    disputed = np.isin(file_of, claimed[count > 1])
    code_of = dict(zip(twins[disputed].tolist(), file_of[disputed].tolist(), strict=True))
    groups: dict[int, list[int]] = defaultdict(list)
    for at in ranked[np.isin(ranked, twins[disputed])].tolist():
        groups[code_of[at]].append(at)
    contested: dict[int, list[int]] = {}
    unsettled: set[int] = set()
    for members in groups.values():
        ids = values_of(candidates["asset_id"].take(pa.array(members)), str)
        owner = ruled.owner(members[0], ids)
        losers = [at for at in members if owner is None or owner not in ruled.offers(at)]
        contested |= dict.fromkeys(losers, members)
        if len(losers) == len(members):
            unsettled.update(members)
    return contested, unsettled


def _refuse_contested(found: Copies, candidates: pa.Table, contested: dict[int, list[int]]) -> None:
    details: dict[Reason, dict[int, str]] = {
        Reason.DUPLICATE_CONTESTED: {},
        Reason.DUPLICATE_PLACEHOLDER: {},
    }
    for at, members in contested.items():
        offers = {candidates["owners"][member].as_py() for member in members}
        others = sorted(
            candidates["asset_id"][member].as_py() for member in members if member != at
        )
        many = len(offers) >= _PLACEHOLDER_OWNERS
        reason = Reason.DUPLICATE_PLACEHOLDER if many else Reason.DUPLICATE_CONTESTED
        digest = candidates["media_sha256"][at].as_py().hex()
        details[reason][at] = f"{len(offers)} contributors offer {digest}: also {others[0]}"
    for reason, texts in details.items():
        _refuse(found, candidates, texts, reason)


def _refuse(found: Copies, candidates: pa.Table, details: dict[int, str], reason: Reason) -> None:
    if not details:
        return
    for at, detail in details.items():
        asset_id = candidates["asset_id"][at].as_py()
        found.refusals.append(refused_asset(asset_id, [reason], detail))
    refused = np.fromiter(details, np.intp, len(details))
    found.remaining = found.remaining[~np.isin(found.remaining, refused)]
