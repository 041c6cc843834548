"""Embeds and captions the same pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from PIL import Image
from torch import Tensor

from pipelines.vision.caption import Captioner
from pipelines.vision.decode import ImageTokens, encode_image_tokens
from pipelines.vision.embed import ImageTextEncoder, Vectors, join, normalised, padded_batches


def embed_and_caption(
    encoder: ImageTextEncoder, captioner: Captioner, images: Sequence[Image.Image]
) -> tuple[Vectors, list[str]]:
    """Returns the vectors of RGB pictures, float32 [n, d], and their captions.

    If both models are the same network, its image tower runs once for both. The vectors are then
    bit for bit those that the encoder returns alone.
    """
    network = encoder.network
    if captioner.network is not network or encoder.batch % captioner.batch or not images:
        return encoder.embed_images(images), captioner.caption(images)
    pixels = network.preprocess(images).to(network.device, network.dtype)
    vectors: list[Tensor] = []

    def encoded() -> Iterator[tuple[ImageTokens, int]]:
        for chunk, count in padded_batches(pixels, encoder.batch):
            image_tokens = encode_image_tokens(network.model, chunk)
            vectors.append(normalised(image_tokens.latent)[:count])
            yield image_tokens, count

    with torch.inference_mode():
        captions = captioner.caption_tokens(encoded())
    return join(vectors), captions
