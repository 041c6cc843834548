"""Embeddings: their shape and length, and what they must not depend on."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.demo.model.metrics import to_input
from pipelines.demo.model.pictures import draw_picture, shrink
from pipelines.demo.scenes.render import caption, draw_scene_spec, render
from pipelines.vision import demo_network, loading
from pipelines.vision.caption import load_captioner
from pipelines.vision.embed import batch_of, load_encoder, padded_batches
from pipelines.vision.loading import load_network
from pipelines.vision.models import ModelRef, parse_model


def test_vectors_have_length_one(demo_model: ModelRef, pictures: list[Image.Image]) -> None:
    encoder = load_encoder(demo_model, batch=8)
    vectors = encoder.embed_images(pictures)
    assert vectors.shape == (11, encoder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    words = encoder.embed_texts(["a red star", "two blue fish"])
    assert words.shape == (2, encoder.dimension)
    assert np.allclose(np.linalg.norm(words, axis=1), 1, atol=1e-6)


def test_empty_input_gives_empty_output(demo_model: ModelRef) -> None:
    encoder = load_encoder(demo_model)
    assert encoder.embed_images([]).shape == (0, encoder.dimension)
    assert encoder.embed_texts([]).shape == (0, encoder.dimension)


def test_vectors_do_not_depend_on_their_neighbours(
    demo_model: ModelRef, pictures: list[Image.Image]
) -> None:
    """Bit for bit: alone, together, in another order and at another place in the batch."""
    encoder = load_encoder(demo_model, batch=8)
    together = encoder.embed_images(pictures)
    alone = np.concatenate([encoder.embed_images([one]) for one in pictures])
    assert np.array_equal(alone, together)
    assert np.array_equal(encoder.embed_images(pictures[::-1])[::-1], together)
    texts = [caption(draw_scene_spec(n)) for n in range(11)]
    words = encoder.embed_texts(texts)
    assert np.array_equal(np.concatenate([encoder.embed_texts([one]) for one in texts]), words)


@pytest.mark.slow
def test_another_process_gives_the_same_bits(demo_model: ModelRef) -> None:
    code = (
        "import hashlib; from pipelines.demo.scenes.render import draw_scene_spec, render;"
        "from pipelines.vision.embed import load_encoder;"
        "from pipelines.vision.models import parse_model;"
        "e = load_encoder(parse_model('demo'));"
        "print(hashlib.sha256(e.embed_images([render(draw_scene_spec(3), 90, 70)])).hexdigest())"
    )
    seen = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert seen[0].stdout == seen[1].stdout
    assert len(seen[0].stdout.strip()) == 64


def test_every_batch_has_one_shape() -> None:
    parts = list(padded_batches(torch.ones(7, 3), 4))
    assert [part.shape for part, _ in parts] == [(4, 3), (4, 3)]
    assert [count for _, count in parts] == [4, 3]
    assert parts[1][0][3].tolist() == [0, 0, 0]


def test_bf16_stays_near_fp32(demo_model: ModelRef, pictures: list[Image.Image]) -> None:
    exact = load_encoder(demo_model, batch=8).embed_images(pictures)
    short = load_encoder(parse_model("demo", "bf16"), batch=8).embed_images(pictures)
    assert not np.array_equal(exact, short)
    assert (exact * short).sum(axis=1).min() > 0.999


def test_loading_logs_nothing_and_returns_a_model_for_inference(
    demo_model: ModelRef, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_kept", {})
    torch.set_num_threads(2)
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        model = load_network(demo_model, 1).model
    assert caplog.records == []
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert torch.get_num_threads() == 1


def test_training_prepares_pictures_as_a_run_does(demo_model: ModelRef) -> None:
    """Within one level of 255: training resizes with Pillow."""
    preprocess = load_network(demo_model, 1).preprocess
    level = 1 / 255 / float(np.min(np.asarray(preprocess.settings["std"])))
    assert (preprocess.height, preprocess.width, preprocess.side) == (64, 64, 64)
    for seed in range(40_000_000, 40_000_024):
        image = draw_picture(seed)
        ours = to_input(shrink(image)[None])
        theirs = preprocess([image])
        assert torch.allclose(ours, theirs, rtol=0, atol=1.01 * level), image.size


def test_a_scene_has_similar_vectors_at_any_size(demo_model: ModelRef) -> None:
    encoder = load_encoder(demo_model, batch=8)
    for seed in range(50_000_000, 50_000_004):
        scene = draw_scene_spec(seed)
        sizes = [(160, 120), (1200, 900)]
        small, large = encoder.embed_images([render(scene, *size) for size in sizes])
        assert float(small @ large) > 0.9


def test_a_pass_has_as_many_pictures_as_suit_the_model(tmp_path: Path) -> None:
    """The demonstration model's are never changed, since its bytes are the same everywhere."""
    shutil.copy(demo_network.FOLDER / demo_network.WEIGHTS_NAME, tmp_path / "w.safetensors")
    other = parse_model(f"fairshard-demo:{tmp_path}/w.safetensors")
    demo = parse_model("demo")
    assert (load_encoder(demo).batch, load_captioner(demo).batch) == (32, 32)
    assert (load_encoder(other).batch, load_captioner(other).batch) == (16, 16)
    assert load_captioner(demo).decoded == load_captioner(other).decoded == 64
    assert batch_of(replace(other, precision="cuda-bf16")) == 32
