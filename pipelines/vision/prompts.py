"""Scores pictures by comparing their embeddings with those of prompts: zero-shot, no training.

The prompts are in `prompts.toml`. Those of a group stand for it together, by the mean of their
embeddings (Radford et al., "Learning transferable visual models", 2021); a picture's score is the
softmax of its cosines with the two groups, at the temperature that CLIP is trained with. As with
antonyms in CLIP-IQA (Wang et al., 2022), nothing but the difference of the two cosines counts.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from schemas.errors import RunError

PROMPTS = Path(__file__).with_name("prompts.toml")
SCORES = ("nsfw", "aesthetics")
_LOGIT_SCALE = 100.0  # to which CLIP's is limited, and which trained models reach
_MILLI = 1000

Vectors = npt.NDArray[np.float32]
_Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prompts:
    """The prompts of each score.

    Attributes:
        yes: By score, the texts of what gives a high one.
        no: By score, the texts of what gives a low one.
        digest: Of the file that they are from, hex.
    """

    yes: Mapping[str, tuple[str, ...]]
    no: Mapping[str, tuple[str, ...]]
    digest: str


@lru_cache(maxsize=8)
def load_prompts(path: Path = PROMPTS) -> Prompts:
    """Reads the prompts.

    Raises:
        RunError: The file is not TOML with two lists of texts for each score.
    """
    data = path.read_bytes()
    try:
        groups = tomllib.loads(data.decode())
        if sorted(groups) != sorted(SCORES):
            raise ValueError(f"its sections are {sorted(groups)}, not {sorted(SCORES)}")
        yes, no = ({name: _texts(groups[name], side) for name in SCORES} for side in ("yes", "no"))
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            "The file of prompts is not valid",
            f"{path}: {error}",
            "Give [nsfw] and [aesthetics] the lists `yes` and `no` each, with at least one text.",
        ) from error
    return Prompts(yes, no, hashlib.sha256(data).hexdigest())


def _texts(group: Mapping[str, object], side: str) -> tuple[str, ...]:
    found = group[side]
    if not isinstance(found, list) or not found or not all(isinstance(t, str) for t in found):
        raise ValueError(f"{side!r} is not a list of texts")
    return tuple(map(str, found))


def prompt_directions(
    prompts: Prompts, embed_texts: Callable[[Sequence[str]], Vectors]
) -> dict[str, _Vector]:
    """Returns by score the vector whose product with an embedding is the difference of cosines."""
    directions = {}
    for name in SCORES:
        yes, no = (_mean(embed_texts(side[name])) for side in (prompts.yes, prompts.no))
        directions[name] = yes - no
    return directions


def score_milli(embedding: Sequence[float], direction: _Vector) -> int:
    """Returns a score in thousandths.

    Args:
        embedding: Of the picture, L2-normalised.
        direction: From `prompt_directions`.
    """
    difference = float(np.asarray(embedding, np.float64) @ direction)
    return round(_MILLI / (1 + float(np.exp(-_LOGIT_SCALE * difference))))


def _mean(vectors: Vectors) -> _Vector:
    mean = vectors.astype(np.float64).mean(axis=0)
    normalised: _Vector = mean / np.linalg.norm(mean)
    return normalised
