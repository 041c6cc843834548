"""Reads single values of a mapping, with messages that name their key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, datetime

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.plain_form import plain_form
from schemas.errors import InputError


def close_matches(name: str, names: Iterable[str]) -> list[str]:
    """Returns names similar to `name`, closest first, ignoring case and separators."""
    by_plain = {plain_form(other): other for other in sorted(names, reverse=True)}
    found = difflib.get_close_matches(plain_form(name), by_plain, n=3, cutoff=0.6)
    return [by_plain[key] for key in found]


def cell_text(value: object, where: str) -> str:
    """Returns a TOML value as the text of a CSV cell."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value).strip(BLANK_CHARACTERS)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list):
        return ";".join(cell_text(item, where) for item in value)
    raise InputError(
        "The mapping has a value of an unsupported type", f"{where} = {value!r}", "Use text."
    )


def check_known(name: str, allowed: Iterable[str], where: str) -> None:
    """Refuses a name that is not one of the allowed ones.

    Raises:
        InputError: With the nearest of them.
    """
    names = list(allowed)
    if name not in names:
        guesses = close_matches(name, names)
        hint = f"Did you mean {guesses[0]}? " if guesses else ""
        raise InputError(
            "The mapping has an unknown key", where, f"{hint}Allowed here: {', '.join(names)}."
        )


def require_section(value: object, where: str) -> dict[str, object]:
    """Returns a TOML table.

    Raises:
        InputError: If it is anything else.
    """
    if not isinstance(value, dict):
        raise InputError(
            "The mapping requires a TOML table here", f"{where} = {value!r}", f"Write [{where}]."
        )
    return value


def text_value(value: object, where: str) -> str:
    """Returns a text that is not empty.

    Raises:
        InputError: If it is anything else.
    """
    if not isinstance(value, str) or not value:
        raise InputError("The mapping requires text here", f"{where} = {value!r}", "Use text.")
    return value


def parse_names(value: object, where: str) -> tuple[str, ...]:
    """Returns a list of texts that are not empty.

    Raises:
        InputError: If it is anything else.
    """
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise InputError(
            "The mapping requires a list of names here", f"{where} = {value!r}", 'Use ["…", "…"].'
        )
    return tuple(value)
