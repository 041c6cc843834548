"""Runs the text tower of a CLIP on the tokens that texts have, without padding.

open_clip pads every text to the context length, mostly 77 tokens, while a caption has a dozen. With
causal attention, nothing after a text's end token reaches its vector, and what texts begin with
is computed once for all of them. The vectors are those of open_clip up to rounding.

Only texts of the same length share: kernels of attention choose their algorithm by length, so that
the rows of others may differ in their last bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.vision.cached_decoder import Block, Blocks, Layer
from pipelines.vision.compat import import_open_clip
from pipelines.vision.ordered_weights import OrderedAttention

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


@dataclass
class _Pack:
    """Texts that pass the tower together, a row for each token that follows other tokens.

    Attributes:
        tokens: Of each row.
        places: Each row's place in its texts.
        texts: The rows of each text, from its first token to its last.
    """

    tokens: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    texts: list[list[int]] = field(default_factory=list)

    def add(self, text: Sequence[int], shared: int) -> None:
        """Adds a text whose first tokens are those of the text before it."""
        first = len(self.tokens)
        self.tokens += text[shared:]
        self.places += range(shared, len(text))
        before = self.texts[-1][:shared] if shared else []
        self.texts.append([*before, *range(first, len(self.tokens))])


def encode_packed(tower: TextTower, tokens: Tensor) -> Tensor:
    """Returns the vectors of texts, whatever others are encoded with them: [n, d].

    Args:
        tower: What `packable` returned.
        tokens: As open_clip's tokenizer returns them, [n, context length]; the end token has the
            highest number.
    """
    lengths = (tokens.argmax(1) + 1).tolist()
    texts = [row[:length] for row, length in zip(tokens.tolist(), lengths, strict=True)]
    order = sorted(range(len(texts)), key=lambda at: (len(texts[at]), texts[at]))
    rows = max(_ROWS, tokens.shape[1])
    packs = _packs([texts[at] for at in order], rows)
    vectors = torch.cat([_encode(tower, pack, rows) for pack in packs])
    return vectors[torch.tensor(order).argsort()]


def _packs(texts: Sequence[list[int]], rows: int) -> Iterator[_Pack]:
    """Groups texts, in order, so that each group takes at most `rows` rows."""
    pack = _Pack()
    before: list[int] = []
    for text in texts:
        shared = _shared(before, text)
        if len(pack.tokens) + len(text) - shared > rows:
            yield pack
            pack, shared = _Pack(), 0
        pack.add(text, shared)
        before = text
    if pack.texts:
        yield pack


def _shared(before: Sequence[int], text: Sequence[int]) -> int:
    """Returns how many first tokens of a text are those of the text before it."""
    if len(before) != len(text):
        return 0
    pairs = zip(before, text, strict=True)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _encode(tower: TextTower, pack: _Pack, rows: int) -> Tensor:
    dtype, device = tower.transformer.get_cast_dtype(), tower.positional_embedding.device
    words = tower.token_embedding(torch.tensor(pack.tokens, device=device)).to(dtype)
    places = tower.positional_embedding[torch.tensor(pack.places, device=device)].to(dtype)
    state = words.new_zeros(rows, words.shape[1])
    state[: len(words)] = words + places
    texts = [torch.tensor(list(alike), device=device) for _, alike in groupby(pack.texts, key=len)]
    # Each row's result is taken from the first text that it belongs to.
    firsts: dict[int, int] = {}
    for at, row in enumerate(row for text in pack.texts for row in text):
        firsts.setdefault(row, at)
    taken = torch.tensor([firsts[row] for row in range(len(words))], device=device)
    for block in tower.transformer.resblocks:
        state = state + block.ls_1(block.attn.out_proj(_attend(block, state, texts, taken)))
        state = state + block.ls_2(block.mlp(block.ln_2(state)))
    last = torch.tensor([text[-1] for text in pack.texts], device=device)
    return (tower.ln_final(state) @ tower.text_projection)[last]


def _attend(block: Block, state: Tensor, texts: Sequence[Tensor], taken: Tensor) -> Tensor:
    """Lets each token see itself and those before it in its text.

    Args:
        block: The layer.
        state: [rows, width].
        texts: The rows of the texts of each length, [texts, length].
        taken: Where each row's result lies among those of all texts' tokens, one after another.
    """
    attn, rows = block.attn, block.ln_1(state)
    if isinstance(attn, OrderedAttention):
        packed = attn.project(rows)
    else:
        packed = functional.linear(rows, attn.in_proj_weight, attn.in_proj_bias)
    found = []
    for alike in texts:
        heads = packed[alike].view(*alike.shape, 3, attn.num_heads, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        found.append(seen.transpose(1, 2).flatten(2).flatten(0, 1))
    attended = torch.zeros_like(state)
    attended[: len(taken)] = torch.cat(found)[taken]
    return attended
