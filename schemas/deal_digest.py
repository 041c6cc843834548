"""The JSON whose digests identify a deal and its terms.

A key that a later release added is not part of it while it has its default. So a deal that does
not use such a key keeps the digest that it had before the key existed.
"""

from __future__ import annotations

from pydantic import BaseModel

from schemas.canonical import canonical_json

_IDENTITY_KEYS = {"deal_id", "buyer", "purposes", "territory", "starts", "ends", "price"}
# These keys of the price concern only the agency and its contributors. A deal in which they change
# is still the same deal.
_CHANGEABLE_PRICE_KEYS = {"other_currencies"}
_LATER_SECTIONS = (
    *("agency", "captions", "clips", "quality", "render", "split", "structure", "withdrawal"),
)
_LATER_KEYS = {
    "captions": ("p_synthetic_bp",),
    "models": ("precision", "device"),
    "render": ("films", "film_codec", "film_longest_side"),
    "rights": ("faces", "missing_credit", "precedence"),
    "select": (
        *("blank", "semantic_cosine", "keep_both", "only"),
        *("max_black_share", "max_frozen_share", "max_silent_share"),
    ),
    "shards": ("min_shards", "counts", "wids_md5"),
}


def identity_json(deal: BaseModel) -> bytes:
    """Returns what identifies a deal (buyer, purposes, territory, term, price) as RFC 8785 JSON."""
    excluded = {"price": _CHANGEABLE_PRICE_KEYS}
    return canonical_json(deal.model_dump(mode="json", include=_IDENTITY_KEYS, exclude=excluded))


def terms_json(deal: BaseModel) -> bytes:
    """Returns a deal's terms as RFC 8785 JSON; the output location is not a term."""
    excluded: dict[str, bool | set[str]] = {"output": True}
    for name, keys in _LATER_KEYS.items():
        section = getattr(deal, name)
        default = type(section)()
        excluded[name] = {key for key in keys if getattr(section, key) == getattr(default, key)}
    for name in _LATER_SECTIONS:
        section = getattr(deal, name)
        if section == type(section)():
            excluded[name] = True
    return canonical_json(deal.model_dump(mode="json", exclude=excluded))
