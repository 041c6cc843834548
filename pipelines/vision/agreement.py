"""Compares a model's outputs in two precisions on fixed pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.vision.decode import encode_image_tokens, next_token_logits
from pipelines.vision.loading import Network
from pipelines.vision.packed_texts import encode_packed, packable

# One picture for each size of its details, in pixels of a small picture that is enlarged.
_DETAILS = (2, 5, 13, 34)
_TEXTS = [
    "a photo of a dog",
    "a red star above two blue fish in front of a white wall",
    "An aerial view of a harbour at dusk, with container ships, cranes and the lights of the city",
    "Portrait, elderly woman, smiling, studio",
    "7",
]
_COMPARED_TOKENS = 4


def outputs(network: Network) -> list[Tensor]:
    """Returns a model's outputs for the fixed inputs.

    These are the vectors of pictures and of texts and, if the model writes captions, the logits of
    the first tokens.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a run
    try:
        return _outputs(network)
    finally:
        torch.set_num_threads(threads)


def least_cosine(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Returns the least cosine of two models' outputs for the same inputs."""
    cosines = [
        functional.cosine_similarity(one.float(), other.float(), dim=-1).min()
        for one, other in zip(first, second, strict=True)
    ]
    return float(torch.stack(cosines).min())


def _outputs(network: Network) -> list[Tensor]:
    model = network.model
    pictures = _pictures(network.preprocess.height, network.preprocess.width)
    pixels = pictures.to(network.device, network.dtype)
    tokens = network.tokenizer(_TEXTS).to(network.device)
    with torch.inference_mode():
        tower = packable(model)  # as texts are embedded in a run
        texts = model.encode_text(tokens) if tower is None else encode_packed(tower, tokens)
        found = [model.encode_image(pixels), texts]
        if hasattr(model, "text_decoder"):
            image_tokens = encode_image_tokens(model, pixels)
            begun = tokens[: len(pixels), :_COMPARED_TOKENS]
            logits = next_token_logits(model, image_tokens, begun)
            found.append(logits.flatten(0, 1))
    return found


def _pictures(height: int, width: int) -> Tensor:
    """Returns normalised pictures with details of several sizes: [n, 3, height, width]."""
    source = torch.Generator().manual_seed(20_261_127)
    fields = [torch.randn(1, 3, size, size, generator=source) for size in _DETAILS]
    return torch.cat(
        [functional.interpolate(one, (height, width), mode="bicubic") for one in fields]
    )
