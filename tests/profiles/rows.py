"""Makes rows of a unit's table, and the fields that every sample has."""

from __future__ import annotations

from typing import Any, cast

from pipelines.profiles.captions import sample_caption
from schemas.unit import UnitCaption, UnitRow, UnitShot

Row = dict[str, Any]

_SHARED: Row = {
    "key": "0" * 24,
    "asset": "a" * 64,
    "media_sha256": "b" * 64,
    "media_type": "image",
    "format": "jpg",
    "width": 640,
    "height": 480,
    "duration_ms": 0,
    "fps_num": 0,
    "fps_den": 1,
    "frames": 0,
    "tags": "boat; sea",
    "tag_scores_bp": "3000; -20",
    "tag_vocabulary": "general@1",
    "caption_model": "captioner@1",
    "clip_model": "clip@1",
    "title": "A red boat",
    "description": "A boat at its mooring.",
    "keywords": "boat; red",
    "language": "en",
    "category": "sea",
    "created_at": "2020-02-29",
    "licence_model": "RF",
    "licence_class": "creative",
    "licence_code": "LicenseRef-Agency",
    "digital_source_type": "digitalCapture",
    "ai_generated": "no",
    "alteration_constraints": "AL-CRP; AL-FLP",
    "file_constraints": "",
    "duplication_constraints": "DP-NDC",
    "usable_until": "",
    "sharpness_milli": 700,
    "brightness_milli": 450,
    "shadows_milli": 10,
    "highlights_milli": 20,
    "nsfw_milli": -1,
    "aesthetics_milli": -1,
    "faces": -1,
    "text_boxes": -1,
    "text_area_milli": -1,
    "watermark": "unknown",
    "deal_id": "deal-1",
    "decision_sha256": "c" * 64,
    "original_sha256": "d" * 64,
    "rendition": "",
    "mode": "RGBA",
    "bits": 8,
    "has_alpha": True,
    "orientation": 1,
}
COMMON: Row = {
    **_SHARED,
    "icc": "sRGB",
    "animated": False,
    "plain_differences": "alpha; format",
}
FILM_COMMON: Row = {
    **_SHARED,
    "codec": "h264",
    "bitrate_bps": 1_000_000,
    "audio_codec": "",
    "pixel_aspect_num": 4,
    "pixel_aspect_den": 3,
    "media_type": "video",
    "format": "mp4",
    "duration_ms": 2000,
    "fps_num": 25,
    "frames": 50,
}


def caption(source: str, text: str, score: float, **changes: Any) -> UnitCaption:
    """Returns a caption; a model's names its model."""
    by_model = source not in ("title", "description", "keywords")
    told: Row = {"source": source, "text": text, "score": score, "language": "en", "flags": []}
    return cast("UnitCaption", {**told, "model": "captioner@1" if by_model else "", **changes})


def picture_row(**changes: Any) -> UnitRow:
    """Returns the row of a picture that a model captioned."""
    row: Row = {
        "media_type": "image",
        "width": 640,
        "height": 480,
        "title": "A red boat",
        "description": "A boat at its mooring.",
        "keywords": ["boat", "red"],
        "seen": True,
        "captions": [
            caption("title", "A red boat", 0.25),
            caption("description", "A boat at its mooring.", 0.2),
            caption("keywords", "boat, red", 0.3),
            caption("model", "a red boat on water", 0.3127),
        ],
        "tags": [{"name": "boat", "category": "vehicle", "score": 0.2}],
        "frames": 1,
        "sharpness_milli": 700,
        "brightness_milli": 450,
        "shadows_milli": 10,
        "highlights_milli": 20,
        "nsfw_milli": None,
        "aesthetics_milli": None,
        "faces": None,
        "text_boxes": None,
        "text_area_milli": None,
        "watermark": None,
    }
    return cast("UnitRow", row | changes)


