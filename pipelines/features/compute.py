"""Computes the features of new media: facts, embeddings, captions and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.features.prepare import PreparedMedia
from pipelines.run.job import Models
from pipelines.storage.progress import note_amount, timing
from pipelines.vision.caption_text import CaptionFailure
from pipelines.vision.external import is_external
from pipelines.vision.remembered_texts import remembered_texts
from pipelines.vision.zero_shot import prompts_of
from schemas.errors import RunError
from schemas.features import CaptionRow, EmbeddingRow, FactsRow, ScoreRow, ShotCaption
from schemas.measures import MeasuresRow

if TYPE_CHECKING:
    from pipelines.vision.caption import Captioner
    from pipelines.vision.embed import ImageTextEncoder
    from pipelines.vision.external import ExternalCaptioner

Vectors = npt.NDArray[np.float32]
_NO_VECTORS: Vectors = np.empty((0, 0), np.float32)


class VisionModels(Protocol):
    """The model operations that a unit needs."""

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """One caption an image, or why there is none."""

    def embed_and_caption(
        self, images: Sequence[Image.Image]
    ) -> tuple[Vectors, list[str | CaptionFailure]]:
        """Both of the same images."""


@dataclass(frozen=True)
class LazyVisionModels:
    """Models that are loaded on first use, so that a run that computes nothing loads none.

    Not even torch is imported, which takes seconds in every process; hence the local imports.

    Attributes:
        models: The run's models. The precision is the one chosen when the run began, whatever this
            machine's processor.
    """

    models: Models

    @cached_property
    def _encoder(self) -> ImageTextEncoder:
        from pipelines.vision.embed import load_encoder
        from pipelines.vision.models import parse_model

        with timing("model_load_s"):
            encoder = load_encoder(parse_model(self.models.clip, self.models.clip_precision))
        self._check(self.models.clip, encoder.identity, self.models.clip_id)
        return encoder

    @cached_property
    def _captioner(self) -> Captioner:
        from pipelines.vision.caption import load_captioner
        from pipelines.vision.models import parse_model

        models = self.models
        ref = parse_model(models.captioner, models.captioner_precision)
        with timing("model_load_s"):
            captioner = load_captioner(ref)
        self._check(models.captioner, captioner.network.identity, models.captioner_id)
        return captioner

    def load(self) -> None:
        """Loads the models before their first use, and embeds the vocabulary's texts.

        Processes that are forked from this one then have both.
        """
        if not is_external(self.models.captioner):
            _ = self._captioner
        if self.models.vocabulary is not None:
            self.embed_texts(prompts_of(self.models.vocabulary))

    def _check(self, name: str, found: str, expected: str) -> None:
        """Checks that this worker has the weights that the run was started with."""
        if found != expected:
            raise RunError(
                "A worker has other weights than those that the run was started with",
                f"{name}: {found}, not {expected}",
                "Give every machine the same weights file, and leave it as it is during a run.",
            )

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""
        encoder = self._encoder
        with _asking(len(images)):
            return encoder.embed_images(list(images))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """L2-normalised embeddings, [n, d]; a text that occurs again is not embedded again."""
        encoder = self._encoder
        if not texts:
            return encoder.embed_texts([])

        def ask(new: Sequence[str]) -> Vectors:
            with _asking(len(new)):
                return encoder.embed_texts(new)

        return remembered_texts(encoder.identity).vectors(texts, ask)

    @cached_property
    def _external(self) -> ExternalCaptioner | None:
        from pipelines.vision.external import load_external

        models = self.models
        if not is_external(models.captioner):
            return None
        captioner = load_external(models.captioner, models.endpoint)
        self._check(models.captioner, captioner.identity, models.captioner_id)
        return captioner

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """One caption an image, or why there is none."""
        captioner = self._external or self._captioner
        with _asking(len(images)):
            return [*captioner.caption(list(images))]

    def embed_and_caption(
        self, images: Sequence[Image.Image]
    ) -> tuple[Vectors, list[str | CaptionFailure]]:
        """Both of the same images; one network that is both models sees them once."""
        from pipelines.vision.describe import embed_and_caption

        if self._external is not None:
            return self.embed_images(images), self.caption(images)
        encoder, captioner = self._encoder, self._captioner
        with _asking(len(images)):
            vectors, captions = embed_and_caption(encoder, captioner, list(images))
        return vectors, [*captions]


@contextmanager
def _asking(inputs: int) -> Iterator[None]:
    """Notes a call of a model: its time, once the model is loaded, and how much it was given."""
    note_amount("model_calls")
    note_amount("model_inputs", inputs)
    with timing("inference_s"):
        yield


def facts_row(prepared: PreparedMedia) -> FactsRow:
    """Returns the probed facts of one media file, as a row of FACTS_SCHEMA."""
    return {
        "media_sha256": prepared.media_sha256,
        "bytes": prepared.bytes,
        "format": prepared.format,
        "width": prepared.width,
        "height": prepared.height,
        "stored_width": prepared.stored_width,
        "stored_height": prepared.stored_height,
        "mode": prepared.mode,
        "bit_depth": prepared.bit_depth,
        "orientation": prepared.orientation,
        "has_icc": prepared.has_icc,
        "duration_ms": prepared.duration_ms,
        "fps_num": prepared.fps_num,
        "fps_den": prepared.fps_den,
        "frames": prepared.frames,
        "keyframes": prepared.keyframes,
        "phash": prepared.phash,
        "colour": prepared.colour,
        "looks": [look.search for look in prepared.looks],
        "cells": [look.cells for look in prepared.looks],
        "motion_milli": prepared.motion_milli,
        "stretches": [
            {"kind": one.kind, "start_ms": one.start_ms, "end_ms": one.end_ms}
            for one in prepared.stretches
        ],
        "black_ms": prepared.black_ms,
        "frozen_ms": prepared.frozen_ms,
        "silent_ms": prepared.silent_ms,
        "sound": prepared.sound,
        **prepared.file_facts,
        "shots": [
            {
                "first_frame": shot.first_frame,
                "end_frame": shot.end_frame,
                "start_ms": shot.start_ms,
                "end_ms": shot.end_ms,
                "keyframe": shot.keyframe,
                "keyframe_ms": shot.keyframe_ms,
                "motion_milli": shot.motion_milli,
            }
            for shot in prepared.shots
        ],
    }


def measures_row(prepared: PreparedMedia) -> MeasuresRow:
    """Returns what was measured of one media file, as a row of MEASURES_SCHEMA."""
    measured = prepared.measured
    return {
        "media_sha256": prepared.media_sha256,
        "sharpness_milli": measured.sharpness_milli,
        "brightness_milli": measured.brightness_milli,
        "shadows_milli": measured.shadows_milli,
        "highlights_milli": measured.highlights_milli,
    }


def describe_media(
    unembedded: Sequence[PreparedMedia],
    uncaptioned: Sequence[PreparedMedia],
    embeddings: dict[str, EmbeddingRow],
    vision: VisionModels,
) -> tuple[list[EmbeddingRow], list[CaptionRow], dict[str, CaptionFailure]]:
    """Embeds and captions media; most are new to both models, which then see them together.

    Args:
        unembedded: Media without an embedding.
        uncaptioned: Media without captions.
        embeddings: Embeddings of the other media, by digest.
        vision: The models.

    Returns:
        The rows of what is new, and why media have no captions, by digest.
    """
    frames, shots = _frames(unembedded), [shot for one in uncaptioned for shot in one.shots_rgb]
    new_to_both = [one.media_sha256 for one in unembedded] == [
        one.media_sha256 for one in uncaptioned
    ]
    if new_to_both and frames:
        vectors, captions = vision.embed_and_caption(frames + shots)
        frame_vectors, shot_vectors = vectors[: len(frames)], vectors[len(frames) :]
        rows = _embedding_rows(unembedded, frame_vectors)
    else:
        rows = _embedding_rows(unembedded, vision.embed_images(frames)) if unembedded else []
        captions = vision.caption(_frames(uncaptioned) + shots) if uncaptioned else []
        shot_vectors = vision.embed_images(shots) if shots else _NO_VECTORS
    known = {**embeddings, **{row["media_sha256"]: row for row in rows}}
    failures = _failures(uncaptioned, captions)
    texts = [one if isinstance(one, str) else "" for one in captions]
    captioned = [
        row
        for row in _caption_rows(uncaptioned, texts, shot_vectors, known, vision)
        if row["media_sha256"] not in failures
    ]
    return rows, captioned, failures


def _failures(
    media: Sequence[PreparedMedia], captions: Sequence[str | CaptionFailure]
) -> dict[str, CaptionFailure]:
    """Returns the first failure of each media file, of the captions of all frames, then shots."""
    owners = [one.media_sha256 for one in media for _ in one.frames_rgb]
    owners += [one.media_sha256 for one in media for _ in one.shots_rgb]
    failures: dict[str, CaptionFailure] = {}
    for owner, caption in zip(owners, captions, strict=True):
        if isinstance(caption, CaptionFailure):
            failures.setdefault(owner, caption)
    return failures


def _frames(media: Sequence[PreparedMedia]) -> list[Image.Image]:
    return [frame for prepared in media for frame in prepared.frames_rgb]


def _embedding_rows(media: Sequence[PreparedMedia], vectors: Vectors) -> list[EmbeddingRow]:
    """Returns one embedding per media file; a film's is the normalised mean over its frames."""
    rows: list[EmbeddingRow] = []
    start = 0
    for prepared in media:
        stop = start + len(prepared.frames_rgb)
        vector = vectors[start]
        if stop - start > 1:
            mean = vectors[start:stop].mean(axis=0, dtype=np.float64)
            vector = (mean / np.linalg.norm(mean)).astype(np.float32)
        rows.append({"media_sha256": prepared.media_sha256, "embedding": vector.tolist()})
        start = stop
    return rows


