"""Figures of the demonstration model on scenes it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.demo.model.pictures import Pixels, picture, shrink
from pipelines.demo.scenes.scene import COLOURS, KINDS, PLURALS, Scene, draw_scene_spec
from pipelines.demo.scenes.words import caption
from pipelines.vision.decode import Decoder, Limits, greedy, look
from pipelines.vision.demo_network import MEAN, STD, tokenizer

_SINGULAR = {**{plural: kind for kind, plural in PLURALS.items()}, **{kind: kind for kind in KINDS}}
_POOL = 200  # scenes among which a picture must find its own caption
_BATCH = 100


@dataclass(frozen=True)
class Figures:
    """Shares, from 0 to 1, over `scenes` pictures."""

    scenes: int
    retrieval_at_1: float  # picture to caption, among 200 captions
    subject: float  # generated captions that name the right main object and its colour
    exact: float  # generated captions equal to the canonical one


def subject_of(text: str) -> tuple[str, str]:
    """The first object a caption names, singular, and the colour before it; "" where absent."""
    colour = ""
    for word in text.split():
        if word in COLOURS:
            colour = word
        elif word in _SINGULAR:
            return _SINGULAR[word], colour
    return "", colour


def judge(scenes: list[Scene], nearest: list[int], written: list[str]) -> Figures:
    """Compares retrieved indices and written captions with the generator's own answer key."""
    texts = [caption(scene) for scene in scenes]
    count = len(scenes)
    # Two scenes may share a caption; either is right.
    hits = sum(texts[found] == texts[index] for index, found in enumerate(nearest))
    named = sum(
        subject_of(line) == (scene.kind, scene.colour)
        for scene, line in zip(scenes, written, strict=True)
    )
    same = sum(line == text for line, text in zip(written, texts, strict=True))
    return Figures(count, hits / count, named / count, same / count)


def nearest_captions(images: Tensor, texts: Tensor) -> list[int]:
    """For each picture the nearest of the captions in its own pool of 200."""
    found: list[int] = []
    for start in range(0, len(images), _POOL):
        pool = slice(start, start + _POOL)
        found += (images[pool] @ texts[pool].T).argmax(1).add(start).tolist()
    return found


def to_input(pixels: Pixels) -> Tensor:
    """Normalised pictures [n, 3, 64, 64] in fp32 from bytes [n, 64, 64, 3]."""
    raw = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (raw - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, count, _BATCH))


@torch.no_grad()
def measure(model: Decoder, first: int, count: int) -> Figures:
    """The figures of a network in memory, on the scenes of `count` seeds from `first`."""
    scenes = [draw_scene_spec(seed) for seed in range(first, first + count)]
    pixels = np.stack([shrink(picture(scene.seed)) for scene in scenes])
    encode = tokenizer()
    tokens = encode([caption(scene) for scene in scenes])
    limits = Limits(encode.sot_token_id, encode.eot_token_id, 0, tokens.shape[1])
    latents: list[Tensor] = []
    words: list[Tensor] = []
    written: list[str] = []
    for part in _parts(count):
        seen = look(model, to_input(pixels[part]))
        latents.append(seen.latent)
        words.append(model(None, tokens[part], seen.latent, seen.tokens)["text_features"])
        written += [encode.decode(row).strip() for row in greedy(model, seen, limits)]
    return judge(scenes, nearest_captions(torch.cat(latents), torch.cat(words)), written)
