"""Makes the fields by which a sample says what a loader may get wrong about its file."""

from __future__ import annotations

from schemas.profiles.file_fields import FILM_FILE_FIELDS, PICTURE_FILE_FIELDS, SHARED_FILE_FIELDS
from schemas.unit import UnitRow

_SILENT: dict[str, object] = {"audio_codec": ""}
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
    if row["rendition"]:
        found |= _SILENT if row["media_type"] == "video" else _RENDERED
    own = FILM_FILE_FIELDS if row["media_type"] == "video" else PICTURE_FILE_FIELDS
    return {name: found[name] for name in (*SHARED_FILE_FIELDS, *own)}
