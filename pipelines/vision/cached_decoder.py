"""Steps of a CoCa's text decoder that keep the keys and values of earlier tokens.

Only the newest token passes through the layers; the keys and values of the picture's tokens are
computed once. The logits are those of the whole prefix up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.vision.compat import import_open_clip
from pipelines.vision.decode import ImageTokens

Layer = Callable[[Tensor], Tensor]


class AttentionLayer(Protocol):
    """The parts of torch's MultiheadAttention that are used here."""

    in_proj_weight: Tensor  # of query, key and value, one below the other
    in_proj_bias: Tensor
    out_proj: Layer
    num_heads: int
    embed_dim: int


class Block(Protocol):
    """The parts of open_clip's ResidualAttentionBlock; `ln_1_kv` is there in cross-attention."""

    attn: AttentionLayer
    ln_1: Layer
    ln_1_kv: Layer
    ln_2: Layer
    ls_1: Layer
    ls_2: Layer
    mlp: Layer


class Blocks(Protocol):
    """A stack of blocks."""

    resblocks: Sequence[Block]

    def get_cast_dtype(self) -> torch.dtype:
        """Returns the type of the weights."""
        ...


class TextTower(Protocol):
    """The parts of open_clip's TextTransformer that are used here."""

    transformer: Blocks
    token_embedding: Layer
    positional_embedding: Tensor
    cls_emb: Tensor | None
    ln_final: Layer
    correct_cls_mask: bool
    pad_id: int


class CaptionDecoder(Protocol):
    """The parts of open_clip's MultimodalTransformer that are used here."""

    resblocks: Sequence[Block]
    cross_attn: Sequence[Block]
    ln_final: Layer
    text_projection: Tensor | None


class CoCa(Protocol):
    """The two towers of a CoCa that a caption passes through."""

    text: TextTower
    text_decoder: CaptionDecoder


def cacheable(model: object) -> CoCa | None:
    """Returns a CoCa whose towers are open_clip's own, with causal attention; else None.

    Towers from elsewhere, such as RoBERTa, let a token see the tokens after it.
    """
    layers = import_open_clip().transformer
    text, decoder = getattr(model, "text", None), getattr(model, "text_decoder", None)
    own = type(text) is layers.TextTransformer and type(decoder) is layers.MultimodalTransformer
    if not own or getattr(text, "attn_mask", None) is None:
        return None
    coca = cast(CoCa, model)
    stacks = (coca.text.transformer.resblocks, coca.text_decoder.resblocks)
    blocks = (*stacks[0], *stacks[1], *coca.text_decoder.cross_attn)
    own = all(type(block) is layers.ResidualAttentionBlock for block in blocks)
    return coca if own else None


