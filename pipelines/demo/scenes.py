"""The drawn stock library: one face for the specification of scenes and their rendering."""

from pipelines.demo.backdrops import draw_background
from pipelines.demo.drawing import draw_objects, render
from pipelines.demo.scene_spec import Background, Placed, Scene, draw_scene_spec
from pipelines.demo.scene_words import caption, caption_variants, subject, vocabulary

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
