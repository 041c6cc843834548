"""Reads the captions from an asset's row, keeping the contributor's and a model's apart."""

from __future__ import annotations

from typing import Literal, TypedDict

from pipelines.profiles.base import Row, UnmetRequirement
from schemas.unit import CONTRIBUTOR_CAPTION_COLUMNS

BASIS_POINTS = 10_000

CaptionKind = Literal["model", "title", "description"]


def score_bp(cosine: float) -> int:
    """Returns a cosine in ten-thousandths, clamped because rounding can exceed -1 to 1."""
    return max(-BASIS_POINTS, min(BASIS_POINTS, round(cosine * BASIS_POINTS)))


def model_caption(row: Row) -> str:
    """Returns the model's caption; "" if the rights forbid captioning or the model wrote none."""
    return str(row["caption"]) if row["caption_source"] == "model" else ""


def contributor_captions(row: Row) -> list[tuple[CaptionKind, str, int]]:
    """Returns the contributor's captions with their scores: title and description, if given."""
    scores = {"title": row["title_score"], "description": row["description_score"]}
    return [
        (kind, text, score_bp(scores[kind]))
        for kind in CONTRIBUTOR_CAPTION_COLUMNS
        if (text := (row[kind] or "").strip())
    ]


def contributor_caption(row: Row) -> tuple[str, int]:
    """Returns the contributor's caption and its score: title, else description, else ("", 0)."""
    own = contributor_captions(row)
    return (own[0][1], own[0][2]) if own else ("", 0)


class RecommendedCaption(TypedDict):
    """The fields of a sample's recommended caption."""

    caption_source: CaptionKind
    caption: str
    clip_score_bp: int


def recommended_caption(row: Row) -> RecommendedCaption:
    """Returns the fields of the recommended caption: the model's, else the contributor's."""
    if model_caption(row):
        chosen: tuple[CaptionKind, str, int] = (
            "model",
            model_caption(row),
            score_bp(row["clip_score"]),
        )
    else:
        chosen = contributor_captions(row)[0]
    return {"caption_source": chosen[0], "caption": chosen[1], "clip_score_bp": chosen[2]}


def find_missing_caption(row: Row) -> UnmetRequirement | None:
    """Checks that an asset has at least one caption, which every profile requires."""
    if model_caption(row) or contributor_captions(row):
        return None
    if row["caption_source"] != "model":
        why = "the rights forbid a model to caption it"
    else:
        why = "the model wrote no caption"
    return UnmetRequirement("profile.no_caption", f"no title, no description, and {why}")
