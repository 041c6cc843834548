"""Remembers for a session what the demonstration model says of each picture and text.

Hundreds of tests package the same few pictures, and the model costs more than the rest of such a
run: a unit with one picture pays for a whole padded batch. The answers are the model's own, since a
picture's does not depend on its batch. Tests of the model do not come by here, nor do processes
that start by themselves; `WITHOUT` turns it off for a warm command.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from pipelines.features.vision_models import LazyVisionModels, Vectors
from pipelines.vision.caption_text import CaptionFailure
from tests.shared import REMEMBERED_VARIABLE

WITHOUT = {REMEMBERED_VARIABLE: ""}
_MODEL = ("demo", "fp32")  # other models are files that a test may change
_T = TypeVar("_T")

_embed_images = LazyVisionModels.embed_images
_embed_texts = LazyVisionModels.embed_texts
_caption = LazyVisionModels.caption
_embed_and_caption = LazyVisionModels.embed_and_caption
_answers: dict[str, bytes] = {}


def remember_vision() -> None:
    """Makes the models of this process answer from memory where they can."""
    LazyVisionModels.embed_images = _remembered_images  # type: ignore[method-assign]
    LazyVisionModels.embed_texts = _remembered_texts  # type: ignore[method-assign]
    LazyVisionModels.caption = _remembered_captions  # type: ignore[method-assign]
    LazyVisionModels.embed_and_caption = _remembered_both  # type: ignore[method-assign]


def _remembered_images(self: LazyVisionModels, images: Sequence[Image.Image]) -> Vectors:
    def ask(new: Sequence[Image.Image]) -> Vectors:
        return _embed_images(self, new)

    return _vectors("picture", _encoder(self), images, list(map(_pixels, images)), ask)


def _remembered_texts(self: LazyVisionModels, texts: Sequence[str]) -> Vectors:
    def ask(new: Sequence[str]) -> Vectors:
        return _embed_texts(self, new)

    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return _vectors("text", _encoder(self), texts, encoded, ask)


def _remembered_captions(
    self: LazyVisionModels, images: Sequence[Image.Image]
) -> list[str | CaptionFailure]:
    def ask(new: Sequence[Image.Image]) -> list[bytes]:
        return [text.encode() for text in _caption(self, new) if isinstance(text, str)]

    if not _remembers(_captioner(self)):
        return _caption(self, images)
    found = _recall("caption", images, list(map(_pixels, images)), ask)
    return [text.decode() for text in found]


def _remembered_both(
    self: LazyVisionModels, images: Sequence[Image.Image]
) -> tuple[Vectors, list[str | CaptionFailure]]:
    if _remembers(_encoder(self)) and _remembers(_captioner(self)):
        return self.embed_images(images), self.caption(images)
    return _embed_and_caption(self, images)


def _vectors(
    kind: str,
    model: tuple[str, str],
    items: Sequence[_T],
    encoded: Sequence[bytes],
    compute: Callable[[Sequence[_T]], Vectors],
) -> Vectors:
    if not items or not _remembers(model):
        return compute(items)

    def ask(new: Sequence[_T]) -> list[bytes]:
        return [row.tobytes() for row in compute(new)]

    found = _recall(kind, items, encoded, ask)
    return np.stack([np.frombuffer(row, np.float32) for row in found])


def _encoder(self: LazyVisionModels) -> tuple[str, str]:
    return self.models.clip, self.models.clip_precision


def _captioner(self: LazyVisionModels) -> tuple[str, str]:
    return self.models.captioner, self.models.captioner_precision


def _remembers(model: tuple[str, str]) -> bool:
    return model == _MODEL and bool(os.environ.get(REMEMBERED_VARIABLE))


def _pixels(image: Image.Image) -> bytes:
    return f"{image.mode} {image.size}".encode() + image.tobytes()


def _recall(
    kind: str,
    items: Sequence[_T],
    encoded: Sequence[bytes],
    ask: Callable[[Sequence[_T]], Sequence[bytes]],
) -> list[bytes]:
    """Returns the answer for each item; `ask` gets the items that no process has asked for."""
    folder = Path(os.environ[REMEMBERED_VARIABLE])
    keys = [hashlib.sha256(kind.encode() + b"\0" + data).hexdigest() for data in encoded]
    new = {key: item for key, item in zip(keys, items, strict=True) if not _known(folder, key)}
    for key, answer in zip(new, ask(list(new.values())) if new else (), strict=True):
        _answers[key] = answer
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as sink:
            sink.write(answer)
        Path(sink.name).rename(folder / key)  # another process may learn the same at once
    return [_answers[key] for key in keys]


def _known(folder: Path, key: str) -> bool:
    if key not in _answers:
        try:
            _answers[key] = (folder / key).read_bytes()
        except FileNotFoundError:
            return False
    return True
