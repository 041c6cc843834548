"""Rules 1 to 13 of docs/rights.md for one asset: what each looked at, and its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

from pipelines.rights.formatting import one_line
from pipelines.rights.screen import RightsIndex
from schemas.catalogue import ASSETS_SCHEMA, AssetRow, grant_column
from schemas.deal import Deal
from schemas.reasons import Reason

# By the number of the rule in docs/rights.md.
RULE_NAMES = {
    1: "identity",
    2: "status",
    3: "licence",
    4: "term",
    5: "territory",
    6: "grants",
    7: "contributors",
    8: "consents",
    9: "people",
    10: "releases",
    11: "source",
    12: "sensitive",
    13: "selection",
}
# Which rule gives a reason: by the beginning of its code, the longest that fits.
_RULE_BY_CODE_PREFIX = {
    "asset.duplicate_id": 1,
    "asset.": 2,
    "class.": 3,
    "licence.": 3,
    "term.": 4,
    "territory.": 5,
    "grant.": 6,
    "contributor.": 7,
    "splits.": 7,
    "consent.": 8,
    "people.": 9,
    "minors.": 9,
    "property.": 10,
    "release.": 10,
    "source.": 11,
    "sensitive.": 12,
    "select.": 13,
}
_MAX_KEYWORDS = 8


@dataclass(frozen=True)
class RuleCheck:
    """One rule.

    Attributes:
        rule: Its number in docs/rights.md.
        name: What it is about.
        said: The values that it looked at, in one line.
        reasons: The reasons that it gives; none where it clears the asset.
    """

    rule: int
    name: str
    said: str
    reasons: tuple[Reason, ...]


def rule_of(reason: Reason) -> int:
    """The number of the rule that gives a reason of screening's."""
    fitting = [start for start in _RULE_BY_CODE_PREFIX if reason.startswith(start)]
    return _RULE_BY_CODE_PREFIX[max(fitting, key=len)]


def trace_rules(
    row: AssetRow, deal: Deal, index: RightsIndex, reasons: Sequence[Reason], rows: int
) -> tuple[RuleCheck, ...]:
    """Every rule of screening's, in order.

    Args:
        row: The asset's row.
        deal: The deal.
        index: What it was screened with.
        reasons: What screening said.
        rows: How many rows have the asset's id.
    """
    said = {
        1: "one row has this asset_id" if rows == 1 else f"{rows} rows have this asset_id",
        2: one_line(row["status"]),
        3: _licence(row),
        4: _term(row, deal),
        5: _territory(row, deal),
        6: _grants(row, deal, index),
        7: _contributors(row),
        8: _needed(deal),
        9: _people(row),
        10: _property(row),
        11: _text_or(row["digital_source_type"], "not stated"),
        12: _yes_or_no(row["sensitive"], "yes", "no", "not marked"),
        13: _selection(row, deal),
    }
    return tuple(
        RuleCheck(rule, RULE_NAMES[rule], text, tuple(r for r in reasons if rule_of(r) == rule))
        for rule, text in said.items()
    )


def _text_or(value: object, absent: str) -> str:
    return absent if value is None or value == "" else one_line(value)


def _yes_or_no(value: bool | None, true: str, false: str, absent: str) -> str:
    return absent if value is None else (true if value else false)


def _comma_list(values: Iterable[object] | None) -> str:
    return ", ".join(one_line(value) for value in values or ())


_ExclusiveColumn = Literal["exclusive_purposes", "exclusive_from", "exclusive_until"]
_EXCLUSIVE_COLUMNS: tuple[_ExclusiveColumn, ...] = get_args(_ExclusiveColumn)


def _licence(row: AssetRow) -> str:
    model = f"{one_line(row['licence_model'])} {one_line(row['licence_class'])}"
    parts = [model, _text_or(row["licence_code"], "no licence code")]
    given = [f"{name} {one_line(row[name])}" for name in _EXCLUSIVE_COLUMNS if row[name]]
    held = _yes_or_no(row["exclusive"], "exclusive", "not exclusive", "exclusive not stated")
    return ", ".join([*parts, held, *given])


def _term(row: AssetRow, deal: Deal) -> str:
    first, last = row["valid_from"], row["valid_until"]
    if first is None and last is None:
        asset_term = "no first or last day"
    else:
        asset_term = f"{_text_or(first, 'no first day')} to {_text_or(last, 'no last day')}"
    return f"{asset_term}; the deal {deal.starts} to {deal.ends}"


def _territory(row: AssetRow, deal: Deal) -> str:
    inside = _comma_list(row["territories_in"]) or "everywhere"
    outside = _comma_list(row["territories_out"])
    exception = f" without {outside}" if outside else ""
    return f"{inside}{exception}; the deal {', '.join(deal.territory)}"


def _grants(row: AssetRow, deal: Deal, index: RightsIndex) -> str:
    kind = ASSETS_SCHEMA.field("contributors").type
    asset = pa.table({"contributors": pa.array([row["contributors"]], kind)})
    parts = []
    for purpose in deal.judged_purposes:
        text = f"{purpose} {_text_or(row[grant_column(purpose)], 'not stated')}"
        if index.agreements[purpose].covers(asset)[0]:
            text += " (an agreement of the deal covers it)"
        parts.append(text)
    return ", ".join(parts)


def _contributors(row: AssetRow) -> str:
    shares = (
        f"{one_line(share['contributor_id'])} {_percent(share['share_bp'])}"
        for share in row["contributors"] or ()
    )
    return ", ".join(shares) or "none"


def _percent(share_bp: int | None) -> str:
    return "no share" if share_bp is None else f"{share_bp / 100:g} %"


def _needed(deal: Deal) -> str:
    needed = ", ".join(deal.needed_purposes)
    return f"of every contributor, for {needed}"


def _people(row: AssetRow) -> str:
    count = row["people_count"]
    text_by_count = {None: "number of people not known", 0: "nobody shown", 1: "1 person shown"}
    shown = text_by_count.get(count, f"{count} people shown")
    return f"{shown}, {_yes_or_no(row['minors'], 'a minor', 'no minor', 'minors not stated')}"


def _property(row: AssetRow) -> str:
    shown = _yes_or_no(row["property"], "property shown", "no property", "property not stated")
    named = len(set(row["release_ids"] or ()))
    return f"{shown}; {named or 'no'} release{'' if named == 1 else 's'} named"


def _selection(row: AssetRow, deal: Deal) -> str:
    kind = one_line(row["media_type"])
    if not (deal.select.keywords_any or deal.select.keywords_none):
        return f"{kind}; the deal asks for no keywords"
    words = row["keywords"] or []
    more = f" and {len(words) - _MAX_KEYWORDS} more" if len(words) > _MAX_KEYWORDS else ""
    return f"{kind}; keywords {_comma_list(words[:_MAX_KEYWORDS]) or 'none'}{more}"
