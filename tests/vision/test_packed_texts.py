"""Texts that are encoded without padding have the vectors that open_clip gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.vision.compat import import_open_clip
from pipelines.vision.loading import load_network
from pipelines.vision.models import ModelRef
from pipelines.vision.packed_texts import encode_packed, packable

CONTEXT, VOCABULARY = 24, 50
END = VOCABULARY - 1


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in a run."""
    torch.set_num_threads(1)


def make_clip(seed: int, **text: Any) -> Any:
    """Makes a small CLIP with random weights, all of them other than zero."""
    settings = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 16, "heads": 2}
    model = import_open_clip().model.CLIP(
        embed_dim=8,
        vision_cfg={"image_size": 8, "patch_size": 4, "layers": 1, "width": 16, "head_width": 8},
        text_cfg={**settings, "layers": 3, **text},
    )
    source = torch.Generator().manual_seed(seed)
    for weights in model.parameters():
        weights.data.normal_(std=0.4, generator=source)
    return model.eval().requires_grad_(False)


def draw_texts(seed: int, count: int) -> Tensor:
    """Draws tokens of texts of every length, padded with zeros as by open_clip's tokenizer."""
    source = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, END, (count, CONTEXT), generator=source)
    for row, length in zip(
        tokens, torch.randint(1, CONTEXT, (count,), generator=source), strict=True
    ):
        row[length], row[length + 1 :] = END, 0
    return tokens


def draw_alike(seed: int, count: int) -> Tensor:
    """Draws texts of few words and lengths, most of which begin like others; some are equal."""
    source = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, 3, (count, CONTEXT), generator=source)
    for row, length in zip(tokens, torch.randint(4, 9, (count,), generator=source), strict=True):
        row[length], row[length + 1 :] = END, 0
    return tokens


@pytest.mark.parametrize("text", [{}, {"ls_init_value": 0.3}], ids=["plain", "layer scale"])
@pytest.mark.parametrize("seed", range(3))
def test_vectors_are_those_of_open_clip(seed: int, text: dict[str, Any]) -> None:
    model, tokens = make_clip(seed, **text), draw_texts(seed, 40)
    tower = packable(model)
    assert tower is not None
    with torch.inference_mode():
        torch.testing.assert_close(encode_packed(tower, tokens), model.encode_text(tokens))


@pytest.mark.parametrize("draw", [draw_texts, draw_alike])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_vectors_do_not_depend_on_their_neighbours(
    draw: Callable[[int, int], Tensor], dtype: torch.dtype
) -> None:
    """Bit for bit: alone, together, in another order."""
    tower, tokens = packable(make_clip(1).to(dtype)), draw(1, 90)
    assert tower is not None
    with torch.inference_mode():
        together = encode_packed(tower, tokens)
        alone = torch.cat([encode_packed(tower, one[None]) for one in tokens])
        assert torch.equal(alone, together)
        assert torch.equal(encode_packed(tower, tokens.flip(0)).flip(0), together)


def test_what_texts_begin_with_alike_is_computed_once() -> None:
    """Those of one length: each prefix is a row, in each pass in which it occurs."""
    model, tokens = make_clip(2), draw_alike(2, 300)
    tower, rows = packable(model), 0
    assert tower is not None

    def count(_: object, inputs: tuple[Tensor], __: Tensor) -> None:
        nonlocal rows
        rows += inputs[0].numel()

    model.token_embedding.register_forward_hook(count)
    with torch.inference_mode():
        vectors = encode_packed(tower, tokens)
        torch.testing.assert_close(vectors, model.encode_text(tokens))
    texts = [tuple(row[: row.index(END) + 1]) for row in tokens.tolist()]
    prefixes = {(len(text), text[:end]) for text in texts for end in range(1, len(text) + 1)}
    begun_again = CONTEXT * (len(prefixes) // 100)  # a pass holds 128 rows; few begin anew
    asked = rows - tokens.numel()  # open_clip's own pass was counted as well
    assert len(prefixes) <= asked <= len(prefixes) + begun_again
    assert asked < sum(map(len, texts)) / 2


def test_other_towers_are_not_packed(demo_model: ModelRef) -> None:
    """Their vectors would depend on what follows the end of the text."""
    assert packable(make_clip(1, no_causal_mask=True)) is None
    assert packable(make_clip(1, pool_type="last")) is None
    assert packable(load_network(demo_model, 1).model) is None
    assert packable(object()) is None
