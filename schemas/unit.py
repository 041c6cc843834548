"""A unit's table: cleared assets, with the facts that were read from their files."""

from __future__ import annotations

from datetime import date
from typing import TypedDict

import pyarrow as pa

from schemas.catalogue import ASSETS_SCHEMA, AssetDescription, AssetRow
from schemas.features import (
    FACTS_SCHEMA,
    SHOT_CAPTION_TYPE,
    SHOT_TYPE,
    TAG_TYPE,
    MediaFacts,
    ShotFrames,
    TagFields,
)
from schemas.measures import MEASURE_FIELDS, Measures


class Agreement(TypedDict):
    """A contributor's signed agreement for a purpose."""

    purpose: str
    contributor_id: str
    ref: str


AGREEMENT_TYPE = pa.struct(
    [
        pa.field("purpose", pa.string(), nullable=False),
        pa.field("contributor_id", pa.string(), nullable=False),
        pa.field("ref", pa.string(), nullable=False),
    ]
)


class ClearedRights(TypedDict):
    """The values of CLEARED_RIGHTS_FIELDS."""

    inference: bool
    usable_until: date | None
    agreements: list[Agreement]
    people: list[str]
    model_releases: list[str]


CLEARED_RIGHTS_FIELDS: tuple[pa.Field[pa.DataType], ...] = (
    pa.field("inference", pa.bool_(), nullable=False),
    pa.field("usable_until", pa.date32()),  # if it is before the deal's last day
    pa.field("agreements", pa.list_(AGREEMENT_TYPE), nullable=False),
    # Who signed the model releases that are named, and the ids of the valid ones; none unless the
    # deal's profile is about people.
    pa.field("people", pa.list_(pa.string()), nullable=False),
    pa.field("model_releases", pa.list_(pa.string()), nullable=False),
)


class ClearedRow(AssetRow, ClearedRights):
    """A row of the catalogue that screening cleared."""


#: The kinds of constraint on the use of a file; each kind has a column.
CONSTRAINTS = ("alteration", "file", "duplication")


class UnitShot(ShotFrames):
    """A shot with a model's caption and score; its embedding stays in the feature store."""

    caption: str
    clip_score: float


class UnitCaption(TypedDict):
    """One of an asset's captions."""

    source: str
    text: str
    model: str
    language: str
    score: float
    flags: list[str]


UNIT_CAPTION_TYPE = pa.struct(
    [
        pa.field("source", pa.string(), nullable=False),  # schemas.sample.CaptionSource
        pa.field("text", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),  # its identity; "" of a contributor's
        pa.field("language", pa.string(), nullable=False),  # "" if it is not known
        pa.field("score", pa.float32(), nullable=False),  # cosine with the medium; 0 if not seen
        # pipelines.signals.caption_flags.CaptionFlag; never of a contributor's
        pa.field("flags", pa.list_(pa.string()), nullable=False),
    ]
)


class UnitExtra(TypedDict):
    """A member that the profile adds to an asset's sample; its bytes are in the work area."""

    ending: str
    bytes: int
    sha256: str


_EXTRA_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("ending", pa.string(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
    pa.field("sha256", pa.string(), nullable=False),
]
EXTRA_TYPE = pa.struct(_EXTRA_FIELDS)


class UnitRow(AssetDescription, ClearedRights, MediaFacts, Measures):
    """A row of UNIT_SCHEMA."""

    hash: int
    film_ms: int
    shots: list[UnitShot]
    seen: bool
    captions: list[UnitCaption]
    tags: list[TagFields]
    alteration_constraints: str
    file_constraints: str
    duplication_constraints: str
    overrides: str
    place: int
    owners: str
    original_sha256: str
    rendition: str
    personal_kinds: list[str]
    dropped_flags: list[str]
    extras: list[UnitExtra]
    extra_facts: str


# Embeddings of shots stay in the feature store until a shard is written.
_UNIT_SHOT_TYPE = pa.struct([*SHOT_TYPE, *(f for f in SHOT_CAPTION_TYPE if f.name != "embedding")])
UNIT_SCHEMA = pa.schema(
    [
        *(f for f in ASSETS_SCHEMA if f.name not in ("sha256", "bytes", "width", "height")),
        *CLEARED_RIGHTS_FIELDS,
        pa.field("hash", pa.uint64(), nullable=False),
        *(
            pa.field("film_ms" if f.name == "duration_ms" else f.name, f.type, f.nullable)
            for f in FACTS_SCHEMA
            if f.name != "shots"
        ),
        *MEASURE_FIELDS,
        pa.field("shots", pa.list_(_UNIT_SHOT_TYPE), nullable=False),
        pa.field("seen", pa.bool_(), nullable=False),  # whether models embedded and captioned it
        pa.field("captions", pa.list_(UNIT_CAPTION_TYPE), nullable=False),
        pa.field("tags", pa.list_(TAG_TYPE), nullable=False),
        *(pa.field(f"{kind}_constraints", pa.string(), nullable=False) for kind in CONSTRAINTS),
        pa.field("overrides", pa.string(), nullable=False),
        pa.field("place", pa.uint64(), nullable=False),  # hash of where its file lies
        pa.field("owners", pa.string(), nullable=False),  # schemas.refused.owners_text
        # Of the file as it was read; `media_sha256`, `bytes`, `format`, `width` and `height` are of
        # the delivered file, which differs if the deal removes metadata or renders it.
        pa.field("original_sha256", pa.string(), nullable=False),
        pa.field("rendition", pa.string(), nullable=False),  # how it was rendered; "" if it was not
        # Kinds of personal data in the file as it is delivered.
        pa.field("personal_kinds", pa.list_(pa.string()), nullable=False),
        # Flags of the models' captions that were left out, those of shots included.
        pa.field("dropped_flags", pa.list_(pa.string()), nullable=False),
        # The members that the profile adds, in the tar's order, and what its fields say about
        # them, as JSON; "" for profiles that add none.
        pa.field("extras", pa.list_(EXTRA_TYPE), nullable=False),
        pa.field("extra_facts", pa.string(), nullable=False),
    ]
)
