"""The models of a run as a worker uses them: loaded on first use, and what they are asked noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.run.job import Models
from pipelines.storage.progress import note_amount, timing
from pipelines.vision.caption_text import CaptionFailure
from pipelines.vision.external import is_external
from pipelines.vision.remembered_texts import remembered_texts
from pipelines.vision.zero_shot import prompts_of
from schemas.errors import RunError

if TYPE_CHECKING:
    from pipelines.vision.caption import Captioner
    from pipelines.vision.embed import ImageTextEncoder
    from pipelines.vision.external import ExternalCaptioner

Vectors = npt.NDArray[np.float32]


class VisionModels(Protocol):
    """The model operations that a unit needs."""

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """One caption an image, or why there is none."""

    def embed_and_caption(
        self, images: Sequence[Image.Image]
    ) -> tuple[Vectors, list[str | CaptionFailure]]:
        """Both of the same images."""


@dataclass(frozen=True)
class LazyVisionModels:
    """Models that are loaded on first use, so that a run that computes nothing loads none.

    Not even torch is imported, which takes seconds in every process; hence the local imports.

    Attributes:
        models: The run's models. The precision is the one chosen when the run began, whatever this
            machine's processor.
    """

    models: Models

    @cached_property
    def _encoder(self) -> ImageTextEncoder:
        from pipelines.vision.embed import load_encoder
        from pipelines.vision.models import parse_model

        with timing("model_load_s"):
            encoder = load_encoder(parse_model(self.models.clip, self.models.clip_precision))
        self._check(self.models.clip, encoder.identity, self.models.clip_id)
        return encoder

    @cached_property
    def _captioner(self) -> Captioner:
        from pipelines.vision.caption import load_captioner
        from pipelines.vision.models import parse_model

        models = self.models
        ref = parse_model(models.captioner, models.captioner_precision)
        with timing("model_load_s"):
            captioner = load_captioner(ref)
        self._check(models.captioner, captioner.network.identity, models.captioner_id)
        return captioner

    def load(self) -> None:
        """Loads the models before their first use, and embeds the vocabulary's texts.

        Processes that are forked from this one then have both.
        """
        if not is_external(self.models.captioner):
            _ = self._captioner
        if self.models.vocabulary is not None:
            self.embed_texts(prompts_of(self.models.vocabulary))

    def _check(self, name: str, found: str, expected: str) -> None:
        """Checks that this worker has the weights that the run was started with."""
        if found != expected:
            raise RunError(
                "A worker's weights differ from those the run started with",
                f"{name}: {found}, not {expected}",
                "Give every machine the same weights file, and do not change it during a run.",
            )

    def embed_images(self, images: Sequence[Image.Image]) -> Vectors:
        """L2-normalised embeddings, [n, d]."""
        encoder = self._encoder
        with _asking(len(images)):
            return encoder.embed_images(list(images))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """L2-normalised embeddings, [n, d]; a text that occurs again is not embedded again."""
        encoder = self._encoder
        if not texts:
            return encoder.embed_texts([])

        def ask(new: Sequence[str]) -> Vectors:
            with _asking(len(new)):
                return encoder.embed_texts(new)

        return remembered_texts(encoder.identity).vectors(texts, ask)

    @cached_property
    def _external(self) -> ExternalCaptioner | None:
        from pipelines.vision.external import load_external

        models = self.models
        if not is_external(models.captioner):
            return None
        captioner = load_external(models.captioner, models.endpoint)
        self._check(models.captioner, captioner.identity, models.captioner_id)
        return captioner

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """One caption an image, or why there is none."""
        captioner = self._external or self._captioner
        with _asking(len(images)):
            return [*captioner.caption(list(images))]

    def embed_and_caption(
        self, images: Sequence[Image.Image]
    ) -> tuple[Vectors, list[str | CaptionFailure]]:
        """Both of the same images; one network that is both models sees them once."""
        from pipelines.vision.describe import embed_and_caption

        if self._external is not None:
            return self.embed_images(images), self.caption(images)
        encoder, captioner = self._encoder, self._captioner
        with _asking(len(images)):
            vectors, captions = embed_and_caption(encoder, captioner, list(images))
        return vectors, [*captions]


@contextmanager
def _asking(inputs: int) -> Iterator[None]:
    """Notes a call of a model: its time, once the model is loaded, and how much it was given."""
    note_amount("model_calls")
    note_amount("model_inputs", inputs)
    with timing("inference_s"):
        yield
