"""Scores by prompts, with an encoder whose embeddings are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pipelines.vision.prompts import load_prompts, prompt_directions, score_milli
from schemas.errors import RunError

GOOD = '[nsfw]\nyes = ["a", "b"]\nno = ["c"]\n[aesthetics]\nyes = ["c"]\nno = ["a"]\n'
VECTORS = {"a": (1.0, 0.0, 0.0), "b": (0.0, 1.0, 0.0), "c": (0.0, 0.0, 1.0)}


def embed(texts: object) -> np.ndarray:
    return np.array([VECTORS[text] for text in texts], np.float32)  # type: ignore[attr-defined]


def written(folder: Path, text: str) -> Path:
    path = folder / "prompts.toml"
    path.write_text(text)
    return path


def test_the_score_is_the_softmax_of_two_cosines(tmp_path: Path) -> None:
    directions = prompt_directions(load_prompts(written(tmp_path, GOOD)), embed)
    picture = (0.02, 0.06, 0.05)
    yes, no = (0.02 + 0.06) / math.sqrt(2), 0.05
    expected = math.exp(100 * yes) / (math.exp(100 * yes) + math.exp(100 * no))
    assert score_milli(picture, directions["nsfw"]) == round(1000 * expected)
    assert score_milli((1, 0, 0), directions["aesthetics"]) == 0
    assert score_milli((0, 0, 1), directions["aesthetics"]) == 1000
    assert score_milli((0, 1, 0), directions["aesthetics"]) == 500


def test_other_prompts_are_another_measure(tmp_path: Path) -> None:
    first = load_prompts(written(tmp_path, GOOD)).digest
    other = tmp_path / "other.toml"
    other.write_text(GOOD.replace('"b"', '"d"'))
    assert load_prompts(other).digest != first


@pytest.mark.parametrize(
    "text",
    [
        "[nsfw]\nyes = ['a']\nno = ['b']\n",
        GOOD.replace('["c"]', "[]", 1),
        GOOD.replace('["c"]', '"c"', 1),
        GOOD.replace('["c"]', "[1]", 1),
        GOOD + "[other]\n",
        "no toml",
    ],
)
def test_invalid_prompts_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(RunError, match="prompts is not valid"):
        load_prompts(written(tmp_path, text))


def test_the_prompts_of_the_package() -> None:
    prompts = load_prompts()
    texts = [
        text for side in (prompts.yes, prompts.no) for group in side.values() for text in group
    ]
    assert len(set(texts)) == len(texts) > 20
