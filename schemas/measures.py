"""Measures: what was measured of a medium's picture, for a deal's `[quality]` to decide by.

Shares and scores are in thousandths, so that they are exact. What was not measured is null in
tables and `UNMEASURED` in samples, never a number that could be taken for a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import pyarrow as pa

UNMEASURED = -1


class PictureMeasures(TypedDict):
    """What is measured of every picture, without a model (pipelines.media.measures)."""

    sharpness_milli: int
    brightness_milli: int
    shadows_milli: int
    highlights_milli: int


class MeasuresRow(PictureMeasures):
    """A row of MEASURES_SCHEMA."""

    media_sha256: str


class PromptScoresRow(TypedDict):
    """A row of PROMPT_SCORES_SCHEMA."""

    media_sha256: str
    nsfw_milli: int
    aesthetics_milli: int


class FacesRow(TypedDict):
    """A row of FACES_SCHEMA."""

    media_sha256: str
    faces: int


class TextsRow(TypedDict):
    """A row of TEXTS_SCHEMA."""

    media_sha256: str
    text_boxes: int
    text_area_milli: int
    watermark: str


_DIGEST = pa.field("media_sha256", pa.string(), nullable=False)
_PICTURE_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("sharpness_milli", pa.int32(), nullable=False),
    pa.field("brightness_milli", pa.int32(), nullable=False),  # mean
    pa.field("shadows_milli", pa.int32(), nullable=False),  # share of pixels without detail
    pa.field("highlights_milli", pa.int32(), nullable=False),
]
_PROMPT_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("nsfw_milli", pa.int32()),
    pa.field("aesthetics_milli", pa.int32()),
]
_FACE_FIELDS: list[pa.Field[pa.DataType]] = [pa.field("faces", pa.int32())]
_TEXT_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("text_boxes", pa.int32()),
    pa.field("text_area_milli", pa.int32()),  # share of the picture
    pa.field("watermark", pa.string()),  # the text that is taken for one; "" if there is none
]
MEASURES_SCHEMA = pa.schema([_DIGEST, *_PICTURE_FIELDS])
PROMPT_SCORES_SCHEMA = pa.schema([_DIGEST, *_PROMPT_FIELDS])
FACES_SCHEMA = pa.schema([_DIGEST, *_FACE_FIELDS])
TEXTS_SCHEMA = pa.schema([_DIGEST, *_TEXT_FIELDS])


class ModelMeasures(TypedDict):
    """What models measure, of media that they may see; None if it was not measured."""

    nsfw_milli: int | None
    aesthetics_milli: int | None
    faces: int | None
    text_boxes: int | None
    text_area_milli: int | None
    watermark: str | None


class Measures(PictureMeasures, ModelMeasures):
    """Everything that is measured of a medium."""


#: The columns of a unit, and of samples.parquet, that have the measures.
MEASURE_FIELDS: tuple[pa.Field[pa.DataType], ...] = (
    *_PICTURE_FIELDS,
    *_PROMPT_FIELDS,
    *_FACE_FIELDS,
    *_TEXT_FIELDS,
)
MEASURE_NAMES = tuple(field.name for field in MEASURE_FIELDS)


def row_measures(row: Mapping[str, object]) -> dict[str, object]:
    """Returns the measures that a row has, without its other columns."""
    return {name: row[name] for name in MEASURE_NAMES if name in row}
