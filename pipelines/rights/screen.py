"""Screening: every rule of docs/rights.md over a batch of assets, vectorised, before any fetch.

A batch's verdict is one 64-bit mask per asset; bit i stands for `SCREEN_REASONS[i]`. A mask of 0
is cleared. The numbers in the code are the numbers of the rules in docs/rights.md.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.agreements import DealCover, deal_cover
from pipelines.rights.arrow import (
    Bools,
    bools,
    column,
    equals,
    integers,
    lists,
    lookup,
    one_of,
    present,
)
from pipelines.rights.consents import (
    CONDITIONAL,
    DENY,
    MISSING,
    UNKNOWN,
    ConsentIndex,
    index_consents,
)
from pipelines.rights.licences import screen_licence
from pipelines.rights.people import screen_people
from pipelines.rights.releases import (
    ReleaseIndex,
    days,
    index_releases,
    last_needed_day,
)
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.decision import SCREEN_REASONS, Reason
from schemas.ledger import FULL_SPLIT_BP
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES, Purpose, Value
from schemas.territory import COUNTRIES, WORLD

Mask = npt.NDArray[np.uint64]
_BIT = {reason: np.uint64(1 << i) for i, reason in enumerate(SCREEN_REASONS)}
_FAR = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class RightsIndex:
    """What screening joins to: contributors, consents and releases, for one deal and instant.

    Attributes:
        contributor_ids: Everybody in the contributors table.
        consents: Who consents to what.
        releases: Which releases are valid.
        agreements: For each purpose, whom the deal's own agreements cover.
        last_day: The day until which rights must hold, in days since 1970.
    """

    contributor_ids: pa.Array
    consents: ConsentIndex
    releases: ReleaseIndex
    agreements: dict[Purpose, DealCover]
    last_day: int


def build_index(
    contributors: pa.Table, consents: pa.Table, releases: pa.Table, deal: Deal, as_of_us: int
) -> RightsIndex:
    """Prepares the small tables for `screen_batch`; `as_of_us` is in µs since 1970, UTC."""
    return RightsIndex(
        column(contributors, "contributor_id"),
        index_consents(consents, deal.judged_purposes, as_of_us),
        index_releases(releases, deal, as_of_us),
        {purpose: deal_cover(deal, purpose, as_of_us) for purpose in deal.judged_purposes},
        last_needed_day(deal, as_of_us),
    )


class Findings:
    """Collects the reasons of a batch's assets as bits."""

    def __init__(self, rows: int) -> None:
        self.mask: Mask = np.zeros(rows, np.uint64)

    def add(self, reason: Reason, where: Bools) -> None:
        """Records a reason for the rows where it holds."""
        self.mask[where] |= _BIT[reason]


def screen_batch(assets: pa.Table, index: RightsIndex, deal: Deal, repeated: Bools) -> Mask:
    """Screens assets (schemas.catalogue.ASSETS_SCHEMA) against the rules of docs/rights.md.

    Args:
        assets: The batch.
        index: The other tables, from `build_index`.
        deal: The deal.
        repeated: Where an asset id stands in more than one row of the whole catalogue, [rows].

    Returns:
        One mask per row.
    """
    found = Findings(len(assets))
    found.add(Reason.ASSET_DUPLICATE_ID, repeated)  # 1
    _screen_status(found, assets)  # 2
    screen_licence(found.add, assets, deal)  # 3
    _screen_term(found, assets, index, deal)  # 4
    _screen_territory(found, assets, deal)  # 5
    _screen_grants(found, assets, index, deal)  # 6
    _screen_contributors(found, assets, index, deal)  # 7, 8
    screen_people(found.add, assets, index.releases, deal)  # 9, 10
    _screen_source(found, assets, deal)  # 11
    if deal.rights.sensitive == "refuse":  # 12
        found.add(Reason.SENSITIVE_REFUSED, bools(column(assets, "sensitive")))
    _screen_selection(found, assets, deal)  # 13
    return found.mask


def reasons_of(mask: int) -> list[Reason]:
    """The reasons that a mask stands for, in the order of the enumeration."""
    return [reason for i, reason in enumerate(SCREEN_REASONS) if mask >> i & 1]


def _screen_status(found: Findings, assets: pa.Table) -> None:
    status = column(assets, "status")
    active = equals(status, "active")
    withdrawn, held = equals(status, "withdrawn"), equals(status, "legal_hold")
    found.add(Reason.ASSET_WITHDRAWN, withdrawn)
    found.add(Reason.ASSET_LEGAL_HOLD, held)
    found.add(Reason.ASSET_STATUS_UNKNOWN, ~(active | withdrawn | held))


