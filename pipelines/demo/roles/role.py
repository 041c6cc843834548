"""What a role is: the fault, or the honest variety, that an asset of the demo library plays.

A role sets columns, releases, consents and files, and says which reasons the three deals must give
for it. The reasons are written down beside the fault that causes them and are never computed by
the rules under test, so the library comes with an answer key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

AS_OF = date(2026, 6, 30)

MAIN = "demo-main"
IMAGES = "demo-images"
STRICT = "demo-strict"
DEAL_IDS = (MAIN, IMAGES, STRICT)

COLLECTION = "Collection A"  # the strict deal's keywords_any, in another case
RETIRED = "retired"  # the strict deal's keywords_none

Columns = Mapping[str, object]


def utc(text: str) -> datetime:
    """An instant in UTC, from ISO 8601 text without an offset."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True)
class ConsentEvent:
    """A consent event as a template: of a contributor, or of a contributor for one asset."""

    value: str
    given_at: datetime
    purpose: str = "all"


@dataclass(frozen=True)
class Author:
    """One of an asset's contributors: whose consents are like `history`, and the share."""

    history: str
    share_bp: int


@dataclass(frozen=True)
class Role:
    """One kind of asset.

    Attributes:
        name: Stable name, shown in the answer key.
        reasons: Screening or reading reasons by deal; a deal that is absent clears the asset.
        columns: Columns of `assets` that differ from an ordinary asset's.
        authors: Who made it; the first is the one whom asset-wide events belong to.
        releases: Columns of each release on the asset that differ from a good model release's.
        events: Consent events for this one asset, of its first author.
        unknown_releases: How many release ids are named that no table has.
        kind: `image` or `film`.
        file_style: How the file is saved or broken; see `media_files` and `broken`.
        xmp_fields: What the file's rights statement says otherwise than an ordinary one; see `xmp`.
        file_reasons: Reasons by deal that the statement gives.
        failure_reason: The dead letter that the file causes when it is fetched.
        short_side: Pixels, from and up to; of the drawing.
        too_small_for: Deals that refuse the picture for its size.
        group: Name of a group of look-alikes of which one instance of each member is made.
        change: How this member of the group differs from the first: `same`, or a change of picture.
        rows: Rows of the catalogue that share the asset_id.
        per_thousand: Instances in a thousand assets, beside the one that every role has.
        essential: Whether even the smallest library has it.
    """

    name: str
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Columns = field(default_factory=dict)
    authors: tuple[Author, ...] = (Author("good", 10_000),)
    releases: tuple[Columns, ...] = ()
    events: tuple[ConsentEvent, ...] = ()
    unknown_releases: int = 0
    kind: str = "image"
    file_style: str = ""
    xmp_fields: Mapping[str, str] = field(default_factory=dict)
    file_reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failure_reason: str = ""
    short_side: tuple[int, int] = (560, 960)
    too_small_for: tuple[str, ...] = ()
    group: str = ""
    change: str = ""
    rows: int = 1
    per_thousand: int = 0
    essential: bool = True


def by_deal(main: str = "", images: str = "", strict: str = "") -> dict[str, tuple[str, ...]]:
    """Reasons by deal, from codes with spaces between them."""
    texts = {MAIN: main, IMAGES: images, STRICT: strict}
    return {deal: tuple(sorted(text.split())) for deal, text in texts.items() if text}


def all_deals(codes: str) -> dict[str, tuple[str, ...]]:
    """The same reasons in every deal."""
    return by_deal(codes, codes, codes)


def generative_deals(codes: str) -> dict[str, tuple[str, ...]]:
    """Reasons of the two deals that train generators; the images deal does not ask."""
    return by_deal(codes, "", codes)
