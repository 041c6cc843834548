"""Finds text in a picture by RapidOCR, and says what looks like a watermark.

A watermark is text that names a stock agency or says that the picture is a sample, or the same text
in several places.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

# Increased when reading gives other results for the same picture.
TEXTS_VERSION = "texts-v1"
_LEAST_SCORE = 0.8
_LEAST_LETTERS = 2  # fewer are mostly specks and rings, read as l, o and 0
_MILLI = 1000
_TILES = 3  # places with the same text that make it a watermark
_TILE_LETTERS = 4
# As they are drawn across previews, in lower case without spaces and signs.
_AGENCIES = (
    "123rf alamy adobestock bigstock canstock depositphotos dreamstime fotolia freepik gettyimages "
    "istock pond5 shutterstock stocksy vectorstock"
).split()
# Whole texts only, since they are words of their own right.
_SAMPLE_WORDS = ("preview", "sample", "watermark", "proof", "stockphoto", "comp")
_SAMPLE = re.compile(rf"({'|'.join(_SAMPLE_WORDS)})(image|photo|copy|only)?")
_COPYRIGHT = re.compile(r"©|\(c\)\s*\w|\bcopyright\b", re.IGNORECASE)
_NOT_LETTERS = re.compile(r"[\W_]+")


class _Result(Protocol):
    boxes: npt.NDArray[np.float32] | None  # [lines, corners, 2]
    txts: Sequence[str]
    scores: Sequence[float]


class _Reader(Protocol):
    """The part of RapidOCR that is used here; the package has no annotations."""

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> _Result: ...


@dataclass(frozen=True)
class FoundText:
    """A line of text in a picture.

    Attributes:
        text: What it says.
        corners: Its four corners, in pixels.
    """

    text: str
    corners: tuple[tuple[float, float], ...]


def texts_installed() -> bool:
    """Whether RapidOCR and its engine are installed."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


@lru_cache(maxsize=1)
def texts_model() -> str:
    """Returns the identity of the reader and of these rules; "" if it is not installed."""
    if not texts_installed():
        return ""
    rules = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    engine = f"rapidocr {version('rapidocr')} onnxruntime {version('onnxruntime')}"
    return f"{TEXTS_VERSION} {engine} rules {rules}"


def find_texts(image: Image.Image) -> list[FoundText]:
    """Returns the lines of text in an RGB picture, in reading order."""
    result = _reader()(np.asarray(image)[:, :, ::-1])  # blue first
    if result.boxes is None:
        return []
    return [
        FoundText(text, tuple((float(x), float(y)) for x, y in box))
        for text, score, box in zip(result.txts, result.scores, result.boxes, strict=True)
        if score >= _LEAST_SCORE and len(_NOT_LETTERS.sub("", text)) >= _LEAST_LETTERS
    ]


def text_area_milli(found: Sequence[FoundText], size: tuple[int, int]) -> int:
    """Returns the share of a picture that text covers, in thousandths; overlaps count once."""
    covered = Image.new("1", size)
    draw = ImageDraw.Draw(covered)
    for one in found:
        draw.polygon(list(one.corners), fill=1)
    return round(_MILLI * int(np.asarray(covered).sum()) / (size[0] * size[1]))


def watermark_in(texts: Sequence[str]) -> str:
    """Returns the first text that is taken for a watermark; "" if there is none."""
    plain = [_NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).lower()) for text in texts]
    for text, letters in zip(texts, plain, strict=True):
        if any(agency in letters for agency in _AGENCIES):
            return text
        if _SAMPLE.fullmatch(letters) or _COPYRIGHT.search(text):
            return text
    often = Counter(letters for letters in plain if len(letters) >= _TILE_LETTERS)
    return next(
        (
            text
            for text, letters in zip(texts, plain, strict=True)
            if often.get(letters, 0) >= _TILES
        ),
        "",
    )


@lru_cache(maxsize=1)
def _reader() -> _Reader:
    from rapidocr import RapidOCR

    # One thread, so that the result does not depend on how sums are divided among threads.
    engine = "EngineConfig.onnxruntime"
    reader = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            f"{engine}.intra_op_num_threads": 1,
            f"{engine}.inter_op_num_threads": 1,
        }
    )
    return cast("_Reader", reader)
