"""One network that embeds and captions sees each picture once, with the same results."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.vision import demo_network
from pipelines.vision.caption import load_captioner
from pipelines.vision.describe import embed_and_caption
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import ModelRef, parse_model


@pytest.mark.parametrize("captions_batch", [4, 8])
def test_results_are_those_of_each_alone(
    demo_model: ModelRef, pictures: list[Image.Image], captions_batch: int
) -> None:
    encoder = load_encoder(demo_model, batch=8)
    captioner = load_captioner(demo_model, batch=captions_batch)
    vectors, captions = embed_and_caption(encoder, captioner, pictures)
    assert np.array_equal(vectors, encoder.embed_images(pictures))
    assert captions == captioner.caption(pictures)
    assert len(set(captions)) > 5


def test_the_image_tower_runs_once(demo_model: ModelRef, pictures: list[Image.Image]) -> None:
    encoder, captioner = load_encoder(demo_model, batch=8), load_captioner(demo_model, batch=4)
    tower = encoder.network.model.visual
    assert isinstance(tower, torch.nn.Module)
    seen: list[int] = []
    hook = tower.register_forward_hook(lambda _, inputs, output: seen.append(len(inputs[0])))
    with hook:
        embed_and_caption(encoder, captioner, pictures)
        assert seen == [8, 8]
        captioner.caption(pictures)
        assert seen == [8, 8, 4, 4, 4]


def test_different_networks_each_see_the_pictures(
    demo_model: ModelRef, pictures: list[Image.Image], tmp_path: Path
) -> None:
    shutil.copy(demo_network.FOLDER / demo_network.WEIGHTS_NAME, tmp_path / "w.safetensors")
    other = parse_model(f"fairshard-demo:{tmp_path}/w.safetensors", "bf16")
    encoder, captioner = load_encoder(other, batch=8), load_captioner(demo_model, batch=8)
    vectors, captions = embed_and_caption(encoder, captioner, pictures)
    assert np.array_equal(vectors, encoder.embed_images(pictures))
    assert captions == captioner.caption(pictures)


def test_no_pictures(demo_model: ModelRef) -> None:
    vectors, captions = embed_and_caption(load_encoder(demo_model), load_captioner(demo_model), [])
    assert (len(vectors), captions) == (0, [])
