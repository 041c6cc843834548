"""A deal's keys by their dotted names: what a deal says there, and what else it could say."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

from schemas.deal import Deal
from schemas.deal_terms import Agreement

_SHOWN = 6  # entries of a list


def deal_value(deal: Deal, key: str) -> Any:
    """What a deal says under a key such as `rights.editorial`, or its default.

    Raises:
        AttributeError: If a deal has no such key.
    """
    value: Any = deal
    for name in key.split("."):
        value = getattr(value, name)
    return value


def json_value(deal: Deal, key: str) -> Any:
    """The same as JSON.

    Raises:
        KeyError: If a deal has no such key.
    """
    value: Any = deal.model_dump(mode="json")
    for name in key.split("."):
        value = value[name]
    return value


def allowed_values(key: str) -> tuple[str, ...]:
    """The values that a key can have, where they are a closed list of words; else none.

    Raises:
        KeyError: If a deal has no such key.
    """
    kind: Any = Deal
    for name in key.split("."):
        kind = get_type_hints(kind)[name]
    return get_args(kind) if get_origin(kind) is Literal else ()


def toml_text(value: Any) -> str:
    """A value as a line of TOML gives it; of a long list the first few, of agreements the names."""
    if isinstance(value, list):
        shown = [toml_text(entry) for entry in value[:_SHOWN]]
        rest = len(value) - len(shown)
        return f"[{', '.join(shown)}{f', … {rest:,} more' if rest else ''}]"
    if isinstance(value, Agreement):
        return toml_text(value.ref)
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(str(value) if isinstance(value, Decimal) else value, ensure_ascii=False)
