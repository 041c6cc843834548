"""Measures the demonstration model on scenes that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.demo.model.pictures import Pixels, draw_picture, shrink
from pipelines.demo.scenes.captions import caption
from pipelines.demo.scenes.scene import COLOURS, KINDS, PLURALS, Scene, draw_scene_spec
from pipelines.vision.decode import (
    Decoder,
    PrefixDecoder,
    TokenLimits,
    encode_image_tokens,
    greedy,
)
from pipelines.vision.demo_network import MEAN, STD, tokenizer

_SINGULAR = {**{plural: kind for kind, plural in PLURALS.items()}, **{kind: kind for kind in KINDS}}
_POOL_SIZE = 200  # captions among which a picture's own must rank first
_BATCH_SIZE = 100


@dataclass(frozen=True)
class CaptionMetrics:
    """Accuracies from 0 to 1, over `scenes` pictures."""

    scenes: int
    retrieval_at_1: float  # pictures whose nearest caption, of 200, is their own
    subject: float  # generated captions that name the right main object and its colour
    exact: float  # generated captions that equal the canonical one


def named_subject(text: str) -> tuple[str, str]:
    """Returns the first object that a caption names, singular, and its colour; "" if absent."""
    colour = ""
    for word in text.split():
        if word in COLOURS:
            colour = word
        elif word in _SINGULAR:
            return _SINGULAR[word], colour
    return "", colour


def score_captions(scenes: list[Scene], nearest: list[int], written: list[str]) -> CaptionMetrics:
    """Compares retrieved indices and generated captions with the scenes."""
    texts = [caption(scene) for scene in scenes]
    count = len(scenes)
    # Several scenes may have the same caption; any of them counts as right.
    retrieved = sum(texts[found] == texts[index] for index, found in enumerate(nearest))
    right_subjects = sum(
        named_subject(line) == (scene.kind, scene.colour)
        for scene, line in zip(scenes, written, strict=True)
    )
    exact_matches = sum(line == text for line, text in zip(written, texts, strict=True))
    return CaptionMetrics(count, retrieved / count, right_subjects / count, exact_matches / count)


def nearest_captions(images: Tensor, texts: Tensor) -> list[int]:
    """Returns, for each picture, the index of the nearest caption in its pool of 200."""
    found: list[int] = []
    for start in range(0, len(images), _POOL_SIZE):
        pool = slice(start, start + _POOL_SIZE)
        found += (images[pool] @ texts[pool].T).argmax(1).add(start).tolist()
    return found


def to_input(pixels: Pixels) -> Tensor:
    """Converts bytes [n, 64, 64, 3] to normalised pictures [n, 3, 64, 64] in fp32."""
    scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH_SIZE) for start in range(0, count, _BATCH_SIZE))


@torch.no_grad()
def measure(model: Decoder, first: int, count: int) -> CaptionMetrics:
    """Measures a network in memory on the scenes of `count` seeds from `first`."""
    scenes = [draw_scene_spec(seed) for seed in range(first, first + count)]
    pixels = np.stack([shrink(draw_picture(scene.seed)) for scene in scenes])
    encode = tokenizer()
    tokens = encode([caption(scene) for scene in scenes])
    limits = TokenLimits(encode.sot_token_id, encode.eot_token_id, 0, tokens.shape[1])
    latents: list[Tensor] = []
    text_vectors: list[Tensor] = []
    written: list[str] = []
    for part in _batches(count):
        image_tokens = encode_image_tokens(model, to_input(pixels[part]))
        latents.append(image_tokens.latent)
        text_vectors.append(
            model(None, tokens[part], image_tokens.latent, image_tokens.tokens)["text_features"]
        )
        rows = greedy(PrefixDecoder(model, image_tokens), len(pixels[part]), limits)
        written += [encode.decode(row).strip() for row in rows]
    return score_captions(
        scenes, nearest_captions(torch.cat(latents), torch.cat(text_vectors)), written
    )
