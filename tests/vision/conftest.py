"""Fixtures for the tests of models."""

from __future__ import annotations

import pytest
from PIL import Image

from pipelines.demo.scenes.render import draw_scene_spec, render


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    """Returns eleven pictures of several sizes: more than one batch of eight."""
    sizes = [(96, 72), (64, 64), (160, 90), (70, 120)]
    return [render(draw_scene_spec(30_000_000 + n), *sizes[n % 4]) for n in range(11)]
