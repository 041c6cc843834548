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

from pipelines.rights.agreements import DealCover, deal_cover
from pipelines.rights.arrow import (
    Bools,
    bools,
    column,
    equals,
    integers,
    lists,
    one_of,
    present,
    texts,
)
from pipelines.rights.consents import (
    CONDITIONAL,
    DENY,
    MISSING,
    UNKNOWN,
    ConsentIndex,
    Places,
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
from schemas.ledger import FULL_SPLIT_BP
from schemas.reasons import SCREEN_REASONS, Reason
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES, Purpose, Value
from schemas.territory import COUNTRIES, WORLD

Mask = npt.NDArray[np.uint64]
_BIT = {reason: np.uint64(1 << i) for i, reason in enumerate(SCREEN_REASONS)}
_FAR = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class RightsIndex:
    """What screening joins to: contributors, consents and releases, for one deal and instant.

    Attributes:
        consents: Who consents to what.
        against: For each of `consents.people` the reasons against what they make, narrowed consents
            aside, and last those against somebody unknown, [people + 1].
        releases: Which releases are valid.
        agreements: For each purpose, whom the deal's own agreements cover.
        last_day: The day until which rights must hold, in days since 1970.
    """

    consents: ConsentIndex
    against: Mask
    releases: ReleaseIndex
    agreements: dict[Purpose, DealCover]
    last_day: int


def build_index(
    contributors: pa.Table, consents: pa.Table, releases: pa.Table, deal: Deal, as_of_us: int
) -> RightsIndex:
    """Prepares the small tables for `screen_batch`; `as_of_us` is in µs since 1970, UTC."""
    names = column(contributors, "contributor_id")
    joined = index_consents(consents, names, deal.judged_purposes, as_of_us)
    everybody = np.append(np.arange(len(joined.people)), -1)
    against = _consent_reasons(joined, Places(everybody, np.full(len(everybody), -1)), deal)
    against[joined.listed :] |= _BIT[Reason.CONTRIBUTOR_UNKNOWN]
    return RightsIndex(
        joined,
        against,
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
        self.mask[np.flatnonzero(where)] |= _BIT[reason]


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
    inside, outside = texts(included.values), texts(excluded.values)
    everywhere = included.any(inside.where(WORLD.__eq__)) | (included.lengths == 0)
    if deal.world:
        covered = everywhere & (excluded.lengths == 0)
    else:
        held = np.zeros(len(assets), np.int64)
        for country in deal.territory:
            held += included.any(inside.where(country.__eq__))
        barred = excluded.any(outside.where({*deal.territory, WORLD}.__contains__))
        covered = (everywhere | (held == len(deal.territory))) & ~barred
    found.add(Reason.TERRITORY_NOT_COVERED, ~covered)
    codes = {*COUNTRIES, WORLD}
    unknown = included.any(~inside.where(codes.__contains__))
    unknown |= excluded.any(~outside.where(codes.__contains__))
    found.add(Reason.TERRITORY_UNKNOWN_CODE, unknown)


def _screen_grants(found: Findings, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
    for purpose in deal.needed_purposes:
        grant = column(assets, grant_column(purpose))
        denied, conditional = equals(grant, Value.DENY), equals(grant, Value.CONDITIONAL)
        known = one_of(grant, [value.value for value in Value])
        unreadable = present(grant) & ~known
        if deal.agreements:
            # What cannot be read is at worst a denial, so that it gives way to the same.
            stopped = np.flatnonzero(denied | conditional | unreadable)
            few = assets.select(["contributors"]).take(pa.array(stopped))
            lifted = stopped[index.agreements[purpose].covers(few)]
            for said in (denied, conditional, unreadable):
                said[lifted] = False
        found.add(Reason.GRANT_DENIED, denied)
        found.add(Reason.GRANT_CONDITIONAL, conditional)
        found.add(Reason.GRANT_UNREADABLE, unreadable)


def _screen_contributors(found: Findings, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
    shares = lists(column(assets, "contributors"))
    who = shares.values.field("contributor_id")
    parts = integers(shares.values.field("share_bp"), 0)
    total = np.bincount(shares.rows, weights=parts, minlength=len(assets)).astype(np.int64)
    whole = (total == FULL_SPLIT_BP) & ~shares.any(parts <= 0)
    found.add(Reason.SPLITS_NOT_WHOLE, ~whole)
    places = index.consents.places(column(assets, "asset_id"), who, shares.rows)
    against = index.against[places.person]
    narrowed = np.flatnonzero(places.pair >= 0)
    against[narrowed] &= _BIT[Reason.CONTRIBUTOR_UNKNOWN]
    against[narrowed] |= _consent_reasons(index.consents, places.some(narrowed), deal)
    stopped = np.flatnonzero(against)
    np.bitwise_or.at(found.mask, shares.rows[stopped], against[stopped])


def _consent_reasons(consents: ConsentIndex, places: Places, deal: Deal) -> Mask:
    """The reasons that consents give at each of the places."""
    found = Findings(len(places.person))
    for purpose in deal.needed_purposes:
        said = consents.said_at(purpose, places)
        missing = said.state == UNKNOWN
        if not silence_is_enough(deal, purpose):
            missing |= said.state == MISSING
        found.add(Reason.CONSENT_MISSING, missing)
        found.add(Reason.CONSENT_WITHDRAWN, said.withdrawn)
        found.add(Reason.CONSENT_DENIED, (said.state == DENY) & ~said.withdrawn)
        found.add(Reason.CONSENT_CONDITIONAL, said.state == CONDITIONAL)
    return found.mask


def silence_is_enough(deal: Deal, purpose: Purpose) -> bool:
    """Whether a missing consent to the purpose passes: inference that is not itself sold."""
    own = purpose is Purpose.INFERENCE and purpose not in deal.purposes
    return own and deal.rights.inference == "unless-denied"


def _screen_source(found: Findings, assets: pa.Table, deal: Deal) -> None:
    source = texts(column(assets, "digital_source_type"))
    kinds = {
        text: DIGITAL_SOURCE_TYPES.get(text.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX))
        for text in source.texts
    }
    if deal.rights.unknown_source == "refuse":
        found.add(Reason.SOURCE_UNSTATED, source.codes == len(source.texts))
    found.add(Reason.SOURCE_UNKNOWN_TYPE, source.where(lambda text: kinds[text] is None))
    if deal.rights.ai_generated == "refuse":
        found.add(Reason.SOURCE_AI_GENERATED, source.where(lambda text: kinds[text] is True))


def _screen_selection(found: Findings, assets: pa.Table, deal: Deal) -> None:
    wanted = one_of(column(assets, "media_type"), list(deal.media))
    found.add(Reason.SELECT_MEDIA_TYPE, ~wanted)
    asked = deal.select
    if not (asked.keywords_any or asked.keywords_none):
        return
    keywords = lists(column(assets, "keywords"))
    words = texts(keywords.values)
    if asked.keywords_any:
        chosen = {fold_case(word) for word in asked.keywords_any}
        fits = words.where(lambda word: fold_case(word) in chosen)
        found.add(Reason.SELECT_KEYWORDS, ~keywords.any(fits))
    if asked.keywords_none:
        barred = {fold_case(word) for word in asked.keywords_none}
        unfit = words.where(lambda word: fold_case(word) in barred)
        found.add(Reason.SELECT_KEYWORDS, keywords.any(unfit))


@lru_cache(maxsize=65_536)
def fold_case(word: str) -> str:
    """A word as it is compared: Unicode's canonical caseless matching (D145)."""
    decomposed = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFD", decomposed.casefold())
