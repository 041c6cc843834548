"""Architectures are the same as open_clip lists, without importing it."""

from __future__ import annotations

from pipelines.vision import demo_network
from pipelines.vision.architectures import architecture_config, architectures
from pipelines.vision.compat import import_open_clip


def test_architectures_are_those_that_open_clip_lists() -> None:
    demo_network.register()
    open_clip = import_open_clip()
    assert list(architectures()) == open_clip.list_models()
    for name in architectures():
        assert architecture_config(name) == open_clip.get_model_config(name)
