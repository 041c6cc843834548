"""The drawn stock library: one face for the specification of scenes and their rendering."""

from pipelines.demo.scenes.backdrops import draw_background
from pipelines.demo.scenes.drawing import draw_objects, render
from pipelines.demo.scenes.scene import Background, Placed, Scene, draw_scene_spec
from pipelines.demo.scenes.words import caption, caption_variants, subject, vocabulary

__all__ = [
    "Background",
    "Placed",
    "Scene",
    "caption",
    "caption_variants",
    "draw_background",
    "draw_objects",
    "draw_scene_spec",
    "render",
    "subject",
    "vocabulary",
]