def _screen_term(found: Findings, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
    starts = integers(column(assets, "valid_from"), -_FAR)
    ends = integers(column(assets, "valid_until"), _FAR)
    found.add(Reason.TERM_NOT_STARTED, starts > days(deal.starts))
    found.add(Reason.TERM_ENDS_EARLY, ends < index.last_day)


def _screen_territory(found: Findings, assets: pa.Table, deal: Deal) -> None:
    included = lists(column(assets, "territories_in"))
    excluded = lists(column(assets, "territories_out"))
    countries = sorted(COUNTRIES)
    everywhere = included.any(equals(included.values, WORLD)) | (included.lengths == 0)
    if deal.world:
        covered = everywhere & (excluded.lengths == 0)
    else:
        held = np.zeros(len(assets), np.int64)
        barred = excluded.any(equals(excluded.values, WORLD))
        for country in deal.territory:
            held += included.any(equals(included.values, country))
            barred |= excluded.any(equals(excluded.values, country))
        covered = (everywhere | (held == len(deal.territory))) & ~barred
    found.add(Reason.TERRITORY_NOT_COVERED, ~covered)
    unknown = included.any(~one_of(included.values, [*countries, WORLD]))
    unknown |= excluded.any(~one_of(excluded.values, [*countries, WORLD]))
    found.add(Reason.TERRITORY_UNKNOWN_CODE, unknown)


def _screen_grants(found: Findings, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
    for purpose in deal.needed_purposes:
        grant = column(assets, grant_column(purpose))
        denied, conditional = equals(grant, Value.DENY), equals(grant, Value.CONDITIONAL)
        known = one_of(grant, [value.value for value in Value])
        unreadable = present(grant) & ~known
        if deal.agreements:
            # What cannot be read is at worst a denial, so that it gives way to the same.
            open_to = ~index.agreements[purpose].covers(assets)
            denied, conditional = denied & open_to, conditional & open_to
            unreadable &= open_to
        found.add(Reason.GRANT_DENIED, denied)
        found.add(Reason.GRANT_CONDITIONAL, conditional)
        found.add(Reason.GRANT_UNREADABLE, unreadable)


def _screen_contributors(found: Findings, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
    shares = lists(column(assets, "contributors"))
    who = shares.values.field("contributor_id")
    parts = integers(shares.values.field("share_bp"), 0)
    unknown = shares.any(lookup(who, index.contributor_ids) < 0)
    found.add(Reason.CONTRIBUTOR_UNKNOWN, unknown)
    total = np.bincount(shares.rows, weights=parts, minlength=len(assets)).astype(np.int64)
    whole = (total == FULL_SPLIT_BP) & ~shares.any(parts <= 0)
    found.add(Reason.SPLITS_NOT_WHOLE, ~whole)
    asset_ids = column(assets, "asset_id").take(pa.array(shares.rows))
    for purpose in deal.needed_purposes:
        said = index.consents.said(purpose, asset_ids, who)
        missing = said.state == UNKNOWN
        if not silence_is_enough(deal, purpose):
            missing |= said.state == MISSING
        found.add(Reason.CONSENT_MISSING, shares.any(missing))
        found.add(Reason.CONSENT_WITHDRAWN, shares.any(said.withdrawn))
        found.add(Reason.CONSENT_DENIED, shares.any((said.state == DENY) & ~said.withdrawn))
        found.add(Reason.CONSENT_CONDITIONAL, shares.any(said.state == CONDITIONAL))


def silence_is_enough(deal: Deal, purpose: Purpose) -> bool:
    """Whether a missing consent to the purpose passes: inference that is not itself sold."""
    own = purpose is Purpose.INFERENCE and purpose not in deal.purposes
    return own and deal.rights.inference == "unless-denied"


def _screen_source(found: Findings, assets: pa.Table, deal: Deal) -> None:
    source = column(assets, "digital_source_type")
    if deal.rights.unknown_source == "refuse":
        found.add(Reason.SOURCE_UNSTATED, ~present(source))
    for code in pc.unique(source).to_pylist():
        if code is None:
            continue
        generated = DIGITAL_SOURCE_TYPES.get(code.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX))
        if generated is None:
            found.add(Reason.SOURCE_UNKNOWN_TYPE, equals(source, code))
        elif generated and deal.rights.ai_generated == "refuse":
            found.add(Reason.SOURCE_AI_GENERATED, equals(source, code))


def _screen_selection(found: Findings, assets: pa.Table, deal: Deal) -> None:
    wanted = one_of(column(assets, "media_type"), list(deal.media))
    found.add(Reason.SELECT_MEDIA_TYPE, ~wanted)
    keywords = lists(column(assets, "keywords"))
    if deal.select.keywords_any:
        chosen = _holds_word(keywords.values, deal.select.keywords_any)
        found.add(Reason.SELECT_KEYWORDS, ~keywords.any(chosen))
    if deal.select.keywords_none:
        barred = _holds_word(keywords.values, deal.select.keywords_none)
        found.add(Reason.SELECT_KEYWORDS, keywords.any(barred))


def fold_case(word: str) -> str:
    """A word as it is compared: Unicode's canonical caseless matching (D145)."""
    decomposed = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFD", decomposed.casefold())


def _holds_word(values: pa.Array, words: list[str]) -> Bools:
    """Where a text is one of the words; each different text is folded once."""
    wanted = {fold_case(word) for word in words}
    texts = pc.unique(values).drop_null().to_pylist()
    return one_of(values, [text for text in texts if fold_case(text) in wanted])