def _caption_rows(
    media: Sequence[PreparedMedia],
    captions: Sequence[str],
    shot_vectors: Vectors,
    embeddings: Mapping[str, EmbeddingRow],
    vision: VisionModels,
) -> list[CaptionRow]:
    """Gives each media file the best-fitting caption of its sampled frames.

    Fit is the cosine of the caption's embedding and the media file's, which for a film is the mean
    over all its frames: a shot that takes up most of the film gives it its caption. Each shot of a
    film also gets a caption, an embedding and a score of its own.

    Args:
        media: The media.
        captions: Of all their frames, then of all their shots.
        shot_vectors: Of all their shots.
        embeddings: Of the media, by digest.
        vision: The models.
    """
    if not media:
        return []
    texts = vision.embed_texts(captions)
    start, shot = 0, sum(len(prepared.frames_rgb) for prepared in media)
    first_shot = shot
    rows: list[CaptionRow] = []
    for prepared in media:
        stop, last = start + len(prepared.frames_rgb), shot + len(prepared.shots_rgb)
        medium_vector = np.asarray(embeddings[prepared.media_sha256]["embedding"], np.float64)
        scores = texts[start:stop].astype(np.float64) @ medium_vector
        best = int(scores.argmax())
        rows.append(
            {
                "media_sha256": prepared.media_sha256,
                "caption": captions[start + best],
                "text_embedding": texts[start + best].tolist(),
                "clip_score": float(np.float32(scores[best])),
                "shots": [
                    _shot_row(captions[at], texts[at], shot_vectors[at - first_shot])
                    for at in range(shot, last)
                ],
            }
        )
        start, shot = stop, last
    return rows


