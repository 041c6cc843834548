"""Selects a deal's samples, as a pure function of their features: quality, duplicates, cap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.media.looks import BLANK_STEP
from pipelines.run.decisions import Decision, decisions_table, refused_asset
from pipelines.selection.copies import find_copies
from pipelines.selection.dedupe import exact_duplicates, keep_order
from pipelines.selection.film_shares import SHARE_RULES, refused_by
from pipelines.selection.measured import Unmet
from pipelines.selection.near import Evidence, JudgedPair, choose_kept, near_pairs
from pipelines.selection.perceptual_index import NO_MATCH, Indices
from pipelines.selection.semantic import semantic_pairs
from pipelines.storage.columns import one_array, values_of
from schemas.deal_terms import Ruling, SelectTerms
from schemas.decision import DECISIONS_SCHEMA
from schemas.reasons import Reason
from schemas.refused import REFUSED_FILES_SCHEMA


@dataclass(frozen=True)
class Selection:
    """The chosen candidates and the refusals.

    Attributes:
        chosen: Indices of the chosen candidates, in the order of their hash.
        refusals: Decisions on the refused assets, but those over the cap, in the order of ids.
        over_cap: Indices of the candidates over the cap, in the order of their hash. They may be
            nearly all of a library, which is why they have no decision each.
        rulings_used: References of the rulings that decided something.
        pairs: The pairs of candidates that show the same, with what each was judged by.
    """

    chosen: Indices
    refusals: list[Decision]
    over_cap: Indices
    rulings_used: frozenset[str] = frozenset()
    pairs: tuple[JudgedPair, ...] = ()


def select_samples(
    candidates: pa.Table,
    terms: SelectTerms,
    evidence: Evidence,
    refused: pa.Table | None = None,
    rulings: Sequence[Ruling] = (),
    unmet: Mapping[int, Unmet] | None = None,
) -> Selection:
    """Chooses a deal's samples; the result does not depend on the candidates' order.

    1. Rights: no copy of a refused asset's file, and no file that several contributors claim.
    2. Quality: the shorter side has enough pixels, there is something to see, a film is not black,
       frozen or silent for too long, and the measures are what the deal requires.
    3. Exact duplicates: of assets with the same bytes one is kept.
    4. Near-duplicates: of assets that show the same one is kept.
    5. Semantic duplicates: of assets with nearly the same embedding one is kept.
    6. Cap: the first `max_assets` by hash, which favours nobody.

    Args:
        candidates: CANDIDATES_SCHEMA (pipelines.selection.dedupe).
        terms: The deal's selection terms.
        evidence: What possible near-duplicates are confirmed by.
        refused: The refused files (schemas.refused.REFUSED_FILES_SCHEMA), in the order of ids.
        rulings: The agency's rulings on owners.
        unmet: The candidates whose measures are not what the deal requires, by index.
    """
    if refused is None:
        refused = REFUSED_FILES_SCHEMA.empty_table()
    chooser = _Chooser(candidates, terms)
    copies = find_copies(candidates, chooser.ranked, refused, rulings, terms.compares_looks)  # 1
    chooser.refusals += copies.refusals
    chooser.ranked = copies.remaining
    chooser.refuse_small()  # 2
    chooser.refuse_blank()
    chooser.refuse_by_shares()
    chooser.refuse_unmet(unmet or {})
    if terms.dedupe != "none":  # 3
        chooser.keep_first_file()
    if terms.compares_looks:  # 4
        pairs = near_pairs(candidates, chooser.ranked, evidence)
        chooser.keep_first_alike(pairs, Reason.DUPLICATE_NEAR)
    if terms.dedupe == "semantic":  # 5
        least = float(terms.semantic_cosine)
        pairs = semantic_pairs(chooser.ranked, evidence, least)
        chooser.keep_first_alike(pairs, Reason.DUPLICATE_SEMANTIC)
    chosen, over_cap = chooser.cap()  # 6
    refusals = sorted(chooser.refusals, key=lambda decision: decision.asset_id)
    rulings_used = frozenset(copies.rulings_used)
    return Selection(chosen, refusals, over_cap, rulings_used, tuple(chooser.pairs))


def refusals_in_order(candidates: pa.Table, selection: Selection, terms: SelectTerms) -> pa.Table:
    """Returns all refusals as a table (schemas.decision.DECISIONS_SCHEMA), in the order of ids.

    Args:
        candidates: CANDIDATES_SCHEMA, as they were selected from.
        selection: What was selected.
        terms: The deal's selection terms.
    """
    others = decisions_table(selection.refusals)
    if not len(selection.over_cap):
        return others
    over = refused_asset("", [Reason.SELECT_OVER_CAP], f"the deal takes {terms.max_assets} assets")
    # One row stands for all those over the cap, so that they are not in memory twice.
    rows = pa.concat_tables([others, decisions_table([over])])
    ids = pa.concat_arrays(
        [
            one_array(others["asset_id"]),
            one_array(candidates["asset_id"].take(selection.over_cap)),
        ]
    )
    order = pc.sort_indices(ids)
    table = rows.take(np.minimum(order.to_numpy(), len(others)))
    return table.set_column(0, DECISIONS_SCHEMA.field(0), ids.take(order))


class _Chooser:
    """The candidates that are left, in order of preference, and the decisions on the others.

    Args:
        candidates: All candidates.
        terms: The deal's selection terms.
    """

    def __init__(self, candidates: pa.Table, terms: SelectTerms) -> None:
        self._candidates = candidates
        self._terms = terms
        self.ranked = keep_order(candidates)
        self.refusals: list[Decision] = []
        self.pairs: list[JudgedPair] = []

    def refuse_small(self) -> None:
        """Refuses assets whose shorter side has too few pixels."""
        sides = self._candidates["short_side"].to_numpy()[self.ranked]
        small = sides < self._terms.min_short_side
        required = f"{self._terms.min_short_side} required"
        details = [f"shorter side {side} px, {required}" for side in sides[small].tolist()]
        self._refuse(small, Reason.SELECT_TOO_SMALL, details)

    def refuse_blank(self) -> None:
        """Refuses assets in which there is nothing to see, unless the deal accepts them."""
        if self._terms.blank == "accept":
            return
        contrast = self._candidates["contrast"].to_numpy()[self.ranked]
        blank = contrast <= BLANK_STEP
        details = [
            f"no part differs from the usual shade by more than {step} of 255"
            for step in contrast[blank].tolist()
        ]
        self._refuse(blank, Reason.SELECT_BLANK, details)

    def refuse_by_shares(self) -> None:
        """Refuses films that are black, frozen or silent for too long."""
        for rule in SHARE_RULES:
            refused, details = refused_by(rule, self._candidates, self.ranked, self._terms)
            self._refuse(refused, rule.reason, details)

    def refuse_unmet(self, unmet: Mapping[int, Unmet]) -> None:
        """Refuses assets whose measures are not what the deal requires."""
        is_unmet = np.isin(self.ranked, np.fromiter(unmet, np.intp, len(unmet)))
        refused = self.ranked[is_unmet]
        self.refusals.extend(
            refused_asset(asset_id, unmet[at].reasons, unmet[at].detail)
            for at, asset_id in zip(refused.tolist(), self._ids(refused), strict=True)
        )
        self.ranked = self.ranked[~is_unmet]

    def keep_first_file(self) -> None:
        """Keeps the first of the assets with the same bytes."""
        originals = exact_duplicates(self._candidates, self.ranked)
        is_duplicate = originals != NO_MATCH
        kept = self._ids(originals[is_duplicate])
        details = [f"kept: {asset_id}" for asset_id in kept]
        self._refuse(is_duplicate, Reason.DUPLICATE_EXACT, details, kept)

    def keep_first_alike(self, pairs: Sequence[JudgedPair], reason: Reason) -> None:
        """Keeps the first of the assets that pairs connect."""
        alike = choose_kept(self.ranked, pairs, self._pairs_to_keep())
        self.pairs += alike.pairs
        deciding = [pair for pair in alike.originals if pair is not None]
        kept = self._ids(np.array([pair.kept for pair in deciding], np.intp))
        details = [
            f"kept: {asset_id}; {pair.describe()}"
            for asset_id, pair in zip(kept, deciding, strict=True)
        ]
        is_duplicate = np.array([pair is not None for pair in alike.originals], np.bool_)
        self._refuse(is_duplicate, reason, details, kept)

    def cap(self) -> tuple[Indices, Indices]:
        """Returns the chosen, and those over the deal's cap, both in the order of hashes."""
        hashes = self._candidates["hash"].to_numpy()[self.ranked]
        order = self.ranked[np.argsort(hashes, kind="stable")]
        return order[: self._terms.max_assets], order[self._terms.max_assets :]

    def _pairs_to_keep(self) -> set[frozenset[int]]:
        wanted = {asset_id for pair in self._terms.keep_both for asset_id in pair}
        if not wanted:
            return set()
        every = enumerate(values_of(self._candidates["asset_id"], str))
        at = {asset_id: index for index, asset_id in every if asset_id in wanted}
        pairs = [
            [at.get(asset_id, NO_MATCH) for asset_id in pair] for pair in self._terms.keep_both
        ]
        return {frozenset(pair) for pair in pairs if NO_MATCH not in pair}

    def _ids(self, indices: Indices) -> list[str]:
        return values_of(self._candidates["asset_id"].take(indices), str)

    def _refuse(
        self,
        which: np.ndarray[tuple[int], np.dtype[np.bool_]],
        reason: Reason,
        details: Iterable[str],
        kept: Sequence[str] | None = None,
    ) -> None:
        ids = self._ids(self.ranked[which])
        originals: Sequence[str | None] = kept if kept is not None else [None] * len(ids)
        self.refusals.extend(
            refused_asset(asset_id, [reason], detail, original)
            for asset_id, detail, original in zip(ids, details, originals, strict=True)
        )
        self.ranked = self.ranked[~which]
