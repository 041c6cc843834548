"""Greedy and beam decoding with the text decoder of an open_clip CoCa.

open_clip's own `generate` needs parts of `transformers` that current releases no longer have.
Every step here runs the model on the whole prefix, as in training. Rows are independent, so a
caption does not depend on its neighbours in the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# A CoCa model, called as a function that returns its outputs by name.
Decoder = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class TokenLimits:
    """The special tokens, and the maximum length of a caption including start and end tokens."""

    start: int
    end: int
    pad: int
    length: int


@dataclass(frozen=True)
class ImageTokens:
    """The image tower's output for a batch: latents [n, d] and tokens [n, t, w]."""

    latent: Tensor
    tokens: Tensor

    def repeat(self, times: int) -> ImageTokens:
        """Returns each row repeated `times` times consecutively, one for each beam."""
        return ImageTokens(
            self.latent.repeat_interleave(times, 0), self.tokens.repeat_interleave(times, 0)
        )


def encode_image_tokens(model: Decoder, images: Tensor) -> ImageTokens:
    """Runs the image tower on images [n, 3, h, w]."""
    outputs = model(images)
    return ImageTokens(outputs["image_features"], outputs["image_embs"])


def next_token_logits(model: Decoder, image_tokens: ImageTokens, text: Tensor) -> Tensor:
    """Returns the logits of the token after each position of `text` [n, t]: [n, t, vocabulary]."""
    outputs = model(
        None,
        text,
        image_latent=image_tokens.latent,
        image_embs=image_tokens.tokens,
        output_labels=False,
    )
    logits: Tensor = outputs["logits"]
    return logits


def greedy(model: Decoder, image_tokens: ImageTokens, limits: TokenLimits) -> list[list[int]]:
    """Decodes greedily until every row has ended; returns tokens without special tokens."""
    rows = image_tokens.latent.shape[0]
    text = torch.full((rows, 1), limits.start, dtype=torch.long)
    ended = torch.zeros(rows, dtype=torch.bool)
    while text.shape[1] < limits.length and not bool(ended.all()):
        token = next_token_logits(model, image_tokens, text)[:, -1].float().argmax(-1)
        token = torch.where(ended, torch.full_like(token, limits.pad), token)
        ended |= token == limits.end
        text = torch.cat([text, token[:, None]], 1)
    return [_strip_special_tokens(row, limits) for row in text.tolist()]


def beam(
    model: Decoder, image_tokens: ImageTokens, limits: TokenLimits, beams: int
) -> list[list[int]]:
    """Decodes by beam search; returns each row's caption with the best mean log-probability.

    Captions that reached their end token are preferred. A beam that has ended keeps its score and
    is continued with padding.
    """
    rows = image_tokens.latent.shape[0]
    repeated = image_tokens.repeat(beams)
    text = torch.full((rows * beams, 1), limits.start, dtype=torch.long)
    scores = torch.full((rows, beams), float("-inf"))
    scores[:, 0] = 0.0  # all beams start equal, so only one may be extended at first
    lengths = torch.zeros(rows, beams, dtype=torch.long)
    ended = torch.zeros(rows, beams, dtype=torch.bool)
    while text.shape[1] < limits.length and not bool(ended.all()):
        step = (
            next_token_logits(model, repeated, text)[:, -1]
            .float()
            .log_softmax(-1)
            .view(rows, beams, -1)
        )
        step = _freeze_ended(step, ended, limits.pad)
        vocabulary = step.shape[-1]
        scores, flat = (scores[:, :, None] + step).view(rows, -1).topk(beams, dim=1)
        parent, token = flat // vocabulary, flat % vocabulary
        ended, lengths = ended.gather(1, parent), lengths.gather(1, parent)
        lengths = lengths + (~ended).long()
        ended = ended | (token == limits.end)
        text = text.view(rows, beams, -1).gather(
            1, parent[:, :, None].expand(-1, -1, text.shape[1])
        )
        text = torch.cat([text, token[:, :, None]], 2).view(rows * beams, -1)
    mean = scores / lengths.clamp(min=1)
    # A beam that was cut at the length limit loses to any that reached its end token.
    mean = torch.where(ended, mean, mean - 1e4) if bool(ended.any()) else mean
    best = text.view(rows, beams, -1)[torch.arange(rows), mean.argmax(1)]
    return [_strip_special_tokens(row, limits) for row in best.tolist()]


def _freeze_ended(step: Tensor, ended: Tensor, pad: int) -> Tensor:
    frozen = torch.full_like(step, float("-inf"))
    frozen[:, :, pad] = 0.0
    return torch.where(ended[:, :, None], frozen, step)


def _strip_special_tokens(row: list[int], limits: TokenLimits) -> list[int]:
    kept: list[int] = []
    for token in row[1:]:
        if token == limits.end:
            break
        kept.append(token)
    return [token for token in kept if token != limits.start]
