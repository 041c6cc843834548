"""The decoder with a cache agrees with the one that runs the whole prefix at every step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from pipelines.vision.cached_decoder import CachedDecoder, cacheable
from pipelines.vision.caption import load_captioner
from pipelines.vision.compat import import_open_clip
from pipelines.vision.decode import (
    ImageTokens,
    PrefixDecoder,
    StepDecoder,
    TokenLimits,
    beam,
    encode_image_tokens,
    greedy,
    next_token_logits,
)
from pipelines.vision.loading import load_network
from pipelines.vision.models import ModelRef

VOCABULARY, LENGTH, PAD = 12, 9, 0
LIMITS = TokenLimits(start=1, end=2, pad=PAD, length=LENGTH)
TEXT = {"vocab_size": VOCABULARY, "layers": 2, "width": 16, "heads": 2, "output_tokens": True}


def make_coca(seed: int, correct_mask: bool = False, **text: Any) -> Any:
    """Makes a small CoCa with random weights, all of them other than zero."""
    open_clip = import_open_clip()
    model = open_clip.CoCa(
        embed_dim=8,
        multimodal_cfg={**TEXT, "context_length": LENGTH},
        text_cfg={**TEXT, "context_length": LENGTH, "pad_id": PAD, "embed_cls": True, **text},
        vision_cfg={"image_size": 8, "patch_size": 4, "layers": 1, "width": 16, "head_width": 8}
        | {"output_tokens": True, "pool_type": "avg"},
    )
    source = torch.Generator().manual_seed(seed)
    for weights in model.parameters():
        weights.data.normal_(std=0.4, generator=source)
    model.text.correct_cls_mask = correct_mask
    return model.eval().requires_grad_(False)


def make_image_tokens(model: Any, seed: int, rows: int) -> ImageTokens:
    source = torch.Generator().manual_seed(seed)
    return encode_image_tokens(model, torch.randn(rows, 3, 8, 8, generator=source))


@pytest.mark.parametrize(
    "text",
    [{}, {"correct_mask": True}, {"embed_cls": False}, {"ls_init_value": 0.3}],
    ids=["published mask", "correct mask", "no class token", "layer scale"],
)
@pytest.mark.parametrize("seed", range(5))
def test_logits_agree_with_the_whole_prefix(seed: int, text: dict[str, Any]) -> None:
    """Also where padding's id stands within a caption, as a word of its own."""
    model = make_coca(seed, **text)
    assert cacheable(model) is not None
    image_tokens = make_image_tokens(model, seed, rows=6)
    source = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, VOCABULARY, (6, LENGTH), generator=source)
    tokens[:, 0] = LIMITS.start
    assert bool((tokens[:, 1:] == PAD).any())
    expected = next_token_logits(model, image_tokens, tokens)
    cached = CachedDecoder(model, image_tokens, LENGTH)
    for at in range(LENGTH):
        torch.testing.assert_close(cached.next_logits(tokens[:, at]), expected[:, at])


@pytest.mark.parametrize("seed", range(20))
def test_captions_agree_with_the_whole_prefix(seed: int) -> None:
    model = make_coca(seed)
    image_tokens = make_image_tokens(model, seed, rows=5)
    found, expected = (greedy(decoder, 5, LIMITS) for decoder in both_decoders(model, image_tokens))
    assert found == expected
    found, expected = (
        beam(decoder, 5, LIMITS, beams=3)
        for decoder in both_decoders(model, image_tokens.repeat(3))
    )
    assert found == expected


def both_decoders(model: Any, image_tokens: ImageTokens) -> tuple[StepDecoder, StepDecoder]:
    return CachedDecoder(model, image_tokens, LENGTH), PrefixDecoder(model, image_tokens)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_demo_captions_agree_with_the_whole_prefix(
    demo_model: ModelRef, pictures: list[Image.Image], precision: str
) -> None:
    ref = ModelRef(demo_model.name, "demo", demo_model.architecture, demo_model.weights, precision)
    network, limits = load_network(ref, 1), load_captioner(ref).limits
    with torch.inference_mode():
        pixels = network.preprocess(pictures).to(network.dtype)
        image_tokens = encode_image_tokens(network.model, pixels)
        coca = cacheable(network.model)
        assert coca is not None
        cached = CachedDecoder(coca, image_tokens, limits.length)
        written = greedy(cached, len(pictures), limits)
        expected = greedy(PrefixDecoder(network.model, image_tokens), len(pictures), limits)
    assert written == expected
    assert all(len(row) > 3 for row in written)


def test_other_towers_are_decoded_without_a_cache() -> None:
    """A tower without causal attention, or from elsewhere, sees later tokens."""
    assert not cacheable(make_coca(1, no_causal_mask=True))
    model = make_coca(1)
    assert not cacheable(SimpleNamespace(text=object(), text_decoder=model.text_decoder))
    assert not cacheable(SimpleNamespace(text=model.text, text_decoder=object()))
