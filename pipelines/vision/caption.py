"""Writes captions with the text decoder of a CoCa model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image

from pipelines.vision.cached_decoder import CachedDecoder, cacheable
from pipelines.vision.decode import (
    ImageTokens,
    PrefixDecoder,
    StepDecoder,
    TokenLimits,
    beam,
    encode_image_tokens,
    greedy,
)
from pipelines.vision.embed import padded_batches
from pipelines.vision.loading import Network, load_network
from pipelines.vision.models import ModelRef
from schemas.errors import InputError

_MAX_TOKENS = 40  # per caption, for models with a longer context


class Captioner:
    """Writes one caption for each picture.

    Args:
        network: The loaded model.
        batch: Pictures per forward pass.
        beams: 1 decodes greedily; a larger number is the width of a beam search.
    """

    def __init__(self, network: Network, batch: int, beams: int) -> None:
        self.network = network
        self.batch = batch
        self._beams = beams
        self._coca = cacheable(network.model)
        self.identity = f"{network.identity}@{'greedy' if beams == 1 else f'beam{beams}'}"
        tokenizer = network.tokenizer
        pad = int(getattr(network.model, "pad_id", 0))
        self.limits = TokenLimits(
            tokenizer.sot_token_id,
            tokenizer.eot_token_id,
            pad=pad,
            length=min(network.context_length, _MAX_TOKENS),
        )

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """Returns the captions of RGB pictures, trimmed and without special tokens."""
        network = self.network
        pixels = network.preprocess(images).to(network.dtype)
        captions: list[str] = []
        with torch.inference_mode():
            for chunk, count in padded_batches(pixels, self.batch):
                image_tokens = encode_image_tokens(network.model, chunk)
                captions += self.caption_tokens(image_tokens, count)
        return captions

    def caption_tokens(self, image_tokens: ImageTokens, count: int) -> list[str]:
        """Returns the captions of the first `count` pictures of the image tower's output.

        The number of pictures must be a multiple of the captioner's own batch, since only batches
        of one shape give each picture the same caption whatever the others are.
        """
        captions: list[str] = []
        for start in range(0, count, self.batch):
            own = image_tokens.rows(start, start + self.batch)
            decoder = self._open_decoder(own.repeat(self._beams))
            if self._beams == 1:
                rows = greedy(decoder, self.batch, self.limits)
            else:
                rows = beam(decoder, self.batch, self.limits, self._beams)
            captions += [self._text(row) for row in rows[: count - start]]
        return captions

    def _open_decoder(self, image_tokens: ImageTokens) -> StepDecoder:
        if self._coca is not None:
            return CachedDecoder(self._coca, image_tokens, self.limits.length)
        return PrefixDecoder(self.network.model, image_tokens)

    def _text(self, tokens: list[int]) -> str:
        return " ".join(self.network.tokenizer.decode(tokens).split())


def load_captioner(
    ref: ModelRef, *, threads: int = 1, batch: int = 32, beams: int = 1
) -> Captioner:
    """Loads a model as a captioner, or reuses the one that is already loaded in this process.

    Args:
        ref: The model; its architecture must have a text decoder.
        threads: Number of torch threads, for the whole process.
        batch: Pictures per forward pass.
        beams: Width of the beam search; 1 decodes greedily.

    Raises:
        InputError: The weights are unavailable or do not fit, or the model cannot write captions.
    """
    network = load_network(ref, threads)
    if not hasattr(network.model, "text_decoder"):
        raise InputError("This model cannot write captions", ref.name, "Use demo or a CoCa model")
    return Captioner(network, batch, beams)
