"""What a decision's `detail` says: for every reason the value seen, in one line of plain text."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa

from pipelines.rights.arrow import column, lists
from pipelines.rights.consents import ALLOW, CONDITIONAL, DENY, MISSING, UNKNOWN
from pipelines.rights.screen import Mask, RightsIndex, reasons_of, silence_is_enough
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.decision import Reason

_COLUMNS: dict[Reason, tuple[str, ...]] = {
    Reason.ASSET_DUPLICATE_ID: ("asset_id",),
    Reason.ASSET_WITHDRAWN: ("status",),
    Reason.ASSET_LEGAL_HOLD: ("status",),
    Reason.ASSET_STATUS_UNKNOWN: ("status",),
    Reason.CLASS_EDITORIAL: ("licence_class",),
    Reason.CLASS_UNKNOWN: ("licence_model", "licence_class"),
    Reason.TERM_NOT_STARTED: ("valid_from",),
    Reason.TERM_ENDS_EARLY: ("valid_until",),
    Reason.TERRITORY_NOT_COVERED: ("territories_in", "territories_out"),
    Reason.TERRITORY_UNKNOWN_CODE: ("territories_in", "territories_out"),
    Reason.LICENCE_EXCLUSIVE: (
        "exclusive",
        "exclusive_purposes",
        "exclusive_from",
        "exclusive_until",
    ),
    Reason.LICENCE_NON_COMMERCIAL: ("licence_code",),
    Reason.LICENCE_NO_DERIVATIVES: ("licence_code",),
    Reason.LICENCE_SHARE_ALIKE: ("licence_code",),
    Reason.LICENCE_UNKNOWN_CODE: ("licence_code",),
    Reason.CONTRIBUTOR_UNKNOWN: ("contributors",),
    Reason.SPLITS_NOT_WHOLE: ("contributors",),
    Reason.PEOPLE_UNKNOWN_COUNT: ("people_count",),
    Reason.PEOPLE_REFUSED: ("people_count",),
    Reason.MINORS_REFUSED: ("minors",),
    Reason.MINORS_UNKNOWN: ("minors",),
    Reason.PROPERTY_UNKNOWN: ("property",),
    Reason.RELEASE_MODEL_MISSING: ("people_count", "release_ids"),
    Reason.RELEASE_PROPERTY_MISSING: ("property", "release_ids"),
    Reason.RELEASE_GUARDIAN_MISSING: ("minors", "release_ids"),
    Reason.RELEASE_SHOOT_RANGE: ("created_at", "release_ids"),
    Reason.SOURCE_UNSTATED: ("digital_source_type",),
    Reason.SOURCE_AI_GENERATED: ("digital_source_type",),
    Reason.SOURCE_UNKNOWN_TYPE: ("digital_source_type",),
    Reason.SENSITIVE_REFUSED: ("sensitive",),
    Reason.SELECT_MEDIA_TYPE: ("media_type",),
    Reason.SELECT_KEYWORDS: ("keywords",),
}
_GRANTS = (Reason.GRANT_DENIED, Reason.GRANT_CONDITIONAL, Reason.GRANT_UNREADABLE)
_STATE_NAMES = {MISSING: "none", UNKNOWN: "unknown", CONDITIONAL: "conditional", DENY: "deny"}
_LONGEST = 300  # characters of a value that are worth showing
_MOST_ITEMS = 20  # of a list


def one_line(value: object) -> str:
    """A value as one line: control characters escaped, and cut where it is very long."""
    if isinstance(value, list):
        more = [f"… {len(value)} in all"] if len(value) > _MOST_ITEMS else []
        return "[" + ", ".join([*map(one_line, value[:_MOST_ITEMS]), *more]) + "]"
    if isinstance(value, dict):
        return ":".join(one_line(item) for item in value.values())
    text = str(value)
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def describe_refusals(assets: pa.Table, mask: Mask, index: RightsIndex, deal: Deal) -> list[str]:
    """One line of detail for each asset of a batch that was refused.

    Args:
        assets: The refused rows alone.
        mask: Their masks.
        index: What they were screened with.
        deal: The deal.
    """
    consents = _consent_notes(assets, index, deal)
    names = sorted({name for columns in _COLUMNS.values() for name in columns})
    names += [grant_column(purpose) for purpose in deal.needed_purposes]
    rows = assets.select(names).to_pylist()
    texts = []
    for position, (row, bits) in enumerate(zip(rows, mask, strict=True)):
        notes: dict[str, None] = {}
        for reason in reasons_of(int(bits)):
            columns = _COLUMNS.get(reason, ())
            if reason in _GRANTS:
                columns = tuple(grant_column(purpose) for purpose in deal.needed_purposes)
            if reason.startswith("release."):
                columns = columns or ("release_ids",)
            for name in columns:
                notes[f"{name}={one_line(row[name])}"] = None
            if reason.startswith("consent."):
                notes.update(dict.fromkeys(consents[position]))
        texts.append("; ".join(notes))
    return texts


def _consent_notes(assets: pa.Table, index: RightsIndex, deal: Deal) -> dict[int, list[str]]:
    """For each row, which contributor's consent falls short for which purpose."""
    shares = lists(column(assets, "contributors"))
    who = shares.values.field("contributor_id")
    ids = column(assets, "asset_id").take(pa.array(shares.rows))
    notes: dict[int, list[str]] = defaultdict(list)
    for purpose in deal.needed_purposes:
        answer = index.consents.said(purpose, ids, who)
        state, withdrawn = answer.state, answer.withdrawn
        short = state != ALLOW
        if silence_is_enough(deal, purpose):
            short = short & (state != MISSING)
        for item in short.nonzero()[0]:
            said = "withdrawn" if withdrawn[item] else _STATE_NAMES[int(state[item])]
            name = one_line(who[int(item)].as_py())
            notes[int(shares.rows[item])].append(f"consent {purpose} of {name}: {said}")
    return notes
