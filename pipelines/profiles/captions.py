"""Reads an asset's captions from its row, and recommends one of them.

Captions of different sources are never mixed. If an asset has a model's caption that is not flagged
and a title or description, a draw decides which of the two kinds is recommended (`choose_caption`):
scores of the two are not compared, since the model that gives them favours captions like its own.
The draw depends on the asset's commitment alone, so that anyone can repeat it.

Within a kind, and where there are not both kinds, the recommended caption is the one with the
highest CLIP score, in ten-thousandths. Of captions with equal scores, the first in the order title,
description, keywords, model is recommended; so is it where no model may see the asset, since then
every score is 0. A flagged caption (`pipelines.signals.caption_flags`) is recommended only if there
is no other. So is a zero-shot caption: its words were chosen by the very score, which is therefore
no evidence for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypedDict, cast

from pipelines.profiles.base import Row, UnmetRequirement
from schemas.profiles.common import CaptionSourceName
from schemas.profiles.index_columns import CaptionRow
from schemas.sample import CaptionSource
from schemas.unit import UnitCaption

BASIS_POINTS = 10_000

# Captions by which a contributor describes one work; keywords are not a sentence.
_OWN_WORDS = (CaptionSource.TITLE, CaptionSource.DESCRIPTION)


def score_bp(cosine: float) -> int:
    """Returns a cosine in ten-thousandths, clamped because rounding can exceed -1 to 1."""
    return max(-BASIS_POINTS, min(BASIS_POINTS, round(cosine * BASIS_POINTS)))


def sample_caption(caption: UnitCaption) -> CaptionRow:
    """Returns a caption as a sample has it."""
    model, _, version = caption["model"].partition("@")
    return {
        "source": caption["source"],
        "text": caption["text"],
        "model": model,
        "version": version,
        "language": caption["language"],
        "score_bp": score_bp(caption["score"]),
        "flags": "; ".join(caption["flags"]),
    }


def model_caption(row: Row) -> tuple[str, int]:
    """Returns the model's caption and its score; ("", 0) without one, or if it is flagged."""
    written = (
        one for one in row["captions"] if one["source"] == CaptionSource.MODEL and not one["flags"]
    )
    return next(((one["text"], score_bp(one["score"])) for one in written), ("", 0))


def contributor_caption(row: Row) -> tuple[str, int]:
    """Returns the contributor's caption and its score: title, else description, else ("", 0)."""
    own = (one for one in row["captions"] if one["source"] in _OWN_WORDS)
    return next(((one["text"], score_bp(one["score"])) for one in own), ("", 0))


def recommended(row: Row) -> UnitCaption:
    """Returns the recommended caption of an asset that has one."""
    return recommend(row["captions"])


def recommend(captions: Sequence[UnitCaption]) -> UnitCaption:
    """Returns the caption to recommend; flagged ones only if there are no others."""
    # The first of equals.
    return max(captions, key=_rank)


def share_of_synthetic(captions: Sequence[UnitCaption], p_synthetic_bp: int) -> int:
    """Returns how often the model's caption is recommended, of 10,000 such assets.

    It is the deal's share, but 0 or 10,000 if the asset lacks one of the two kinds.
    """
    has_own = any(one["source"] in _OWN_WORDS for one in captions)
    has_model_s = any(_is_model_s(one) for one in captions)
    if not has_model_s:
        return 0
    return p_synthetic_bp if has_own else BASIS_POINTS


def draws_synthetic(asset: str, p_synthetic_bp: int) -> bool:
    """Returns whether the draw of an asset, named by its commitment, is for the model's caption."""
    digest = hashlib.sha256(b"fairshard/caption\x00" + asset.encode()).digest()
    return int.from_bytes(digest[:8], "big") % BASIS_POINTS < p_synthetic_bp


def choose_caption(captions: Sequence[UnitCaption], p_synthetic_bp: int, asset: str) -> UnitCaption:
    """Returns the caption to recommend.

    Args:
        captions: The asset's captions; at least one.
        p_synthetic_bp: The deal's share of models' captions.
        asset: Commitment to the asset, hex.
    """
    if draws_synthetic(asset, share_of_synthetic(captions, p_synthetic_bp)):
        kind = [one for one in captions if _is_model_s(one)]
    else:
        kind = [one for one in captions if one["source"] in _OWN_WORDS]
    return recommend(kind or captions)


def _is_model_s(caption: UnitCaption) -> bool:
    return caption["source"] == CaptionSource.MODEL and not caption["flags"]


def _rank(caption: UnitCaption) -> tuple[bool, bool, int]:
    chosen_by_score = caption["source"] == CaptionSource.ZERO_SHOT
    return not caption["flags"], not chosen_by_score, score_bp(caption["score"])


class RecommendedCaption(TypedDict):
    """The fields of a sample's recommended caption."""

    caption_source: CaptionSourceName
    caption: str
    clip_score_bp: int


def recommended_caption(row: Row) -> RecommendedCaption:
    """Returns the fields of the recommended caption."""
    return caption_choice(recommended(row))


def caption_choice(chosen: UnitCaption) -> RecommendedCaption:
    """Returns the fields of a caption that is recommended."""
    return {
        "caption_source": cast("CaptionSourceName", chosen["source"]),
        "caption": chosen["text"],
        "clip_score_bp": score_bp(chosen["score"]),
    }


def find_missing_caption(row: Row) -> UnmetRequirement | None:
    """Checks that an asset has at least one caption, which every profile requires."""
    if row["captions"]:
        return None
    why = "the model wrote no caption" if row["seen"] else "the rights forbid a model to caption it"
    return UnmetRequirement(
        "profile.no_caption", f"no title, no description, no keywords, and {why}"
    )
