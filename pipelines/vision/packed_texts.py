"""Runs the text tower of a CLIP on the tokens that texts have, without padding.

open_clip pads every text to the context length, mostly 77 tokens, while a caption has a dozen. With
causal attention, nothing after a text's end token reaches its vector. The vectors are those of
open_clip up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.vision.cached_decoder import Block, Blocks, Layer
from pipelines.vision.compat import import_open_clip

# Rows of tokens per pass. Kernels choose their algorithm by shape, so it is always the same.
_ROWS = 128


class TextTower(Protocol):
    """The parts of open_clip's CLIP that a text passes through."""

    transformer: Blocks
    token_embedding: Layer
    positional_embedding: Tensor
    ln_final: Layer
    text_projection: Tensor
    text_pool_type: str
    attn_mask: Tensor | None


def packable(model: object) -> TextTower | None:
    """Returns a CLIP whose text tower is open_clip's own, causal and read at the end; else None."""
    open_clip = import_open_clip()
    if type(model) is not open_clip.model.CLIP:
        return None
    tower = cast(TextTower, model)
    own = open_clip.transformer.ResidualAttentionBlock
    if not all(type(block) is own for block in tower.transformer.resblocks):
        return None
    causal = tower.attn_mask is not None and tower.text_pool_type == "argmax"
    return tower if causal and isinstance(tower.text_projection, Tensor) else None


def encode_packed(tower: TextTower, tokens: Tensor) -> Tensor:
    """Returns the vectors of texts, whatever others are encoded with them: [n, d].

    Args:
        tower: What `packable` returned.
        tokens: As open_clip's tokenizer returns them, [n, context length]; the end token has the
            highest number.
    """
    lengths = (tokens.argmax(1) + 1).tolist()
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    texts = [tokens[at, : lengths[at]] for at in order]
    rows = max(_ROWS, tokens.shape[1])
    vectors = torch.cat([_encode(tower, packed, rows) for packed in _packs(texts, rows)])
    return vectors[torch.tensor(order).argsort()]


def _packs(texts: Sequence[Tensor], rows: int) -> Iterator[list[Tensor]]:
    """Groups texts, in order, so that each group has at most `rows` tokens."""
    packed: list[Tensor] = []
    used = 0
    for text in texts:
        if used + len(text) > rows:
            yield packed
            packed, used = [], 0
        packed.append(text)
        used += len(text)
    if packed:
        yield packed


def _encode(tower: TextTower, texts: Sequence[Tensor], rows: int) -> Tensor:
    dtype = tower.transformer.get_cast_dtype()
    words = tower.token_embedding(torch.cat(list(texts))).to(dtype)
    places = torch.cat([tower.positional_embedding[: len(text)] for text in texts]).to(dtype)
    state = words.new_zeros(rows, words.shape[1])
    state[: len(words)] = words + places
    lengths = [len(text) for text in texts]
    for block in tower.transformer.resblocks:
        state = state + block.ls_1(block.attn.out_proj(_attend(block, state, lengths)))
        state = state + block.ls_2(block.mlp(block.ln_2(state)))
    last = torch.tensor(lengths).cumsum(0) - 1
    return (tower.ln_final(state) @ tower.text_projection)[last]


def _attend(block: Block, state: Tensor, lengths: Sequence[int]) -> Tensor:
    """Lets each token see itself and those before it in its text.

    Args:
        block: The layer.
        state: [rows, width]; the texts lie one after another.
        lengths: Of the texts; those of one length, which are neighbours, are computed together.
    """
    attn = block.attn
    packed = functional.linear(block.ln_1(state), attn.in_proj_weight, attn.in_proj_bias)
    attended = torch.zeros_like(state)
    start = 0
    for length, alike in groupby(lengths):
        count = sum(1 for _ in alike)
        end = start + count * length
        heads = packed[start:end].view(count, length, 3, attn.num_heads, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        attended[start:end] = found.transpose(1, 2).flatten(2).flatten(0, 1)
        start = end
    return attended
