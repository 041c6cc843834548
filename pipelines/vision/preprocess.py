"""Turns decoded pictures into a model's input with open_clip's transform for that model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from PIL import Image
from torch import Tensor

from pipelines.vision.compat import Model, import_open_clip


class Preprocess:
    """The resize, crop and normalisation that a loaded model was trained for.

    Args:
        model: Loaded by open_clip, which stores the preprocessing configuration on it.
    """

    def __init__(self, model: Model) -> None:
        transform = import_open_clip().transform
        self.settings = model.visual.preprocess_cfg
        config = transform.PreprocessCfg(**self.settings)
        self._transform = cast(
            "Callable[[Image.Image], Tensor]", transform.image_transform_v2(config, is_train=False)
        )
        size = self.settings["size"]
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
        self.height, self.width = int(height), int(width)

    @property
    def side(self) -> int:
        """The longer side of the model's input, in pixels; pictures need not be decoded larger."""
        return max(self.height, self.width)

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        """Returns the model input for RGB pictures: fp32 [n, 3, height, width]."""
        if not images:
            return torch.empty(0, 3, self.height, self.width)
        return torch.stack([self._transform(image) for image in images])
