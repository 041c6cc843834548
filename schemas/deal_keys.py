"""Looks up a deal's keys by dotted name: the value, and the other allowed values."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

from schemas.deal import Deal
from schemas.deal_terms import Agreement, Ruling

_SHOWN = 6  # entries of a list


def deal_value(deal: Deal, key: str) -> object:
    """Returns a deal's value, or the default, for a key such as `rights.editorial`.

    Raises:
        AttributeError: If a deal has no such key.
    """
    value: object = deal
    for name in key.split("."):
        value = getattr(value, name)
    return value


def json_value(deal: Deal, key: str) -> object:
    """Returns the same as a JSON value.

    Raises:
        KeyError: If a deal has no such key.
    """
    value: Any = deal.model_dump(mode="json")
    for name in key.split("."):
        value = value[name]
    return value


def allowed_values(key: str) -> tuple[str, ...]:
    """Returns the allowed values of a key if they are a closed list of words; else none.

    Raises:
        KeyError: If a deal has no such key.
    """
    kind: Any = Deal
    for name in key.split("."):
        kind = get_type_hints(kind)[name]
    return get_args(kind) if get_origin(kind) is Literal else ()


def toml_text(value: object) -> str:
    """Returns a value as one line of TOML: a long list's start, agreements and rulings by name."""
    if isinstance(value, list):
        shown = [toml_text(entry) for entry in value[:_SHOWN]]
        rest = len(value) - len(shown)
        return f"[{', '.join(shown)}{f', … {rest:,} more' if rest else ''}]"
    if isinstance(value, Agreement | Ruling):
        return toml_text(value.ref)
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(str(value) if isinstance(value, Decimal) else value, ensure_ascii=False)
