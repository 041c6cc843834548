"""Writes captions with the text decoder of a CoCa model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from PIL import Image

from pipelines.vision.cached_decoder import CachedDecoder, cacheable
from pipelines.vision.decode import (
    ImageTokens,
    OffDevice,
    PrefixDecoder,
    StepDecoder,
    TokenLimits,
    beam,
    encode_image_tokens,
    greedy,
)
from pipelines.vision.embed import batch_of, padded_batches
from pipelines.vision.loading import Network, load_network
from pipelines.vision.models import ModelRef
from schemas.errors import InputError

# Pictures that are decoded together: a step of the decoder is so little work that reading its
# weights takes much of the time, and 32 pictures more cost half of what 32 alone do.
_DECODED = 64
_MAX_TOKENS = 40  # per caption, for models with a longer context


class Captioner:
    """Writes one caption for each picture.

    Args:
        network: The loaded model.
        batch: Pictures per pass of the image tower; several batches are decoded together.
        beams: 1 decodes greedily; a larger number is the width of a beam search.
    """

    def __init__(self, network: Network, batch: int, beams: int) -> None:
        self.network = network
        self.batch = batch
        self.decoded = batch * (_DECODED // batch_of(network.ref))
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
        pixels = network.preprocess(images).to(network.device, network.dtype)
        with torch.inference_mode():
            return self.caption_tokens(
                (encode_image_tokens(network.model, chunk), count)
                for chunk, count in padded_batches(pixels, self.batch)
            )

    def caption_tokens(self, batches: Iterable[tuple[ImageTokens, int]]) -> list[str]:
        """Returns the captions of pictures from batches of the image tower's output.

        Args:
            batches: The outputs, and how many of their rows are pictures. They are taken one by
                one, and at most those for one pass of the decoder are kept.
        """
        captions: list[str] = []
        waiting: list[ImageTokens] = []
        count = 0
        for image_tokens, pictures in batches:
            waiting.append(image_tokens.rows(0, pictures))
            count += pictures
            while count >= self.decoded:
                joined = ImageTokens.join(waiting)
                captions += self._decode(joined.rows(0, self.decoded))
                count -= self.decoded
                waiting = [joined.rows(self.decoded, self.decoded + count)]
        if count:
            # Only passes of one shape give each picture the same caption whatever the others are.
            filled = ImageTokens.join(waiting).filled(self.decoded)
            captions += self._decode(filled)[:count]
        return captions

    def _decode(self, image_tokens: ImageTokens) -> list[str]:
        decoder = self._open_decoder(image_tokens.repeat(self._beams))
        if self.network.device.type != "cpu":
            decoder = OffDevice(decoder, self.network.device)
        if self._beams == 1:
            rows = greedy(decoder, self.decoded, self.limits)
        else:
            rows = beam(decoder, self.decoded, self.limits, self._beams)
        return [self._text(row) for row in rows]

    def _open_decoder(self, image_tokens: ImageTokens) -> StepDecoder:
        if self._coca is not None:
            return CachedDecoder(self._coca, image_tokens, self.limits.length)
        return PrefixDecoder(self.network.model, image_tokens)

    def _text(self, tokens: list[int]) -> str:
        return " ".join(self.network.tokenizer.decode(tokens).split())


def load_captioner(
    ref: ModelRef, *, threads: int = 1, batch: int | None = None, beams: int = 1
) -> Captioner:
    """Loads a model as a captioner, or reuses the one that is already loaded in this process.

    Args:
        ref: The model; its architecture must have a text decoder.
        threads: Number of torch threads, for the whole process.
        batch: Pictures per forward pass; by default, what suits the model.
        beams: Width of the beam search; 1 decodes greedily.

    Raises:
        InputError: The weights are unavailable or do not fit, or the model cannot write captions.
    """
    network = load_network(ref, threads)
    if not hasattr(network.model, "text_decoder"):
        raise InputError("This model cannot write captions", ref.name, "Use demo or a CoCa model")
    return Captioner(network, batch or batch_of(ref), beams)
