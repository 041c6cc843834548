"""Computes the features of new media: facts, embeddings, captions and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.features.prepare import PreparedMedia
from schemas.features import CaptionRow, EmbeddingRow, FactsRow, ScoreRow, ShotCaption

if TYPE_CHECKING:
    from pipelines.vision.caption import Captioner
    from pipelines.vision.embed import ImageTextEncoder

Vectors = npt.NDArray[np.float32]


class VisionModels(Protocol):
    """The model operations that a unit needs."""

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """One caption an image."""


@dataclass(frozen=True)
class LazyVisionModels:
    """Models that are loaded on first use, so that a run that computes nothing loads none.

    Not even torch is imported, which takes seconds in every process; hence the local imports.

    Attributes:
        clip: Name of the encoder model, as given in the deal.
        captioner: Name of the captioner model.
    """

    clip: str
    captioner: str

    @cached_property
    def _encoder(self) -> ImageTextEncoder:
        from pipelines.vision.embed import load_encoder
        from pipelines.vision.models import parse_model

        return load_encoder(parse_model(self.clip))

    @cached_property
    def _captioner(self) -> Captioner:
        from pipelines.vision.caption import load_captioner
        from pipelines.vision.models import parse_model

        return load_captioner(parse_model(self.captioner))

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""
        return self._encoder.embed_images(list(images))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""
        return self._encoder.embed_texts(list(texts))

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """One caption an image."""
        return self._captioner.caption(list(images))


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
        "shots": [
            {
                "first_frame": shot.first_frame,
                "end_frame": shot.end_frame,
                "start_ms": shot.start_ms,
                "end_ms": shot.end_ms,
            }
            for shot in prepared.shots
        ],
    }


def embedding_rows(media: Sequence[PreparedMedia], vision: VisionModels) -> list[EmbeddingRow]:
    """Computes one embedding per media file; a film's is the normalised mean over its frames."""
    if not media:
        return []
    frames = [frame for prepared in media for frame in prepared.frames_rgb]
    vectors = vision.embed_images(frames)
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


def caption_rows(
    media: Sequence[PreparedMedia], embeddings: dict[str, EmbeddingRow], vision: VisionModels
) -> list[CaptionRow]:
    """Captions each media file with the best-fitting caption of its sampled frames.

    Fit is the cosine of the caption's embedding and the media file's, which for a film is the mean
    over all its frames: a shot that takes up most of the film gives it its caption. Each shot of a
    film also gets a caption, an embedding and a score of its own.
    """
    if not media:
        return []
    frames = [frame for prepared in media for frame in prepared.frames_rgb]
    shots = [frame for prepared in media for frame in prepared.shots_rgb]
    captions = vision.caption(frames + shots)
    texts = vision.embed_texts(captions)
    shot_vectors = vision.embed_images(shots) if shots else texts[:0]
    rows: list[CaptionRow] = []
    start = shot = 0
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
                    _shot_row(captions[len(frames) + at], texts[len(frames) + at], shot_vectors[at])
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
    texts = vision.embed_texts([text for _, text in media_texts]).astype(np.float64)
    return [
        {
            "score_key": score_key(digest, text),
            "clip_score": float(
                np.float32(vector @ np.asarray(embeddings[digest]["embedding"], np.float64))
            ),
        }
        for (digest, text), vector in zip(media_texts, texts, strict=True)
    ]
