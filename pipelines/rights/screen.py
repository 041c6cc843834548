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
import pyarrow.compute as pc
from license_expression import ExpressionError, Licensing, get_spdx_licensing

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
from pipelines.rights.people import screen_people
from pipelines.rights.releases import ReleaseIndex, days, index_releases
from schemas.catalogue import LICENCE_CLASSES, LICENCE_MODELS, grant_column
from schemas.deal import Deal
from schemas.decision import SCREEN_REASONS, Reason
from schemas.ledger import FULL_SPLIT_BP
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES, Purpose, Value
from schemas.territory import COUNTRIES, WORLD

Mask = npt.NDArray[np.uint64]
_BIT = {reason: np.uint64(1 << i) for i, reason in enumerate(SCREEN_REASONS)}
_FAR = int(np.iinfo(np.int64).max)
# Parts of SPDX identifiers: CC-BY-NC-4.0, NCGL-UK-2.0, PolyForm-Noncommercial-1.0.0.
_NON_COMMERCIAL = frozenset({"NC", "NCGL", "NONCOMMERCIAL"})


@dataclass(frozen=True)
class RightsIndex:
    """What screening joins to: contributors, consents and releases, for one deal and instant."""

    contributor_ids: pa.Array
    consents: ConsentIndex
    releases: ReleaseIndex


def build_index(
    contributors: pa.Table, consents: pa.Table, releases: pa.Table, deal: Deal, as_of_us: int
) -> RightsIndex:
    """Prepares the small tables for `screen_batch`; `as_of_us` is in µs since 1970, UTC."""
    return RightsIndex(
        column(contributors, "contributor_id"),
        index_consents(consents, deal.needed_purposes, as_of_us),
        index_releases(releases, deal, as_of_us),
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
    _screen_licence(found, assets, deal)  # 3
    _screen_term(found, assets, deal)  # 4
    _screen_territory(found, assets, deal)  # 5
    _screen_grants(found, assets, deal)  # 6
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


@lru_cache(maxsize=1)
def _licensing() -> Licensing:
    return get_spdx_licensing()


@lru_cache(maxsize=4096)
def _licence_faults(code: str) -> tuple[Reason, ...]:
    """Reasons against an SPDX expression; the expression is parsed by license-expression."""
    try:
        parsed = _licensing().parse(code, validate=True, strict=True)
    except (ExpressionError, RecursionError):
        return (Reason.LICENCE_UNKNOWN_CODE,)
    # An exception is no licence by itself, only behind a WITH.
    if parsed is None or any(getattr(term, "is_exception", False) for term in parsed.symbols):
        return (Reason.LICENCE_UNKNOWN_CODE,)
    # A licence with an exception is one symbol of two; apart, each has a key.
    parts = _licensing().license_symbols(parsed, decompose=True)
    terms = {term for part in parts for term in part.key.upper().split("-")}
    faults = []
    if terms & _NON_COMMERCIAL:
        faults.append(Reason.LICENCE_NON_COMMERCIAL)
    if "ND" in terms:
        faults.append(Reason.LICENCE_NO_DERIVATIVES)
    return tuple(faults)


def _screen_licence(found: Findings, assets: pa.Table, deal: Deal) -> None:
    licence_class = column(assets, "licence_class")
    known = one_of(licence_class, list(LICENCE_CLASSES))
    known &= one_of(column(assets, "licence_model"), list(LICENCE_MODELS))
    found.add(Reason.CLASS_UNKNOWN, ~known)
    if deal.rights.editorial == "refuse":
        found.add(Reason.CLASS_EDITORIAL, equals(licence_class, "editorial"))
    found.add(Reason.LICENCE_EXCLUSIVE, bools(column(assets, "exclusive")))
    codes = column(assets, "licence_code")
    for code in pc.unique(codes).to_pylist():
        if code is not None:  # few distinct codes, so a Python loop over them costs nothing
            for fault in _licence_faults(code):
                found.add(fault, equals(codes, code))


def _screen_term(found: Findings, assets: pa.Table, deal: Deal) -> None:
    starts = integers(column(assets, "valid_from"), -_FAR)
    ends = integers(column(assets, "valid_until"), _FAR)
    found.add(Reason.TERM_NOT_STARTED, starts > days(deal.starts))
    found.add(Reason.TERM_ENDS_EARLY, ends < days(deal.ends))


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


def _screen_grants(found: Findings, assets: pa.Table, deal: Deal) -> None:
    for purpose in deal.needed_purposes:
        grant = column(assets, grant_column(purpose))
        found.add(Reason.GRANT_DENIED, equals(grant, Value.DENY))
        found.add(Reason.GRANT_CONDITIONAL, equals(grant, Value.CONDITIONAL))
        known = one_of(grant, [value.value for value in Value])
        found.add(Reason.GRANT_UNREADABLE, present(grant) & ~known)


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
        state, withdrawn = index.consents.states(purpose, asset_ids, who)
        missing = (state == MISSING) | (state == UNKNOWN)
        if silence_is_enough(deal, purpose):
            missing = np.zeros_like(missing)
        found.add(Reason.CONSENT_MISSING, shares.any(missing))
        found.add(Reason.CONSENT_WITHDRAWN, shares.any(withdrawn))
        found.add(Reason.CONSENT_DENIED, shares.any((state == DENY) & ~withdrawn))
        found.add(Reason.CONSENT_CONDITIONAL, shares.any(state == CONDITIONAL))


def silence_is_enough(deal: Deal, purpose: Purpose) -> bool:
    """Whether a missing consent to the purpose passes: inference that is not itself sold."""
    own = purpose is Purpose.INFERENCE and purpose not in deal.purposes
    return own and deal.rights.inference == "unless-denied"


def _screen_source(found: Findings, assets: pa.Table, deal: Deal) -> None:
    source = column(assets, "digital_source_type")
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
