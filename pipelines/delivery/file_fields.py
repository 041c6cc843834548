"""Makes the fields by which a sample says what a loader may get wrong about its file."""

from __future__ import annotations

from schemas.profiles.file_fields import (
    FILM_FILE_FIELDS,
    PICTURE_FILE_FIELDS,
    SHARED_FILE_FIELDS,
    is_encoded_film,
)
from schemas.unit import UnitRow

# Of every film that was encoded again; codecs and bit rate are in its row.
_ENCODED_FILM: dict[str, object] = {
    "mode": "yuv420p",
    "bits": 8,
    "has_alpha": False,
    "orientation": 1,
    "pixel_aspect_num": 1,
    "pixel_aspect_den": 1,
}
# Of every rendition of a picture, whatever the file was.
_RENDERED: dict[str, object] = {
    "mode": "RGB",
    "bits": 8,
    "has_alpha": False,
    "orientation": 1,
    "icc": "",
    "animated": False,
    "plain_differences": "",
}


def file_fields(row: UnitRow) -> dict[str, object]:
    """Returns these fields of a sample, from its row of the unit's table."""
    found: dict[str, object] = {**row, "bits": row["bit_depth"]}
    if row["media_type"] == "video":
        found |= _ENCODED_FILM if is_encoded_film(row["rendition"]) else {}
    elif row["rendition"]:
        found |= _RENDERED
    own = FILM_FILE_FIELDS if row["media_type"] == "video" else PICTURE_FILE_FIELDS
    return {name: found[name] for name in (*SHARED_FILE_FIELDS, *own)}
