"""Tells whether an asset's author can be named as its licence asks: rule 21 of docs/rights.md."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pipelines.format.attribution import display_text
from pipelines.rights.formatting import one_line
from schemas.deal import Deal
from schemas.licences import asks_for_attribution
from schemas.unit import ClearedRow

_ADDRESS = re.compile(r"https?://[!#$%&'()*+,./:;=?@\[\]~A-Za-z0-9_-]{1,2000}", re.IGNORECASE)


def attribution_fault(row: ClearedRow, deal: Deal) -> str:
    """Returns why a delivery could not name the author, in one line, or "" if it can.

    No name is taken from anywhere but `credit`: other names in the catalogue are for payments.
    """
    code = row["licence_code"] or ""
    if not asks_for_attribution(code):
        return ""
    source = row["source_url"]
    if source and not is_address(source):
        return f"licence_code={one_line(code)}, source_url={one_line(source)}"
    if deal.rights.missing_credit == "accept":
        return ""
    if not shows_name(row["credit"] or ""):
        return f"licence_code={one_line(code)}, credit not stated"
    if not deal.rights.may_name_authors:
        return f"licence_code={one_line(code)}, rights.personal_data={deal.rights.personal_data}"
    return ""


def shows_name(credit: str) -> bool:
    """Whether anything of a credit is left to be shown once what hides or orders is gone."""
    return bool(display_text(credit))


def is_address(text: str) -> bool:
    """Whether a text is a web address that can be shown; one with a password is not."""
    if not _ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