def _shot_row(caption: str, text: Vectors, shot_vector: Vectors) -> ShotCaption:
    return {
        "caption": caption,
        "clip_score": float(np.float32(text.astype(np.float64) @ shot_vector.astype(np.float64))),
        "embedding": shot_vector.tolist(),
    }


def score_key(media_sha256: str, text: str) -> str:
    """Returns the key under which the score of a text for a media file is stored."""
    return hashlib.sha256(f"{media_sha256}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()


def score_rows(
    media_texts: Sequence[tuple[str, str]],
    embeddings: dict[str, EmbeddingRow],
    vision: VisionModels,
) -> list[ScoreRow]:
    """Computes the cosine of each text and the media file that it describes.

    Args:
        media_texts: Pairs of a media digest and a text.
        embeddings: Embeddings of these media, by digest.
        vision: The models.
    """
    if not media_texts:
        return []
    texts = vision.embed_texts([text for _, text in media_texts])
    return [
        {
            "score_key": score_key(digest, text),
            "clip_score": float(
                np.float32(
                    vector.astype(np.float64)
                    @ np.asarray(embeddings[digest]["embedding"], np.float64)
                )
            ),
            "text_embedding": vector.tolist(),
        }
        for (digest, text), vector in zip(media_texts, texts, strict=True)
    ]
