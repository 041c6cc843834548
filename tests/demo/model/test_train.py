"""Training is repeatable and resumable, and its pictures and labels are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipelines.demo.model import pictures, train
from pipelines.demo.scenes.scene import KINDS, draw_scene_spec
from pipelines.vision.demo_network import WEIGHTS_NAME


def _train(out: Path, steps: int) -> dict[str, torch.Tensor]:
    sizes = ["--scenes", "48", "--batch", "16", "--check-scenes", "8", "--threads", "1"]
    assert train.main(["--out", str(out), "--steps", str(steps), *sizes]) == 0
    return load_file(out / WEIGHTS_NAME)


@pytest.mark.slow
def test_training_repeats_and_resumes(tmp_path: Path) -> None:
    one = _train(tmp_path / "one", 4)
    two = _train(tmp_path / "two", 4)
    assert all(torch.equal(one[name], two[name]) for name in one)
    record = json.loads((tmp_path / "one" / "training.json").read_text())
    assert record["step"] == 4
    assert record["parameters"] == sum(tensor.numel() for tensor in one.values())
    # A longer run resumes from the checkpoint; a finished one does nothing more.
    three = _train(tmp_path / "one", 6)
    assert not all(torch.equal(one[name], three[name]) for name in one)
    assert json.loads((tmp_path / "one" / "training.json").read_text())["step"] == 6
    assert all(torch.equal(a, three[n]) for n, a in _train(tmp_path / "one", 6).items())


def test_patch_labels_match_the_scene() -> None:
    for seed in range(100):
        scene = draw_scene_spec(seed)
        patches = pictures.patch_labels(scene)
        assert patches.shape == (8, 8)
        shown = {KINDS[value - 1] for value in np.unique(patches) if value}
        assert shown == {scene.kind, *([scene.second_kind] if scene.relation else [])}
        one = scene.main[0]
        column, row = int((one.x + 1) * 4), int((one.y + 1) * 4)
        assert patches[row, column] == 1 + KINDS.index(scene.kind)


def test_pictures_are_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "some.u8"
    first = np.array(pictures.load_or_draw(path, 60_000_000, 3, 1))
    assert first.shape == (3, 64, 64, 3)
    changed = path.stat().st_mtime_ns
    again = pictures.load_or_draw(path, 60_000_000, 3, 1)
    assert path.stat().st_mtime_ns == changed
    assert np.array_equal(first, again)
    expected = pictures.shrink(pictures.draw_picture(60_000_001))
    assert np.array_equal(first[1], expected)


def test_augmented_pictures_keep_their_content() -> None:
    batch = np.zeros((4, 64, 64, 3), np.uint8)
    batch[:, 20:30, 4:12] = 200
    mirrored = np.array([True, False, True, False])
    varied = pictures.augment(batch, mirrored, np.random.default_rng(1))
    assert varied.shape == batch.shape
    for index in range(4):
        columns = np.nonzero(varied[index].max(axis=(0, 2)))[0]
        middle = float(columns.mean())
        assert abs(middle - (55.5 if mirrored[index] else 7.5)) <= 2.5


def test_the_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--help"])
    assert "--minutes 60" in capsys.readouterr().out
