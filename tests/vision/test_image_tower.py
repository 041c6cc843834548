"""Pictures whose other tokens leave the image tower early have open_clip's vectors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.vision.compat import import_open_clip
from pipelines.vision.image_tower import encode_by_class_token, tower_of_class_token
from pipelines.vision.loading import load_network
from pipelines.vision.models import ModelRef

_SIDE, _PATCHES = 16, 16


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in a run."""
    torch.set_num_threads(1)


def make_clip(**vision: Any) -> Any:
    """Makes a small CLIP with random weights, all of them other than zero."""
    tower = {"image_size": _SIDE, "patch_size": 4, "layers": 3, "width": 16, "head_width": 8}
    model = import_open_clip().model.CLIP(
        embed_dim=8,
        vision_cfg={**tower, **vision},
        text_cfg={"context_length": 8, "vocab_size": 9, "width": 16, "heads": 2, "layers": 1},
    )
    source = torch.Generator().manual_seed(len(vision))
    for weights in model.parameters():
        weights.data.normal_(std=0.4, generator=source)
    return model.eval().requires_grad_(False)


def draw(count: int) -> Tensor:
    return torch.randn(count, 3, _SIDE, _SIDE, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize(
    "vision",
    [{}, {"ls_init_value": 0.3}, {"final_ln_after_pool": True}, {"no_ln_pre": True, "layers": 1}],
    ids=["plain", "layer scale", "norm after pooling", "one layer"],
)
def test_vectors_are_those_of_open_clip(vision: dict[str, Any]) -> None:
    model, pixels = make_clip(**vision), draw(5)
    tower = tower_of_class_token(model)
    assert tower is not None
    widths: list[int] = []
    last = model.visual.transformer.resblocks[-1].mlp
    last.register_forward_hook(lambda _, inputs, __: widths.append(inputs[0].numel() // 16))
    with torch.inference_mode():
        torch.testing.assert_close(encode_by_class_token(tower, pixels), model.encode_image(pixels))
    assert widths == [5, 5 * (_PATCHES + 1)]  # tokens: ours, open_clip's


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    """Bit for bit, in a pass of the same number of pictures."""
    tower, pixels = tower_of_class_token(make_clip()), draw(8)
    assert tower is not None
    with torch.inference_mode():
        together = encode_by_class_token(tower, pixels)
        assert torch.equal(encode_by_class_token(tower, pixels.flip(0)).flip(0), together)
        others = torch.cat([pixels[:1], draw(15)[8:]])
        assert torch.equal(encode_by_class_token(tower, others)[0], together[0])


def test_other_towers_are_left_to_open_clip(demo_model: ModelRef) -> None:
    """Those that are read at all tokens, and those that are not open_clip's own."""
    assert tower_of_class_token(make_clip(pool_type="avg")) is None
    assert tower_of_class_token(make_clip(attentional_pool=True)) is None
    assert tower_of_class_token(make_clip(output_tokens=True)) is None
    assert tower_of_class_token(make_clip(layers=(1, 1, 1, 1), width=16, image_size=32)) is None
    assert tower_of_class_token(load_network(demo_model, 1).model) is None
    assert tower_of_class_token(object()) is None
