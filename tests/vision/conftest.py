"""Pictures and references that the tests of models share."""

from __future__ import annotations

import pytest
from PIL import Image

from pipelines.demo.scenes.render import draw_scene_spec, render


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    """Eleven pictures, more than a batch of eight, of several sizes."""
    sizes = [(96, 72), (64, 64), (160, 90), (70, 120)]
    return [render(draw_scene_spec(30_000_000 + n), *sizes[n % 4]) for n in range(11)]
