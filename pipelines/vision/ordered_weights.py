"""Keeps the weights of a CLIP's bf16 layers in the order in which a processor multiplies them.

torch brings them into this order (a blocked format of oneDNN) whenever a layer is used, which takes
a tenth of its time. Here it is done once. The results have the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

_ROWS = 128  # about how many rows pass a layer together, by which oneDNN chooses the order


class OrderedLinear(nn.Module):
    """A linear layer with its weights in order.

    Args:
        weight: The weights, [out, in].
        bias: The bias, [out].
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = cast(Tensor, torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS))
        self.bias = bias

    def forward(self, rows: Tensor) -> Tensor:
        """Returns the layer's output for rows [..., in]: [..., out]."""
        return _multiply(rows, self.weight, self.bias)


class OrderedAttention(nn.Module):
    """The self-attention of torch's MultiheadAttention; its fast path's bits for pictures.

    Args:
        attention: The layer.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self._in = OrderedLinear(attention.in_proj_weight, None)
        self._in_bias = attention.in_proj_bias
        self.out_proj = OrderedLinear(attention.out_proj.weight, attention.out_proj.bias)
        self.num_heads = attention.num_heads
        self._scale = attention.head_dim**-0.5

    def project(self, rows: Tensor) -> Tensor:
        """Returns query, key and value of rows [..., width], side by side: [..., 3 * width]."""
        return _multiply(rows, self._in.weight, self._in_bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Lets tokens [n, t, width] see each other; key and value are the query."""
        count, tokens, width = query.shape
        packed, bias = self._in(query), self._in_bias
        # torch rounds before it adds the bias, and scales queries before it rounds again.
        queries = packed[..., :width].float().add_(bias[:width].float()).mul_(self._scale)
        queries = queries.to(packed.dtype).view(count, tokens, self.num_heads, -1).transpose(1, 2)
        others = packed[..., width:] + bias[width:]
        keys, values = others.view(count, tokens, 2, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        scores = queries @ keys.transpose(-1, -2)
        if attn_mask is not None:
            scores = scores + attn_mask
        seen = scores.softmax(-1) @ values
        return self.out_proj(seen.transpose(1, 2).flatten(2)), None


def order_weights(blocks: Iterable[object]) -> None:
    """Replaces the layers of blocks that have not been replaced, where that is faster.

    That is in bf16, on a processor.

    Args:
        blocks: Of open_clip's type ResidualAttentionBlock.
    """
    for block in cast("Iterable[Any]", blocks):  # open_clip has no annotations
        attention = block.attn
        if not isinstance(attention, nn.MultiheadAttention) or not _is_faster(attention):
            return
        block.attn = OrderedAttention(attention)
        for name, layer in block.mlp.named_children():
            if isinstance(layer, nn.Linear):
                setattr(block.mlp, name, OrderedLinear(layer.weight, layer.bias))


def _is_faster(attention: nn.MultiheadAttention) -> bool:
    weight = attention.in_proj_weight
    at_hand = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
    return at_hand and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _multiply(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    done = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return cast(Tensor, done)