def film_row(**changes: Any) -> UnitRow:
    """Returns the row of a film of two shots that a model captioned."""
    row = picture_row(
        media_type="video",
        frames=50,
        film_ms=2000,
        fps_num=25,
        fps_den=1,
        motion_milli=1234,
        stretches=[
            {"kind": "black", "start_ms": 0, "end_ms": 400},
            {"kind": "silent", "start_ms": 0, "end_ms": 1200},
        ],
        black_ms=400,
        frozen_ms=0,
        silent_ms=1200,
        rendition="",
        audio_codec="aac",
        sound="decoded",
        shots=[shot(0, 20, "a red boat", 0.31), shot(20, 50, "a green tree", 0.28)],
    )
    return with_values(row, **changes)


# What makers of members say of a film, by profile.
# Its first shot has the frames 0 to 19.
_CLIP = {"shot": 0, "first_frame": 2, "end_frame": 18, "start_ms": 80, "end_ms": 720}
EXTRA_FACTS: dict[str, Row] = {
    "first-last-frame": {"clip": 0, "clips": [_CLIP]},
    "structure-video": {"embedding_every": 1, "embedding_rows": 50, "embedding_dimensions": 512},
    "structure-depth": {
        "embedding_every": 1,
        "embedding_rows": 50,
        "embedding_dimensions": 512,
        "depth_height": 120,
        "depth_width": 160,
        "depth_unit": "metre",
        "depth_source": "tracker",
        "depth_tracker": "Example Depth",
        "depth_tracker_version": "2.0",
    },
    "box-motion": {
        "objects": 2,
        "boxes": 21,
        "hard_boxes": 12,
        "boxed_frames": 12,
        "boxes_source": "tracker",
        "tracker": "Example Tracker",
        "tracker_version": "2.1",
    },
    "human-motion": {
        "posed_frames": 50,
        "seen_joints": 800,
        "reference_frame": 7,
        "poses_source": "agency",
        "tracker": "",
        "tracker_version": "",
        "skeleton": "coco-17",
    },
}

# What samples of some profiles say of people, by profile.
PEOPLE: dict[str, Row] = {
    "human-motion": {"identities": "1" * 64, "model_releases": f"{'2' * 64}; {'3' * 64}"}
}


def with_values(row: UnitRow, **changes: Any) -> UnitRow:
    """Returns the row with other values."""
    columns: Row = {**row, **changes}
    return cast("UnitRow", columns)


def shot(first: int, end: int, caption: str, score: float) -> UnitShot:
    """Returns one shot at 25 frames per second."""
    return {
        "first_frame": first,
        "end_frame": end,
        "start_ms": first * 40,
        "end_ms": end * 40,
        "keyframe": first,
        "keyframe_ms": first * 40,
        "motion_milli": 1200,
        "caption": caption,
        "clip_score": score,
    }


def only(row: UnitRow, *sources: str) -> UnitRow:
    """Returns the row with only the captions of some sources."""
    return with_values(row, captions=[one for one in row["captions"] if one["source"] in sources])


def bare(row: UnitRow) -> UnitRow:
    """Returns the row of the same asset if no model may see it."""
    own = [{**one, "score": 0.0} for one in row["captions"] if not one["model"]]
    unseen: Row = {"seen": False, "captions": own}
    if "shots" in row:
        unseen["shots"] = [{**one, "caption": "", "clip_score": 0.0} for one in row["shots"]]
    return with_values(row, **unseen)


def common_of(row: UnitRow, people: Row | None = None) -> Row:
    """Returns the fields that all profiles share, for a row; those about people only of some."""
    base = FILM_COMMON if row["media_type"] == "video" else COMMON
    unnamed = {} if row["seen"] else {"caption_model": "", "clip_model": ""}
    said: Row = {"title": row["title"] or "", "description": row["description"] or ""}
    said["captions"] = [sample_caption(one) for one in row["captions"]]
    return {**base, **unnamed, **said, **(people or {})}
