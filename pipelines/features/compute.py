"""Computes what models say of new media: embeddings, captions and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from pipelines.features.prepare import PreparedMedia
from pipelines.features.vision_models import Vectors, VisionModels
from pipelines.vision.caption_text import CaptionFailure
from schemas.features import CaptionRow, EmbeddingRow, ScoreRow, ShotCaption

_NO_VECTORS: Vectors = np.empty((0, 0), np.float32)


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
