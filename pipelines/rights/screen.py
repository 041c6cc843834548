"""Screening: every rule of docs/rights.md over a batch of assets, vectorised, before any fetch.

A batch's verdict is one 64-bit mask per asset; bit i stands for `SCREEN_REASONS[i]`. A mask of 0
is cleared. The numbers in the code are the numbers of the rules in docs/rights.md.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.rights.agreements import AgreementCoverage, agreement_coverage
from pipelines.rights.arrow import (
    BoolArray,
    as_bools,
    as_integers,
    column,
    distinct_texts,
    equals,
    is_present,
    list_column,
    one_of,
)
from pipelines.rights.consents import (
    CONDITIONAL,
    DENY,
    MISSING,
    UNKNOWN,
    ConsentIndex,
    ConsentPositions,
    index_consents,
)
from pipelines.rights.licences import screen_licence
from pipelines.rights.people import screen_people
from pipelines.rights.releases import (
    ReleaseIndex,
    epoch_days,
    index_releases,
    last_needed_day,
)
from pipelines.storage.columns import struct_field
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.ledger import FULL_SPLIT_BP
from schemas.reasons import SCREEN_REASONS, Reason
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES, Permission, Purpose
from schemas.territory import COUNTRIES, WORLD

ReasonMask = npt.NDArray[np.uint64]
_REASON_BIT = {reason: np.uint64(1 << i) for i, reason in enumerate(SCREEN_REASONS)}
_MAX_INT64 = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class RightsIndex:
    """What screening joins to: contributors, consents and releases, for one deal and instant.

    Attributes:
        consents: Who consents to what.
        reasons: For each of `consents.people` the reasons against what they make, narrowed consents
            aside, and last those against somebody unknown, [people + 1].
        releases: Which releases are valid.
        agreements: For each purpose, whom the deal's own agreements cover.
        needed_until: The day until which rights must hold, in days since 1970.
    """

    consents: ConsentIndex
    reasons: ReasonMask
    releases: ReleaseIndex
    agreements: dict[Purpose, AgreementCoverage]
    needed_until: int


def build_rights_index(
    contributors: pa.Table, consents: pa.Table, releases: pa.Table, deal: Deal, as_of_us: int
) -> RightsIndex:
    """Prepares the small tables for `screen_batch`; `as_of_us` is in µs since 1970, UTC."""
    contributor_ids = column(contributors, "contributor_id")
    consent_index = index_consents(consents, contributor_ids, deal.judged_purposes, as_of_us)
    every_contributor = np.append(np.arange(len(consent_index.people)), -1)
    masks = _consent_reasons(
        consent_index,
        ConsentPositions(every_contributor, np.full(len(every_contributor), -1)),
        deal,
    )
    masks[consent_index.listed_count :] |= _REASON_BIT[Reason.CONTRIBUTOR_UNKNOWN]
    return RightsIndex(
        consent_index,
        masks,
        index_releases(releases, deal, as_of_us),
        {purpose: agreement_coverage(deal, purpose, as_of_us) for purpose in deal.judged_purposes},
        last_needed_day(deal, as_of_us),
    )


class ReasonCollector:
    """Collects the reasons of a batch's assets as bits."""

    def __init__(self, rows: int) -> None:
        self.mask: ReasonMask = np.zeros(rows, np.uint64)

    def add(self, reason: Reason, where: BoolArray) -> None:
        """Records a reason for the rows where it holds."""
        self.mask[np.flatnonzero(where)] |= _REASON_BIT[reason]


