"""Re-exports the functions that specify, draw and caption scenes."""

from pipelines.demo.scenes.backgrounds import draw_background
from pipelines.demo.scenes.captions import caption, caption_variants, subject, vocabulary
from pipelines.demo.scenes.drawing import draw_objects, render
from pipelines.demo.scenes.scene import Background, PlacedObject, Scene, draw_scene_spec

__all__ = [
    "Background",
    "PlacedObject",
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