def _split_heads(rows: Tensor, heads: int) -> Tensor:
    """[n, t, w] -> [n, heads, t, w / heads]."""
    count, length, width = rows.shape
    return rows.view(count, length, heads, width // heads).transpose(1, 2)


@dataclass
class _KeysAndValues:
    """Keys and values of one layer for all positions of a caption.

    A step writes the rows of one position, which lie side by side, and reads all positions where
    they are: writing between other positions' rows would take longer than the attention.
    """

    packed: Tensor  # [t, n, 2 * w]
    heads: int

    def extend(self, rows: Tensor, at: int) -> tuple[Tensor, Tensor]:
        """Adds the keys and values [n, 2 * w] of a position; returns all, each [n, heads, t, d]."""
        self.packed[at] = rows
        shown = self.packed[: at + 1]
        keys, values = shown.view(*shown.shape[:2], 2, self.heads, -1).unbind(2)
        return keys.permute(1, 2, 0, 3), values.permute(1, 2, 0, 3)


@dataclass(frozen=True)
class _PictureKeys:
    """Keys and values of the picture's tokens for one layer, each [n, heads, t, d]."""

    keys: Tensor
    values: Tensor


def _finish_block(block: Block, rows: Tensor, attended: Tensor) -> Tensor:
    """Adds what attention [n, heads, t, d] found to rows [n, t, w], and applies the MLP."""
    merged = attended.transpose(1, 2).flatten(2)
    rows = rows + block.ls_1(block.attn.out_proj(merged))
    return rows + block.ls_2(block.mlp(block.ln_2(rows)))


def _extend(
    block: Block, rows: Tensor, cache: _KeysAndValues, at: int, mask: Tensor | None
) -> Tensor:
    """Passes the token at position `at` of every row [n, 1, w] through a block."""
    attn = block.attn
    packed = functional.linear(block.ln_1(rows), attn.in_proj_weight, attn.in_proj_bias)
    width = rows.shape[-1]
    keys, values = cache.extend(packed[:, 0, width:], at)
    query = _split_heads(packed[..., :width], attn.num_heads)
    attended = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
    return _finish_block(block, rows, attended)


def _picture_keys(block: Block, tokens: Tensor) -> _PictureKeys:
    """Returns the keys and values of the picture's tokens [n, t, w] for a cross-attention block."""
    attn, width = block.attn, tokens.shape[-1]
    packed = functional.linear(
        block.ln_1_kv(tokens), attn.in_proj_weight[width:], attn.in_proj_bias[width:]
    )
    key, value = (_split_heads(part, attn.num_heads).contiguous() for part in packed.chunk(2, -1))
    return _PictureKeys(key, value)


def _look_at_picture(block: Block, rows: Tensor, picture: _PictureKeys) -> Tensor:
    attn, width = block.attn, rows.shape[-1]
    query = functional.linear(
        block.ln_1(rows), attn.in_proj_weight[:width], attn.in_proj_bias[:width]
    )
    attended = functional.scaled_dot_product_attention(
        _split_heads(query, attn.num_heads), picture.keys, picture.values
    )
    return _finish_block(block, rows, attended)


@dataclass
class CachedDecoder:
    """The text decoder of one batch of pictures, fed token by token.

    Attributes:
        model: What `cacheable` returned.
        image_tokens: The image tower's output for the batch.
        length: The maximum number of tokens of a caption, start and end tokens included.
    """

    model: CoCa
    image_tokens: ImageTokens
    length: int
    _text: list[_KeysAndValues] = field(init=False)
    _caption: list[_KeysAndValues] = field(init=False)
    _picture: list[_PictureKeys] = field(init=False)
    _visible: Tensor = field(init=False)  # [n, length + 1]: which positions may be seen
    _has_hidden: bool = field(init=False, default=False)
    _at: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        tokens, decoder = self.image_tokens.tokens, self.model.text_decoder
        self._text = [self._empty(block) for block in self.model.text.transformer.resblocks]
        self._caption = [self._empty(block) for block in decoder.resblocks]
        self._picture = [_picture_keys(block, tokens) for block in decoder.cross_attn]
        self._visible = torch.ones(
            len(tokens), self.length + 1, dtype=torch.bool, device=tokens.device
        )

    def _empty(self, block: Block) -> _KeysAndValues:
        tokens, attn = self.image_tokens.tokens, block.attn
        packed = tokens.new_empty(self.length, len(tokens), 2 * attn.embed_dim)
        return _KeysAndValues(packed, attn.num_heads)

    def next_logits(self, tokens: Tensor) -> Tensor:
        """Appends a token to every row and returns the logits of the one after it.

        Args:
            tokens: [n].

        Returns:
            [n, vocabulary].
        """
        text, decoder, at = self.model.text, self.model.text_decoder, self._at
        dtype = text.transformer.get_cast_dtype()
        rows = text.token_embedding(tokens[:, None]).to(dtype)
        rows = rows + text.positional_embedding[at : at + 1].to(dtype)
        mask = self._hide_padding(tokens)
        for block, cache in zip(text.transformer.resblocks, self._text, strict=True):
            rows = _extend(block, rows, cache, at, mask)
        if text.cls_emb is None:
            rows = text.ln_final(rows)
        layers = zip(
            decoder.resblocks, self._caption, decoder.cross_attn, self._picture, strict=True
        )
        for block, cache, cross, picture in layers:
            rows = _look_at_picture(cross, _extend(block, rows, cache, at, None), picture)
        self._at += 1
        logits = decoder.ln_final(rows)[:, 0]
        return logits if decoder.text_projection is None else logits @ decoder.text_projection

    def _hide_padding(self, tokens: Tensor) -> Tensor | None:
        """Returns which positions the newest token may see, [n, 1, 1, t]; None if it is all.

        open_clip hides padding in towers with a class token. In published CoCa weights the mask is
        shifted by one position, which `correct_cls_mask` says.
        """
        text, at = self.model.text, self._at
        if text.cls_emb is None:
            return None
        shift = 0 if text.correct_cls_mask else 1
        is_visible = tokens != text.pad_id
        self._has_hidden = self._has_hidden or not bool(is_visible.all())
        if not self._has_hidden:
            return None
        self._visible[:, at + shift] = is_visible
        return self._visible[:, None, None, : at + 1]

    def select(self, rows: Tensor) -> None:
        """Continues each row from the state of another of its picture, by index: `rows` [n]."""
        for cache in (*self._text, *self._caption):
            cache.packed = cache.packed[:, rows]
        self._visible = self._visible[rows]
