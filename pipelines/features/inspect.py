"""Has models look at what pictures show, for the deals that require it: scores, faces, text.

Scores come from the stored embedding, so they need no second look at the picture. Faces and text
are found in a guarded child process, with limits on time and memory. What a detector fails on is
not stored, and counts as not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.features.guard import this_inspector
from pipelines.features.prepare import PreparedMedia
from pipelines.features.store import FeatureTable
from pipelines.media.limits import MediaLimits
from pipelines.media.shot_rules import SHOTS_MODEL
from pipelines.run.inspectors import Inspectors, check_installed, check_prompts
from pipelines.storage.store import Store
from pipelines.vision.prompts import load_prompts, prompt_directions, score_milli
from schemas.errors import BadRecord
from schemas.features import EmbeddingRow
from schemas.measures import (
    FACES_SCHEMA,
    PROMPT_SCORES_SCHEMA,
    TEXTS_SCHEMA,
    FacesRow,
    ModelMeasures,
    PromptScoresRow,
    TextsRow,
)

_Vector = npt.NDArray[np.float64]
_Row = TypeVar("_Row", FacesRow, TextsRow)
# Directions of prompts by the identity of model and prompts; each takes some texts to embed.
_directions: dict[str, dict[str, _Vector]] = {}


class _TextModel(Protocol):
    def embed_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """L2-normalised embeddings, [n, d]."""


@dataclass
class Inspection:
    """What models found in a unit's media: what is stored, and what this unit adds.

    Attributes:
        scores: Scores by prompts, by digest; None if the run's model knows no prompts.
        faces: Faces, by digest; None if the deal does not ask for them.
        texts: Text, by digest; likewise.
        wanted: What the run measures, and by what.
    """

    wanted: Inspectors
    scores: dict[str, PromptScoresRow] | None = None
    faces: dict[str, FacesRow] | None = None
    texts: dict[str, TextsRow] | None = None
    new_scores: list[PromptScoresRow] = field(default_factory=list)
    new_faces: list[FacesRow] = field(default_factory=list)
    new_texts: list[TextsRow] = field(default_factory=list)

    def complete(self, digest: str) -> bool:
        """Whether all that needs the picture is known of a media file."""
        return all(known is None or digest in known for known in (self.faces, self.texts))

    def new_digests(self) -> set[str]:
        """Returns the media in which this unit looked for faces or text."""
        return {row["media_sha256"] for row in (*self.new_faces, *self.new_texts)}

    def measures(self, digest: str) -> ModelMeasures:
        """Returns what was measured of a media file; None for what was not."""
        scores = (self.scores or {}).get(digest)
        faces = (self.faces or {}).get(digest)
        texts = (self.texts or {}).get(digest)
        return {
            "nsfw_milli": scores and scores["nsfw_milli"],
            "aesthetics_milli": scores and scores["aesthetics_milli"],
            "faces": faces and faces["faces"],
            "text_boxes": texts and texts["text_boxes"],
            "text_area_milli": texts and texts["text_area_milli"],
            "watermark": texts and texts["watermark"],
        }


@dataclass(frozen=True)
class InspectionStore:
    """The feature tables of what models found, of which a run uses those that it asks for.

    Args:
        store: The output store.
        wanted: What the run measures, and by what.
    """

    store: Store
    wanted: Inspectors

    def load(self, low: int, high: int) -> Inspection:
        """Reads what is stored of the media in a range of hashes."""
        wanted = self.wanted
        return Inspection(
            wanted,
            self._scores.load(low, high) if wanted.prompts else None,
            self._faces.load(low, high) if wanted.faces else None,
            self._texts.load(low, high) if wanted.texts else None,
        )

    def save(self, low: int, high: int, found: Inspection) -> None:
        """Adds what a unit found of media in the range of hashes."""
        self._scores.save(low, high, found.new_scores)
        self._faces.save(low, high, found.new_faces)
        self._texts.save(low, high, found.new_texts)

    @property
    def _scores(self) -> FeatureTable[PromptScoresRow]:
        model = self.wanted.prompts
        return FeatureTable(
            self.store, "prompt-scores", model, PROMPT_SCORES_SCHEMA, PromptScoresRow
        )

    @property
    def _faces(self) -> FeatureTable[FacesRow]:
        model = f"{self.wanted.faces} {SHOTS_MODEL}"
        return FeatureTable(self.store, "faces", model, FACES_SCHEMA, FacesRow)

    @property
    def _texts(self) -> FeatureTable[TextsRow]:
        model = f"{self.wanted.texts} {SHOTS_MODEL}"
        return FeatureTable(self.store, "texts", model, TEXTS_SCHEMA, TextsRow)


def score_by_prompts(
    found: Inspection,
    digests: Iterable[str],
    embeddings: Mapping[str, EmbeddingRow],
    vision: _TextModel,
) -> None:
    """Scores media that have no score yet.

    Args:
        found: What is known of the media; the scores are added to it.
        digests: Media that models may see; each has an embedding.
        embeddings: The embeddings, by digest.
        vision: The models.
    """
    if found.scores is None:
        return
    unscored = [digest for digest in dict.fromkeys(digests) if digest not in found.scores]
    if not unscored:
        return
    if found.wanted.prompts not in _directions:
        check_prompts(found.wanted)
        prompts = load_prompts()
        _directions[found.wanted.prompts] = prompt_directions(prompts, vision.embed_texts)
    directions = _directions[found.wanted.prompts]
    for digest in unscored:
        vector = embeddings[digest]["embedding"]
        row: PromptScoresRow = {
            "media_sha256": digest,
            "nsfw_milli": score_milli(vector, directions["nsfw"]),
            "aesthetics_milli": score_milli(vector, directions["aesthetics"]),
        }
        found.scores[digest] = row
        found.new_scores.append(row)


def inspect_media(
    found: Inspection, media: Sequence[PreparedMedia], limits: MediaLimits, threads: Executor
) -> None:
    """Looks for faces and text in media, where it is asked for and not known yet.

    Args:
        found: What is known of the media; what is found is added to it.
        media: Media that models may see.
        limits: Limits on time and memory.
        threads: Each has a guarded child of its own.
    """
    if found.faces is None and found.texts is None:
        return
    check_installed(found.wanted)
    if found.faces is not None:
        faceless = [one for one in media if one.media_sha256 not in found.faces]
        for faces in threads.map(_unless_it_fails(_faces, limits), faceless):
            if faces is not None:
                found.faces[faces["media_sha256"]] = faces
                found.new_faces.append(faces)
    if found.texts is not None:
        unread = [one for one in media if one.media_sha256 not in found.texts]
        for texts in threads.map(_unless_it_fails(_texts, limits), unread):
            if texts is not None:
                found.texts[texts["media_sha256"]] = texts
                found.new_texts.append(texts)


def _faces(limits: MediaLimits, media: PreparedMedia) -> FacesRow:
    """Counts faces: of a film, the most that one of its pictures shows."""
    counts = [this_inspector().faces(picture, limits) for picture in _pictures(media)]
    return {"media_sha256": media.media_sha256, "faces": max(counts)}


def _texts(limits: MediaLimits, media: PreparedMedia) -> TextsRow:
    """Reads text: of a film, that of the picture with the most, and the first watermark."""
    each = [this_inspector().texts(picture, limits) for picture in _pictures(media)]
    return {
        "media_sha256": media.media_sha256,
        "text_boxes": max(one.boxes for one in each),
        "text_area_milli": max(one.area_milli for one in each),
        "watermark": next((one.watermark for one in each if one.watermark), ""),
    }


def _pictures(media: PreparedMedia) -> list[Image.Image]:
    return [*media.frames_rgb, *media.shots_rgb]


def _unless_it_fails(
    measure: Callable[[MediaLimits, PreparedMedia], _Row], limits: MediaLimits
) -> Callable[[PreparedMedia], _Row | None]:
    return partial(_measured_or_none, measure, limits)


def _measured_or_none(
    measure: Callable[[MediaLimits, PreparedMedia], _Row], limits: MediaLimits, media: PreparedMedia
) -> _Row | None:
    try:
        return measure(limits, media)
    except BadRecord:
        return None