def screen_batch(
    assets: pa.Table, index: RightsIndex, deal: Deal, repeated: BoolArray
) -> ReasonMask:
    """Screens assets (schemas.catalogue.ASSETS_SCHEMA) against the rules of docs/rights.md.

    Args:
        assets: The batch.
        index: The other tables, from `build_rights_index`.
        deal: The deal.
        repeated: Where an asset id stands in more than one row of the whole catalogue, [rows].

    Returns:
        One mask per row.
    """
    collected = ReasonCollector(len(assets))
    collected.add(Reason.ASSET_DUPLICATE_ID, repeated)  # 1
    _screen_status(collected, assets)  # 2
    screen_licence(collected.add, assets, deal)  # 3
    _screen_term(collected, assets, index, deal)  # 4
    _screen_territory(collected, assets, deal)  # 5
    _screen_grants(collected, assets, index, deal)  # 6
    _screen_contributors(collected, assets, index, deal)  # 7, 8
    screen_people(collected.add, assets, index.releases, deal)  # 9, 10
    _screen_source(collected, assets, deal)  # 11
    if deal.rights.sensitive == "refuse":  # 12
        collected.add(Reason.SENSITIVE_REFUSED, as_bools(column(assets, "sensitive")))
    _screen_selection(collected, assets, deal)  # 13
    return collected.mask


def reasons_of(mask: int) -> list[Reason]:
    """The reasons that a mask stands for, in the order of the enumeration."""
    return [reason for i, reason in enumerate(SCREEN_REASONS) if mask >> i & 1]


def _screen_status(collected: ReasonCollector, assets: pa.Table) -> None:
    status = column(assets, "status")
    active = equals(status, "active")
    withdrawn, held = equals(status, "withdrawn"), equals(status, "legal_hold")
    collected.add(Reason.ASSET_WITHDRAWN, withdrawn)
    collected.add(Reason.ASSET_LEGAL_HOLD, held)
    collected.add(Reason.ASSET_STATUS_UNKNOWN, ~(active | withdrawn | held))


def _screen_term(
    collected: ReasonCollector, assets: pa.Table, index: RightsIndex, deal: Deal
) -> None:
    starts = as_integers(column(assets, "valid_from"), -_MAX_INT64)
    ends = as_integers(column(assets, "valid_until"), _MAX_INT64)
    collected.add(Reason.TERM_NOT_STARTED, starts > epoch_days(deal.starts))
    collected.add(Reason.TERM_ENDS_EARLY, ends < index.needed_until)


def _screen_territory(collected: ReasonCollector, assets: pa.Table, deal: Deal) -> None:
    included = list_column(column(assets, "territories_in"))
    excluded = list_column(column(assets, "territories_out"))
    included_codes, excluded_codes = (
        distinct_texts(included.values),
        distinct_texts(excluded.values),
    )
    everywhere = included.any(included_codes.where(WORLD.__eq__)) | (included.lengths == 0)
    if deal.is_worldwide:
        covered = everywhere & (excluded.lengths == 0)
    else:
        held = np.zeros(len(assets), np.int64)
        for country in deal.territory:
            held += included.any(included_codes.where(country.__eq__))
        forbidden = excluded.any(excluded_codes.where({*deal.territory, WORLD}.__contains__))
        covered = (everywhere | (held == len(deal.territory))) & ~forbidden
    collected.add(Reason.TERRITORY_NOT_COVERED, ~covered)
    codes = {*COUNTRIES, WORLD}
    unknown = included.any(~included_codes.where(codes.__contains__))
    unknown |= excluded.any(~excluded_codes.where(codes.__contains__))
    collected.add(Reason.TERRITORY_UNKNOWN_CODE, unknown)


def _screen_grants(
    collected: ReasonCollector, assets: pa.Table, index: RightsIndex, deal: Deal
) -> None:
    for purpose in deal.needed_purposes:
        grant = column(assets, grant_column(purpose))
        denied, conditional = equals(grant, Permission.DENY), equals(grant, Permission.CONDITIONAL)
        known = one_of(grant, [value.value for value in Permission])
        unreadable = is_present(grant) & ~known
        if deal.agreements:
            # What cannot be read is at worst a denial, so that it gives way to the same.
            affected = np.flatnonzero(denied | conditional | unreadable)
            subset = assets.select(["contributors"]).take(affected)
            overridden = affected[index.agreements[purpose].covers(subset)]
            for states in (denied, conditional, unreadable):
                states[overridden] = False
        collected.add(Reason.GRANT_DENIED, denied)
        collected.add(Reason.GRANT_CONDITIONAL, conditional)
        collected.add(Reason.GRANT_UNREADABLE, unreadable)


