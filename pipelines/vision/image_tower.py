"""Runs the image tower of a CLIP without what its vector does not depend on.

The vector is that of the class token, so in the last block only this token passes the MLP, which is
more than half of a block. The vectors are those of open_clip up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from torch import Tensor

from pipelines.vision.cached_decoder import Layer
from pipelines.vision.compat import import_open_clip


class _Block(Protocol):
    ln_1: Layer
    ln_2: Layer
    ls_1: Layer
    ls_2: Layer
    mlp: Layer
    attention: Callable[[Tensor], Tensor]

    def __call__(self, tokens: Tensor) -> Tensor:
        """Passes tokens [n, t, w] through the block."""
        ...


class _Blocks(Protocol):
    resblocks: Sequence[_Block]
    batch_first: bool


class ImageTower(Protocol):
    """The parts of open_clip's VisionTransformer that a picture passes through."""

    transformer: _Blocks
    ln_post: Layer
    proj: Tensor | None
    pool_type: str
    output_tokens: bool
    attn_pool: object
    _embeds: Layer


def tower_of_class_token(model: object) -> ImageTower | None:
    """Returns a CLIP's image tower if it is open_clip's own and read at its class token; else None.

    The tower of a CoCa is another: its captions are written from all tokens.
    """
    open_clip = import_open_clip()
    if type(model) is not open_clip.model.CLIP:
        return None
    visual = getattr(model, "visual", None)
    layers = open_clip.transformer
    if type(visual) is not layers.VisionTransformer:
        return None
    tower = cast(ImageTower, visual)
    own = all(type(block) is layers.ResidualAttentionBlock for block in tower.transformer.resblocks)
    at_class_token = tower.pool_type == "tok" and tower.attn_pool is None
    usual = own and tower.transformer.batch_first and not tower.output_tokens
    return tower if usual and at_class_token else None


def encode_by_class_token(tower: ImageTower, pixels: Tensor) -> Tensor:
    """Returns the vectors of a model's input [n, 3, h, w]: [n, d].

    Args:
        tower: What `tower_of_class_token` returned.
        pixels: The input.
    """
    *blocks, last = tower.transformer.resblocks
    tokens = tower._embeds(pixels)
    for block in blocks:
        tokens = block(tokens)
    row = (tokens + last.ls_1(last.attention(last.ln_1(tokens))))[:, 0]
    row = tower.ln_post(row + last.ls_2(last.mlp(last.ln_2(row))))
    return row if tower.proj is None else row @ tower.proj
