"""Screening: every rule over a batch of assets, vectorised, before any fetch.

A batch's verdict is one 64-bit mask per asset; bit i stands for `SCREENING_RULES[i]`. A mask of 0
is cleared.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.agreements import agreement_coverage, list_agreements
from pipelines.rights.arrow import BoolArray, column
from pipelines.rights.consent_events import index_consents
from pipelines.rights.consent_verdicts import verdict_bits
from pipelines.rights.consents import ConsentPositions
from pipelines.rights.index import RightsIndex
from pipelines.rights.lookup import StringIndex
from pipelines.rights.releases import index_releases, last_needed_day
from pipelines.rights.removed import RemovedIndex
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.rule import Rule
from schemas.deal import Deal
from schemas.removed import NOTHING_REMOVED, Removed

ReasonMask = npt.NDArray[np.uint64]
RULE_BITS = {rule: np.uint64(1 << i) for i, rule in enumerate(SCREENING_RULES)}
#: The refusals that also hold for copies of the file, and those that no ruling lifts.
TRAVELLING_BITS = np.uint64(sum(int(bit) for rule, bit in RULE_BITS.items() if rule.travels))
LASTING_BITS = np.uint64(sum(int(bit) for rule, bit in RULE_BITS.items() if rule.lasting))
#: The refusal under a notice of removal: no key of a deal lets copies pass.
REMOVED_BIT = next(bit for rule, bit in RULE_BITS.items() if rule.code == "asset.removed")


def build_rights_index(
    contributors: pa.Table,
    consents: pa.Table,
    releases: pa.Table,
    agreements: pa.Table,
    deal: Deal,
    as_of_us: int,
    removed: Removed = NOTHING_REMOVED,
) -> RightsIndex:
    """Prepares the small tables for `screen_batch`.

    `as_of_us` is in µs since 1970, UTC; `removed` is what notices of removal keep out. Releases,
    the largest table, are indexed in threads of their own: a second core is free at this time.
    """
    faults = {rule.code: rule.release_fault for rule in SCREENING_RULES if rule.release_fault}
    with ThreadPoolExecutor(1) as thread:
        indexed_releases = thread.submit(index_releases, releases, faults, deal, as_of_us)
        listed = list_agreements(agreements, deal, as_of_us)
        consent_index = index_consents(
            consents,
            column(contributors, "contributor_id"),
            listed,
            deal.judged_purposes,
            as_of_us,
            explicit_only=deal.rights.demands_explicit,
        )
        everybody = np.append(np.arange(len(consent_index.people)), -1)
        not_narrowed = ConsentPositions(everybody, np.full(len(everybody), -1))
        verdicts = verdict_bits(consent_index, not_narrowed, deal)
    return RightsIndex(
        consent_index,
        verdicts,
        listed,
        indexed_releases.result(),
        {purpose: agreement_coverage(deal, purpose, as_of_us) for purpose in deal.judged_purposes},
        last_needed_day(deal, as_of_us),
        RemovedIndex(removed),
        StringIndex(pa.array(deal.select.only, pa.string())),
    )


def screen_batch(
    assets: pa.Table, index: RightsIndex, deal: Deal, repeated: BoolArray
) -> ReasonMask:
    """Screens assets (schemas.catalogue.ASSETS_SCHEMA) against every rule.

    Args:
        assets: The batch.
        index: The other tables, from `build_rights_index`.
        deal: The deal.
        repeated: Where an asset id is in more than one row of the whole catalogue, [rows].

    Returns:
        One mask per row.
    """
    return screen_by(SCREENING_RULES, AssetBatch(assets, index, deal, repeated))


def screen_by(rules: Iterable[Rule], batch: AssetBatch) -> ReasonMask:
    """Screens a batch against some of the rules; the bits are those of all."""
    mask: ReasonMask = np.zeros(len(batch), np.uint64)
    for rule in rules:
        if rule.applies(batch.deal):
            mask[np.flatnonzero(rule.where(batch))] |= RULE_BITS[rule]
    return mask


def rules_of(mask: int) -> list[Rule]:
    """The rules that a mask stands for, in their order."""
    return [rule for i, rule in enumerate(SCREENING_RULES) if mask >> i & 1]


def reasons_of(mask: int) -> list[str]:
    """The codes of the reasons that a mask stands for, in the order of the rules."""
    return [rule.code for rule in rules_of(mask)]