def _screen_contributors(
    collected: ReasonCollector, assets: pa.Table, index: RightsIndex, deal: Deal
) -> None:
    shares = list_column(column(assets, "contributors"))
    contributor_ids = struct_field(shares.values, "contributor_id")
    shares_bp = as_integers(struct_field(shares.values, "share_bp"), 0)
    total = np.bincount(shares.rows, weights=shares_bp, minlength=len(assets)).astype(np.int64)
    whole = (total == FULL_SPLIT_BP) & ~shares.any(shares_bp <= 0)
    collected.add(Reason.SPLITS_NOT_WHOLE, ~whole)
    positions = index.consents.locate(column(assets, "asset_id"), contributor_ids, shares.rows)
    masks = index.reasons[positions.contributor]
    narrowed = np.flatnonzero(positions.pair >= 0)
    masks[narrowed] &= _REASON_BIT[Reason.CONTRIBUTOR_UNKNOWN]
    masks[narrowed] |= _consent_reasons(index.consents, positions.take(narrowed), deal)
    affected = np.flatnonzero(masks)
    np.bitwise_or.at(collected.mask, shares.rows[affected], masks[affected])


def _consent_reasons(consents: ConsentIndex, positions: ConsentPositions, deal: Deal) -> ReasonMask:
    """The reasons that consents give at each of the places."""
    collected = ReasonCollector(len(positions.contributor))
    for purpose in deal.needed_purposes:
        states = consents.states_at(purpose, positions)
        missing = states.state == UNKNOWN
        if not missing_consent_passes(deal, purpose):
            missing |= states.state == MISSING
        collected.add(Reason.CONSENT_MISSING, missing)
        collected.add(Reason.CONSENT_WITHDRAWN, states.withdrawn)
        collected.add(Reason.CONSENT_DENIED, (states.state == DENY) & ~states.withdrawn)
        collected.add(Reason.CONSENT_CONDITIONAL, states.state == CONDITIONAL)
    return collected.mask


def missing_consent_passes(deal: Deal, purpose: Purpose) -> bool:
    """Whether a missing consent to the purpose passes: inference that is not itself sold."""
    not_sold = purpose is Purpose.INFERENCE and purpose not in deal.purposes
    return not_sold and deal.rights.inference == "unless-denied"


def _screen_source(collected: ReasonCollector, assets: pa.Table, deal: Deal) -> None:
    source = distinct_texts(column(assets, "digital_source_type"))
    generated_by_text = {
        text: DIGITAL_SOURCE_TYPES.get(text.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX))
        for text in source.values
    }
    if deal.rights.unknown_source == "refuse":
        collected.add(Reason.SOURCE_UNSTATED, source.codes == len(source.values))
    collected.add(
        Reason.SOURCE_UNKNOWN_TYPE, source.where(lambda text: generated_by_text[text] is None)
    )
    if deal.rights.ai_generated == "refuse":
        collected.add(
            Reason.SOURCE_AI_GENERATED, source.where(lambda text: generated_by_text[text] is True)
        )


def _screen_selection(collected: ReasonCollector, assets: pa.Table, deal: Deal) -> None:
    media_wanted = one_of(column(assets, "media_type"), list(deal.media))
    collected.add(Reason.SELECT_MEDIA_TYPE, ~media_wanted)
    selection = deal.select
    if not (selection.keywords_any or selection.keywords_none):
        return
    keywords = list_column(column(assets, "keywords"))
    words = distinct_texts(keywords.values)
    if selection.keywords_any:
        wanted_words = {fold_case(word) for word in selection.keywords_any}
        matches = words.where(lambda word: fold_case(word) in wanted_words)
        collected.add(Reason.SELECT_KEYWORDS, ~keywords.any(matches))
    if selection.keywords_none:
        forbidden = {fold_case(word) for word in selection.keywords_none}
        is_unwanted = words.where(lambda word: fold_case(word) in forbidden)
        collected.add(Reason.SELECT_KEYWORDS, keywords.any(is_unwanted))


@lru_cache(maxsize=65_536)
def fold_case(word: str) -> str:
    """A word as it is compared: Unicode's canonical caseless matching (D145)."""
    decomposed = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFD", decomposed.casefold())
