"""Greedy and beam decoding with the text decoder of an open_clip CoCa.

open_clip's own `generate` needs parts of `transformers` that current releases no longer have.
Rows are independent, so a caption does not depend on its neighbours in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

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

    def rows(self, start: int, stop: int) -> ImageTokens:
        """Returns the rows of some of the pictures."""
        return ImageTokens(self.latent[start:stop], self.tokens[start:stop])

    @classmethod
    def join(cls, parts: Sequence[ImageTokens]) -> ImageTokens:
        """Returns the rows of several outputs, in order."""
        return cls(
            torch.cat([part.latent for part in parts]), torch.cat([part.tokens for part in parts])
        )

    def filled(self, rows: int) -> ImageTokens:
        """Returns as many rows, those that are missing filled with zeros."""
        missing = rows - len(self.latent)
        latent = self.latent.new_zeros(missing, *self.latent.shape[1:])
        tokens = self.tokens.new_zeros(missing, *self.tokens.shape[1:])
        return self.join([self, ImageTokens(latent, tokens)])

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


class StepDecoder(Protocol):
    """A decoder for a batch of pictures that is fed one token of every row at a time."""

    def next_logits(self, tokens: Tensor) -> Tensor:
        """Appends tokens [n] and returns the logits of the tokens after them: [n, vocabulary]."""
        ...

    def select(self, rows: Tensor) -> None:
        """Continues each row from the state of another of its picture, by index: `rows` [n]."""
        ...


class PrefixDecoder:
    """Runs the model on the whole prefix at every step, as in training.

    Right for every model, and slow: the work grows with the square of a caption's length.
    """

    def __init__(self, model: Decoder, image_tokens: ImageTokens) -> None:
        self._model = model
        self._image_tokens = image_tokens
        latent = image_tokens.latent
        self._text = torch.empty(len(latent), 0, dtype=torch.long, device=latent.device)

    def next_logits(self, tokens: Tensor) -> Tensor:
        """Appends tokens [n] and returns the logits of the tokens after them: [n, vocabulary]."""
        self._text = torch.cat([self._text, tokens[:, None]], 1)
        return next_token_logits(self._model, self._image_tokens, self._text)[:, -1]

    def select(self, rows: Tensor) -> None:
        """Continues each row from the state of another of its picture, by index: `rows` [n]."""
        self._text = self._text[rows]


class OffDevice:
    """A decoder that lives on another device; the search itself runs on the CPU.

    Args:
        decoder: The decoder.
        device: Where it lives.
    """

    def __init__(self, decoder: StepDecoder, device: torch.device) -> None:
        self._decoder, self._device = decoder, device

    def next_logits(self, tokens: Tensor) -> Tensor:
        """Appends tokens [n] and returns the logits of the tokens after them: [n, vocabulary]."""
        return self._decoder.next_logits(tokens.to(self._device)).cpu()

    def select(self, rows: Tensor) -> None:
        """Continues each row from the state of another of its picture, by index: `rows` [n]."""
        self._decoder.select(rows.to(self._device))


def greedy(decoder: StepDecoder, rows: int, limits: TokenLimits) -> list[list[int]]:
    """Decodes greedily until every row has ended; returns tokens without special tokens."""
    text = torch.full((rows, 1), limits.start, dtype=torch.long)
    ended = torch.zeros(rows, dtype=torch.bool)
    while text.shape[1] < limits.length and not bool(ended.all()):
        token = decoder.next_logits(text[:, -1]).float().argmax(-1)
        # Not padding, which a decoder would have to hide from the rows after it.
        token = token.masked_fill(ended, limits.end)
        ended |= token == limits.end
        text = torch.cat([text, token[:, None]], 1)
    return [_strip_special_tokens(row, limits) for row in text.tolist()]


def beam(decoder: StepDecoder, rows: int, limits: TokenLimits, beams: int) -> list[list[int]]:
    """Decodes by beam search; returns each row's caption with the best mean log-probability.

    Captions that reached their end token are preferred. A beam that has ended keeps its score and
    is continued with padding.

    Args:
        decoder: Opened on image tokens that are repeated once for each beam.
        rows: Number of pictures.
        limits: The special tokens and the maximum length.
        beams: Width of the search.
    """
    text = torch.full((rows * beams, 1), limits.start, dtype=torch.long)
    scores = torch.full((rows, beams), float("-inf"))
    scores[:, 0] = 0.0  # all beams start equal, so only one may be extended at first
    lengths = torch.zeros(rows, beams, dtype=torch.long)
    ended = torch.zeros(rows, beams, dtype=torch.bool)
    first_beams = torch.arange(rows)[:, None] * beams
    while text.shape[1] < limits.length and not bool(ended.all()):
        step = decoder.next_logits(text[:, -1]).float().log_softmax(-1).view(rows, beams, -1)
        step = _freeze_ended(step, ended, limits.pad)
        vocabulary = step.shape[-1]
        scores, flat = (scores[:, :, None] + step).view(rows, -1).topk(beams, dim=1)
        parent, token = flat // vocabulary, flat % vocabulary
        ended, lengths = ended.gather(1, parent), lengths.gather(1, parent)
        lengths = lengths + (~ended).long()
        ended = ended | (token == limits.end)
        parent_rows = (first_beams + parent).flatten()
        decoder.select(parent_rows)
        text = torch.cat([text[parent_rows], token.view(-1, 1)], 1)
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
