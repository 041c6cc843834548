"""Prints the held-out figures of the demonstration model, from its packaged weights.

Pictures go through the same encoder and captioner as in a run.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

import torch

from pipelines.demo.model.metrics import CaptionMetrics, nearest_captions, score_captions
from pipelines.demo.model.pictures import FIRST_HELD_OUT_SEED, draw_picture
from pipelines.demo.scenes.captions import caption
from pipelines.demo.scenes.scene import draw_scene_spec
from pipelines.vision.caption import load_captioner
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import ModelRef, check_model, identity, parse_model

_EPILOG = """examples:
  python -m pipelines.demo.model.evaluate
  python -m pipelines.demo.model.evaluate --scenes 1000
  python -m pipelines.demo.model.evaluate --model fairshard-demo:/tmp/w.safetensors
"""


def evaluate(
    ref: ModelRef, scenes: int, first: int = FIRST_HELD_OUT_SEED, threads: int = 1
) -> CaptionMetrics:
    """Measures a model on the pictures of `scenes` seeds from `first`."""
    scene_specs = [draw_scene_spec(seed) for seed in range(first, first + scenes)]
    pictures = [draw_picture(spec.seed) for spec in scene_specs]
    encoder = load_encoder(ref, threads=threads)
    images = torch.from_numpy(encoder.embed_images(pictures))
    texts = torch.from_numpy(encoder.embed_texts([caption(spec) for spec in scene_specs]))
    captions = load_captioner(ref, threads=threads).caption(pictures)
    return score_captions(scene_specs, nearest_captions(images, texts), captions)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.demo.model.evaluate",
        description="Measure the demonstration model on held-out scenes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scenes", type=int, default=200, help="number of scenes (default 200)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default 1)")
    parser.add_argument("--model", default="demo", help="model name (default demo)")
    options = parser.parse_args(arguments)
    ref = parse_model(options.model)
    check_model(ref, "captioner")
    metrics = evaluate(ref, options.scenes, threads=options.threads)
    record = {"model": identity(ref), "first_seed": FIRST_HELD_OUT_SEED, **asdict(metrics)}
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
