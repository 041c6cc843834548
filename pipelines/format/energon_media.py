"""Energon's media metadata: sizes, lengths and modes, so that samples are chosen without decoding.

They are what `energon prepare --media-metadata-by-extension` finds out by decoding every medium,
from the columns of the shards' tables. AVIF is left out, as Energon does not read it. Of sound
nothing is said, since it was not measured in Energon's terms.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa

from schemas.profiles.file_fields import is_encoded_film

#: The tables of `index.sqlite` for them.
MEDIA_TABLES = """
CREATE TABLE media_metadata (entry_key TEXT PRIMARY KEY, metadata_type TEXT NOT NULL,
    metadata_json TEXT NOT NULL);
CREATE TABLE media_filters (filter_id INTEGER PRIMARY KEY AUTOINCREMENT, strategy TEXT NOT NULL,
    patterns TEXT, created_at_utc TEXT DEFAULT CURRENT_TIMESTAMP, UNIQUE(strategy, patterns));
INSERT INTO media_filters VALUES (1, 'EXTENSION', '', NULL);
"""
#: The columns of a shard's table that they are made of.
MEDIA_COLUMNS = (
    "media_member media_type family width height original_width original_height rendition mode "
    "duration_ms fps_num fps_den frames"
).split()
_PILLOW_FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF", "gif": "GIF"}


def media_metadata(rows: pa.Table) -> Iterator[tuple[str, str, str]]:
    """Yields a row of `media_metadata` for each medium that Energon reads: name, kind and JSON.

    Args:
        rows: The columns `MEDIA_COLUMNS` of a shard's table.
    """
    for row in rows.select(MEDIA_COLUMNS).to_pylist():
        is_film = row["media_type"] == "video"
        said = _film(row) if is_film else _picture(row)
        if said:
            kind = "av" if is_film else "image"
            yield row["media_member"], kind, json.dumps(said, separators=(",", ":"))


def _picture(row: Mapping[str, object]) -> dict[str, object]:
    if row["family"] not in _PILLOW_FORMATS:
        return {}
    stored = "" if row["rendition"] else "original_"
    return {
        "width": row[f"{stored}width"],
        "height": row[f"{stored}height"],
        "format": _PILLOW_FORMATS[str(row["family"])],
        "mode": row["mode"],
    }


def _film(row: Mapping[str, object]) -> dict[str, object]:
    stored = "" if is_encoded_film(str(row["rendition"])) else "original_"
    return {
        "video_duration": int(str(row["duration_ms"])) / 1000,
        "video_num_frames": row["frames"],
        "video_fps": int(str(row["fps_num"])) / int(str(row["fps_den"])),
        "video_width": row[f"{stored}width"],
        "video_height": row[f"{stored}height"],
    }
