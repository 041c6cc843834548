"""Turns decoded pictures into a model's input, as open_clip's transform for that model does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from pipelines.vision.compat import Model, import_open_clip


class Preprocess:
    """The resize, crop and normalisation that a loaded model was trained for.

    Pictures are made smaller by torch in whole numbers, which takes a fifth of the time that
    open_clip's transform takes with Pillow; few values differ, by one in 255. Made larger by torch,
    they would differ by two, so that the transform does it.

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
        self._interpolation = str(config.interpolation)
        self._resize_mode = str(config.resize_mode)
        self._mean = torch.tensor(config.mean).view(-1, 1, 1)
        self._std = torch.tensor(config.std).view(-1, 1, 1)

    @property
    def side(self) -> int:
        """The longer side of the model's input, in pixels; pictures need not be decoded larger."""
        return max(self.height, self.width)

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        """Returns the model input for RGB pictures: fp32 [n, 3, height, width]."""
        if not images:
            return torch.empty(0, 3, self.height, self.width)
        return torch.stack([self._prepared(image) for image in images])

    def _prepared(self, image: Image.Image) -> Tensor:
        size = self._size_of(image)
        if size is None or image.height < size[0] or image.width < size[1]:
            return self._transform(image)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        pixels = functional.interpolate(pixels, size, mode=self._interpolation, antialias=True)
        top, left = round((size[0] - self.height) / 2), round((size[1] - self.width) / 2)
        pixels = pixels[0, :, top : top + self.height, left : left + self.width]
        return pixels.float().div_(255).sub_(self._mean).div_(self._std)

    def _size_of(self, image: Image.Image) -> tuple[int, int] | None:
        """Returns the height and width to resize to before cropping; None if that is not known."""
        if self._resize_mode == "squash":
            return self.height, self.width
        if self._resize_mode != "shortest" or self.height != self.width:
            return None
        width, height = image.size
        shorter = min(width, height)  # it fits, and the longer side is cut off
        return int(self.height * height / shorter), int(self.width * width / shorter)
