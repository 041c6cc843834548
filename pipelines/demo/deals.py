"""Defines the demo's three deals: their text, and the terms that the answer key needs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pipelines.demo.roles.role import IMAGES, MAIN, STRICT

# Rules of the catalogue checks that planted rows break. If the deals did not list them, the checks
# would stop the run; listed, they are reported only, and each row is refused with its reason.
GATE_DIVERT = (
    "contributors_given",
    "splits_positive",
    "splits_sum",
    "territory_codes",
)


@dataclass(frozen=True)
class DemoDeal:
    """A deal's text, with its terms repeated for the answer key.

    Attributes:
        deal_id: The id in its text.
        file_name: The file's name in the library's folder.
        text: The TOML, with placeholders `{max_assets}` and `{divert}`.
        dedupes_near: Whether look-alikes are refused as well as identical files.
        filters_keywords: Whether it selects by the planted keywords.
        caps_assets: Whether `max_assets` is low enough to refuse some assets.
        weights_assets: Whether assets count by their weight rather than equally.
        pool_minor: The pool in minor units.
        currency: ISO 4217 code.
        agency_share: The agency's share of the pool, exact.
    """

    deal_id: str
    file_name: str
    text: str
    dedupes_near: bool
    filters_keywords: bool
    caps_assets: bool
    weights_assets: bool
    pool_minor: int
    currency: str
    agency_share: Fraction


_MAIN_TEXT = """\
# Pictures and films for a generator, on the strictest terms that the rights table has.
deal_id = "demo-main"
buyer = "Example Models, Inc."
purposes = ["train_gen"]
territory = ["DE", "FR", "NO", "US"]
starts = 2026-07-01
ends = 2029-07-01
profile = "video-text"
media = ["image", "video"]

[select]
min_short_side = 240  # films of 240 lines are wanted
dedupe = "near"

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "100000.00"
currency = "USD"
other_currencies = "pay-in-deal-currency"
agency_share = "0.40"
allocation = "per_asset"

[shards]
target_bytes = "4MiB"

[gate]
divert = [{divert}]

[limits]
dead_letter_share = "0.50"  # broken files are what this library is for
"""

_IMAGES_TEXT = """\
# Pictures for a classifier and a search engine: other purposes, other countries, laxer terms.
deal_id = "demo-images"
buyer = "Beispiel Suche GmbH"
purposes = ["train_nongen", "search"]
territory = ["GB", "JP"]
starts = 2026-03-01
ends = 2027-03-01
profile = "image-text"
media = ["image"]

[rights]
editorial = "accept"
ai_generated = "label"
minors = "guardian-release"
people = "biometric-release"
unknown_people_count = "accept"
sensitive = "accept"
inference = "unless-denied"
unknown_property = "accept"
unknown_source = "accept"

[select]
min_short_side = 512
dedupe = "exact"

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "1500001"
currency = "JPY"
other_currencies = "pay-in-deal-currency"
agency_share = "0.35"
allocation = "weighted"

[shards]
target_bytes = "3MiB"

[gate]
divert = [{divert}]

[limits]
dead_letter_share = "0.50"
"""

_STRICT_TEXT = """\
# A few pictures of one collection, without people, for the whole world, to train a captioner.
deal_id = "demo-strict"
buyer = "Exemple & Fils SA"
purposes = ["train_gen", "data_mining"]
territory = ["WORLD"]
starts = 2026-07-01
ends = 2031-07-01
profile = "caption-only"
media = ["image"]

[rights]
people = "refuse"

[select]
min_short_side = 512
keywords_any = ["collection a"]
keywords_none = ["retired"]
dedupe = "near"
max_assets = {max_assets}

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "9999.99"
currency = "EUR"
other_currencies = "pay-in-deal-currency"
agency_share = "0.50"
allocation = "per_asset"

[shards]
target_bytes = "1MiB"

[gate]
divert = [{divert}]

[limits]
dead_letter_share = "0.50"
"""

DEALS = (
    DemoDeal(
        MAIN,
        "deal.toml",
        _MAIN_TEXT,
        dedupes_near=True,
        filters_keywords=False,
        caps_assets=False,
        weights_assets=False,
        pool_minor=10_000_000,
        currency="USD",
        agency_share=Fraction(40, 100),
    ),
    DemoDeal(
        IMAGES,
        "deal-images.toml",
        _IMAGES_TEXT,
        dedupes_near=False,
        filters_keywords=False,
        caps_assets=False,
        weights_assets=True,
        pool_minor=1_500_001,
        currency="JPY",
        agency_share=Fraction(35, 100),
    ),
    DemoDeal(
        STRICT,
        "deal-strict.toml",
        _STRICT_TEXT,
        dedupes_near=True,
        filters_keywords=True,
        caps_assets=True,
        weights_assets=False,
        pool_minor=999_999,
        currency="EUR",
        agency_share=Fraction(50, 100),
    ),
)


def deal_text(deal: DemoDeal, max_assets: int) -> str:
    """Returns the deal's TOML; only the capped deal uses `max_assets`."""
    divert = ", ".join(f'"{name}"' for name in GATE_DIVERT)
    return deal.text.format(max_assets=max_assets, divert=divert)
