"""Defines a role: a fault, or a valid variety, of an asset in the demo library.

A role sets columns, releases, consents and files, and lists the reasons that the three deals must
give for it. The reasons are written next to the fault that causes them and are never computed by
the rules under test, so they can serve as the answer key.
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
    """Parses ISO 8601 text without an offset as a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True)
class ConsentEvent:
    """The template of a consent event, for all of a contributor's assets or for one asset."""

    value: str
    given_at: datetime
    purpose: str = "all"
    basis: str | None = "explicit"
    notice_at: date | None = None
    window_days: int | None = None

    @property
    def columns(self) -> Columns:
        """The columns of `consents` that do not depend on who says it of what."""
        return vars(self)


@dataclass(frozen=True)
class Author:
    """One of an asset's contributors: the name of a consent history, and the share."""

    history: str
    share_bp: int


@dataclass(frozen=True)
class Role:
    """One kind of asset.

    Attributes:
        name: Stable name, shown in the answer key.
        reasons: Screening or reading reasons by deal; a deal that is absent clears the asset.
        columns: Columns of `assets` that differ from an ordinary asset's.
        authors: The asset's contributors; `events` belong to the first one.
        releases: For each release of the asset, the columns that differ from a valid release's.
        events: Consent events for this asset only, by its first author.
        unknown_releases: Number of release ids that are in no table.
        kind: `image` or `film`.
        file_style: How the file is saved or broken; see `picture_files` and `broken_files`.
        xmp_fields: Fields of the file's rights statement that differ from an ordinary one's; see
            `RightsStatement`.
        file_reasons: Reasons by deal that the file causes: by its rights statement, or by not
            meeting the profile.
        failure_reason: Why the asset fails when its file is fetched or decoded.
        short_side: Smallest and largest shorter side of the drawing, in pixels.
        too_small_for: Deals that refuse the picture for its size.
        group: Name of a group of look-alikes; each group has one instance of each member.
        change: How this member of the group differs from the first: `same`, or the change.
        other_author: Of a member whose file or picture is the first's: 0 if its contributor is too,
            else a number for each other contributor.
        rows: Rows of the catalogue that share the asset_id.
        per_thousand: Instances per thousand assets.
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
    other_author: int = 0
    rows: int = 1
    per_thousand: int = 0
    essential: bool = True


def by_deal(main: str = "", images: str = "", strict: str = "") -> dict[str, tuple[str, ...]]:
    """Returns reasons by deal, from codes separated by spaces."""
    texts = {MAIN: main, IMAGES: images, STRICT: strict}
    return {deal: tuple(sorted(text.split())) for deal, text in texts.items() if text}


def all_deals(codes: str) -> dict[str, tuple[str, ...]]:
    """Returns the same reasons for every deal."""
    return by_deal(codes, codes, codes)


def generative_deals(codes: str) -> dict[str, tuple[str, ...]]:
    """Returns the same reasons for the main and strict deals, and none for the images deal."""
    return by_deal(codes, "", codes)
