"""Records that ODRL policies are made from: a delivery's scope and its decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pipelines.odrl.terms import agency_iri, child_iri
from schemas.deal import Deal
from schemas.errors import InputError

# The fields of a sample that may limit its use by PLUS codes such as AL-CRP, and the action that
# each kind of code limits.
_PLUS_FIELDS = {
    "alteration_constraints": "fs:alter",
    "file_constraints": "fs:alter",
    "duplication_constraints": "odrl:reproduce",
}
_UNTIL_FIELD = "usable_until"
LIMIT_FIELDS = frozenset({_UNTIL_FIELD, *_PLUS_FIELDS})
_NO_DUPLICATION_CONSTRAINTS = "DP-NDC"  # "no duplication constraints"


@dataclass(frozen=True)
class PolicyScope:
    """What the policies of one delivery have in common.

    Attributes:
        deal: The deal.
        vkey: The agency's verifier key.
        version: The delivery's version, such as `v0001`.
        as_of: The instant at which rights were judged, ISO 8601.
        terms_sha256: Digest of the deal's terms, as the delivery states it.
        with_price: Whether the price is stated; deliveries are without it.
    """

    deal: Deal
    vkey: str
    version: str
    as_of: str
    terms_sha256: str
    with_price: bool = True

    # Cached, because every policy of a run uses them.

    @cached_property
    def agency(self) -> str:
        """The IRI of the assigner."""
        return agency_iri(self.vkey)

    @cached_property
    def buyer(self) -> str:
        """The IRI of the assignee, within the agency's namespace."""
        return child_iri(self.agency, "buyer", self.deal.buyer)

    @cached_property
    def deal_iri(self) -> str:
        """The IRI that is the prefix of everything in the deal."""
        return child_iri(self.agency, "deal", self.deal.deal_id)

    @cached_property
    def agreement(self) -> str:
        """The IRI of the deal's policy; it contains the commitment to the terms."""
        return child_iri(self.deal_iri, "terms", self.terms_sha256)

    @cached_property
    def delivery(self) -> str:
        """The IRI of this delivery."""
        return child_iri(self.deal_iri, "delivery", self.version)


@dataclass(frozen=True)
class UsageLimits:
    """Limits on the use of one asset, in addition to the deal's.

    Attributes:
        usable_until: The last day on which it may be used, if that is before the deal's end.
        plus_codes: Pairs of an action and the PLUS codes that forbid some forms of it.
    """

    usable_until: date | None = None
    plus_codes: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class DeliveredDecision:
    """A delivered asset.

    Attributes:
        asset_id: The agency's id; None in exports for the buyer.
        commitment: The salted commitment to the id, hex.
        decision_sha256: Digest of the decision, as published.
        shard: The shard of its first sample.
        key: The key of its first sample.
        limits: The limits on its use.
    """

    asset_id: str | None
    commitment: str
    decision_sha256: str
    shard: str
    key: str
    limits: UsageLimits = UsageLimits()


def read_usage_limits(sample: Mapping[str, object]) -> UsageLimits:
    """Returns the limits that a sample's row states; missing fields mean no limit.

    Raises:
        InputError: If the sample's last day is not a date.
    """
    usable_until = sample.get(_UNTIL_FIELD) or None
    try:
        last_day = None if usable_until is None else date.fromisoformat(str(usable_until))
    except ValueError as error:
        raise InputError(
            f"A sample's {_UNTIL_FIELD} is not a date",
            repr(usable_until)[:80],
            "Package the deal again.",
        ) from error
    codes_by_action: dict[str, list[str]] = {}
    for name, action in _PLUS_FIELDS.items():
        codes = [
            code for code in _split_codes(sample.get(name)) if code != _NO_DUPLICATION_CONSTRAINTS
        ]
        codes_by_action.setdefault(action, []).extend(codes)
    return UsageLimits(
        last_day,
        tuple((action, tuple(codes)) for action, codes in codes_by_action.items() if codes),
    )


def _split_codes(value: object) -> list[str]:
    """Splits a field with codes: a list, or one text with `;` between them."""
    if value is None:
        return []
    parts = value if isinstance(value, list | tuple) else str(value).split(";")
    return [text for part in parts if (text := str(part).strip())]
