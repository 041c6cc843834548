"""Reads terms that people write in TOML, such as a deal, and lists every fault of invalid ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.deal_faults import describe_fault
from schemas.errors import InputError

Terms = TypeVar("Terms", bound=BaseModel)

#: How TOML has what people most often write otherwise.
_FORMS = "Text is in quotes, lists are in [ ], and days are written as 2026-01-31 without quotes."


def parse_terms(model: type[Terms], text: str, origin: str, name: str, remedy: str) -> Terms:
    """Parses terms.

    Args:
        model: What the terms must be.
        text: TOML.
        origin: The path of the text, for messages.
        name: What the terms are called in messages, such as "deal".
        remedy: Where the keys are described.

    Raises:
        InputError: If it is not valid TOML, or a key or value is invalid; lists every fault.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # too long a number, too deep a list
        which = f"{origin}: {error}{_line_of(text, error)}"
        raise InputError(f"The {name} is not valid TOML", which, f"{_FORMS} {remedy}") from error
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = (describe_fault(model, fault) for fault in error.errors(include_url=False))
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise InputError(f"The {name} is not valid", f"{origin}{lines}", remedy) from error


def _line_of(text: str, error: Exception) -> str:
    """Returns the line that an error of the TOML parser is about, to be appended to it."""
    found = re.search(r"\(at line (\d+), ", str(error))
    lines = text.splitlines()
    if not found or not 0 < int(found[1]) <= len(lines):
        return ""
    line = lines[int(found[1]) - 1].strip()
    return f": {line[:80]!r}"


def read_terms(path: Path, name: str) -> str:
    """Reads a file of terms; the byte order mark that some editors write is left out.

    Raises:
        InputError: If the file cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"The {name} cannot be read", f"{path}: {cause}", f"Give the path of a {name} in TOML."
        ) from error
