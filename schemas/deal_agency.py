"""Who the agency is to the buyer: the section `[agency]` of a deal."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.deal_terms import DealSection

_MAX_CHARS = 300
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PAGE = re.compile(
    r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?(/[!#$%&*+,./:;=?@~A-Za-z0-9_-]*)?"
)


def _check_name(value: str) -> str:
    if value and (not value.strip() or not value.isprintable()):
        raise ValueError('must be one line of text, or "" where it is not stated')
    return value


def _check_contact(value: str) -> str:
    if value and not (_EMAIL.fullmatch(value) or _PAGE.fullmatch(value)):
        raise ValueError('must be an e-mail address, an https:// address, or "" (not stated)')
    return value


OptionalName = Annotated[str, Field(max_length=_MAX_CHARS), AfterValidator(_check_name)]
OptionalContact = Annotated[str, Field(max_length=_MAX_CHARS), AfterValidator(_check_contact)]


class AgencyTerms(DealSection):
    """Names and addresses that every delivery states; what is left out is "not stated" there."""

    legal_name: OptionalName = ""
    removal_contact: OptionalContact = ""
