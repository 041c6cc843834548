"""A deal's terms as far as they are for the buyer: `rights/terms.json` of a delivery.

The manifest's `terms_sha256` is the digest of that file. What is not for the buyer, such as the
agency's share, is in the file as a salted commitment alone.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.canonical import canonical_json
from schemas.manifest import RemovalWay

#: Version of the file, and of the one that opens its commitment. Changing a field of either, or
#: what a field means, requires a new version.
TERMS_VERSION = "fairshard/terms/v2"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AgencyRecord(_Record):
    """Who sells; "" is not stated.

    Attributes:
        legal_name: The agency's name as in contracts.
        removal_contact: Whom the buyer asks about removals.
    """

    legal_name: str
    removal_contact: str


class RemovalTerms(_Record):
    """What a notice of removal asks of the buyer.

    Attributes:
        deadline_days: Days that the buyer has to delete, from a notice's effective date.
        way: How samples are taken out of the delivery.
    """

    deadline_days: int
    way: RemovalWay


class BuyerTerms(_Record):
    """The terms that a delivery states.

    Attributes:
        deal_id: The deal.
        buyer: Who buys.
        agency: Who sells, as far as the deal states it.
        licensed: What the buyer may do: each purpose with its meaning.
        not_licensed: All other purposes, each with its meaning.
        territory: Where.
        starts: First day of the term, ISO 8601.
        ends: Last day of the term.
        profile: The samples' profile.
        media: Kinds of media.
        rights: What the samples' rights were judged by: the keys of the deal's `[rights]`.
        removal: What a notice of removal asks.
    """

    deal_id: str
    buyer: str
    agency: AgencyRecord
    licensed: dict[str, str]
    not_licensed: dict[str, str]
    territory: list[str]
    starts: str
    ends: str
    profile: str
    media: list[str]
    rights: dict[str, str | int]
    removal: RemovalTerms


class TermsFile(_Record):
    """The file.

    Attributes:
        version: TERMS_VERSION.
        terms: What the buyer may know.
        text_sha256: Digest of the same as readable text, `rights/TERMS.md`, hex.
        all_terms: Salted commitment to all keys of the deal, hex; the agency has the opening.
    """

    version: Literal["fairshard/terms/v2"]
    terms: BuyerTerms
    text_sha256: str
    all_terms: str


def parse_terms_file(data: bytes) -> TermsFile:
    """Reads `rights/terms.json`.

    Raises:
        ValueError: If it is not such a file, or not in its one form, canonical JSON.
    """
    file = TermsFile.model_validate_json(data)
    if canonical_json(file.model_dump(mode="json")) != data:
        raise ValueError("it is not in its one form, canonical JSON")
    return file
