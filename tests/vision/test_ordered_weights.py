"""Layers whose weights were put in order have the same bits; others are left alone."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipelines.vision.compat import import_open_clip
from pipelines.vision.embed import ImageTextEncoder
from pipelines.vision.image_tower import encode_by_class_token, tower_of_class_token
from pipelines.vision.loading import load_network
from pipelines.vision.models import ModelRef
from pipelines.vision.ordered_weights import OrderedAttention, OrderedLinear, order_weights
from pipelines.vision.packed_texts import encode_packed, packable

SIDE, CONTEXT, VOCABULARY = 32, 12, 50
needs_bf16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="the processor has no bf16"
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in a run."""
    torch.set_num_threads(1)


def make_clip(head_width: int = 64, dtype: torch.dtype = torch.bfloat16, **more: Any) -> Any:
    """Makes a small CLIP with random weights, all of them other than zero."""
    size = {"width": 2 * head_width, "layers": 3, **more}
    model = import_open_clip().model.CLIP(
        embed_dim=8,
        vision_cfg={"image_size": SIDE, "patch_size": 8, "head_width": head_width, **size},
        text_cfg={"context_length": CONTEXT, "vocab_size": VOCABULARY, "heads": 2, **size},
    )
    source = torch.Generator().manual_seed(head_width)
    for weights in model.parameters():
        weights.data.normal_(std=0.1, generator=source)
    return model.eval().requires_grad_(False).to(dtype)


def vectors(model: Any) -> list[Tensor]:
    """Returns the vectors of pictures and of texts, as a run embeds them."""
    source = torch.Generator().manual_seed(3)
    pixels = torch.randn(5, 3, SIDE, SIDE, generator=source).to(model.visual.conv1.weight.dtype)
    tokens = torch.randint(1, VOCABULARY - 1, (9, CONTEXT), generator=source)
    tokens[torch.arange(9), torch.arange(2, 11)] = VOCABULARY - 1
    tower, texts = tower_of_class_token(model), packable(model)
    assert tower is not None and texts is not None
    with torch.inference_mode():
        return [
            encode_by_class_token(tower, pixels),
            encode_packed(texts, tokens),
            model.encode_image(pixels),
            model.encode_text(tokens),
        ]


def ordered(model: Any) -> Any:
    found = copy.deepcopy(model)
    for stack in (found.visual.transformer, found.transformer):
        order_weights(stack.resblocks)
    return found


def plain_layers(model: Any) -> list[nn.Module]:
    """Returns the layers of the blocks that torch would bring into order at each use."""
    blocks = [*model.visual.transformer.resblocks, *model.transformer.resblocks]
    kinds = (nn.Linear, nn.MultiheadAttention)
    return [layer for block in blocks for layer in block.modules() if isinstance(layer, kinds)]


@needs_bf16
@pytest.mark.parametrize("head_width", [16, 24, 64, 80])  # the scale of two is not exact
@pytest.mark.parametrize("more", [{}, {"ls_init_value": 0.3}], ids=["plain", "layer scale"])
def test_vectors_keep_their_bits(head_width: int, more: dict[str, Any]) -> None:
    model = make_clip(head_width, **more)
    found = ordered(model)
    assert plain_layers(model) and not plain_layers(found)
    *same, texts = zip(vectors(model), vectors(found), strict=True)
    for before, after in same:
        assert torch.equal(before, after)
    # open_clip's own pass over texts has a mask, for which torch takes another path.
    torch.testing.assert_close(*texts, rtol=0.02, atol=0.02)


@needs_bf16
def test_an_encoder_orders_its_models_weights_once(demo_model: ModelRef) -> None:
    """Another encoder of the same network finds them in order."""
    loaded, model = load_network(demo_model, 1), make_clip()
    network = replace(loaded, model=model, dtype=torch.bfloat16)
    ImageTextEncoder(network, 4)
    layers = list(model.modules())
    kinds = [type(layer) for layer in layers]
    assert kinds.count(OrderedAttention) == 6 and kinds.count(OrderedLinear) == 6 * 4
    ImageTextEncoder(network, 4)
    assert list(model.modules()) == layers


def test_other_models_are_left_as_they_are(demo_model: ModelRef) -> None:
    network = load_network(demo_model, 1)
    ImageTextEncoder(network, 4)
    assert OrderedLinear not in map(type, network.model.modules())  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_other_numbers_are_left_as_they_are(dtype: torch.dtype) -> None:
    model = make_clip(dtype=dtype)
    assert len(plain_layers(ordered(model))) == len(plain_layers(model))
