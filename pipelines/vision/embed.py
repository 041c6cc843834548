"""Computes embeddings of pictures and texts in batches of one fixed shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from pipelines.vision.image_tower import encode_by_class_token, tower_of_class_token
from pipelines.vision.loading import Network, load_network
from pipelines.vision.models import CUDA, ModelRef
from pipelines.vision.ordered_weights import order_weights
from pipelines.vision.packed_texts import encode_packed, packable

Vectors = npt.NDArray[np.float32]

# Pictures in a pass of the image tower, whose last pass is padded. On a processor, a picture takes
# as long in a pass of 16 as in one of 32, and its vector has the same bits.
_BATCH = 16
_LARGE_BATCH = 32  # on a GPU; and of the demonstration model, whose bytes are the same everywhere


def batch_of(ref: ModelRef) -> int:
    """Returns how many pictures pass a model together."""
    return _LARGE_BATCH if ref.is_demo or ref.device == CUDA else _BATCH


def padded_batches(rows: Tensor, batch: int) -> Iterator[tuple[Tensor, int]]:
    """Splits [n, …] into batches of exactly `batch` rows, the last one padded with zeros.

    Kernels choose their algorithm by shape, so only a fixed shape gives each picture the same
    result however many others are computed with it.

    Yields:
        A batch, and how many of its rows are not padding.
    """
    for start in range(0, len(rows), batch):
        chunk = rows[start : start + batch]
        count = len(chunk)
        if count < batch:
            filler = chunk.new_zeros((batch - count, *chunk.shape[1:]))
            chunk = torch.cat([chunk, filler])
        yield chunk, count


class ImageTextEncoder:
    """Embeds pictures and texts into one vector space; all vectors have length one.

    Args:
        network: The loaded model.
        batch: Rows per forward pass; results are bit-identical only for the same number.
    """

    def __init__(self, network: Network, batch: int) -> None:
        self.network = network
        self.batch = batch
        self.identity = network.identity
        self._packable = packable(network.model)
        self._tower = tower_of_class_token(network.model)
        for tower in (self._packable, self._tower):
            if tower is not None:
                order_weights(tower.transformer.resblocks)

    @cached_property
    def dimension(self) -> int:
        """The length of the vectors; found by embedding a text, which takes as long as a batch."""
        return int(self.embed_texts(["a"]).shape[1])

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Returns the vectors of RGB pictures: float32 [n, dimension]."""
        if not images:
            return np.empty((0, self.dimension), dtype=np.float32)
        network = self.network
        pixels = network.preprocess(images).to(network.device, network.dtype)
        with torch.inference_mode():
            parts = [
                normalised(self.encode_pixels(chunk))[:count]
                for chunk, count in padded_batches(pixels, self.batch)
            ]
        return join(parts)

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        """Returns the vectors of a pass of the image tower, of any length: [n, dimension].

        Args:
            pixels: The model's input, [n, 3, height, width].
        """
        if self._tower is None:
            return self.network.model.encode_image(pixels)
        return encode_by_class_token(self._tower, pixels)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Returns the vectors of texts, cut at the context length: float32 [n, dimension]."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        tokens = self.network.tokenizer(list(texts)).to(self.network.device)
        with torch.inference_mode():
            if self._packable is not None:
                return join([normalised(encode_packed(self._packable, tokens))])
            parts = [
                normalised(self.network.model.encode_text(chunk))[:count]
                for chunk, count in padded_batches(tokens, self.batch)
            ]
        return join(parts)


def join(parts: Sequence[Tensor]) -> Vectors:
    """Returns the vectors of several batches as one array."""
    joined: Vectors = torch.cat(list(parts)).cpu().numpy()
    return joined


def normalised(vectors: Tensor) -> Tensor:
    """Returns vectors [n, d] at length one, in fp32."""
    return functional.normalize(vectors.float(), dim=-1)


def load_encoder(ref: ModelRef, *, threads: int = 1, batch: int | None = None) -> ImageTextEncoder:
    """Loads a model as an encoder, or reuses the one that is already loaded in this process.

    Args:
        ref: The model.
        threads: Number of torch threads, for the whole process.
        batch: Pictures or texts per forward pass; by default, what suits the model.

    Raises:
        InputError: The weights are unavailable or do not fit.
    """
    return ImageTextEncoder(load_network(ref, threads), batch or batch_of(ref))
