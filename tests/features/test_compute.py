"""Workers compute in the precision and with the weights that the run was started with."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.features.compute import describe_media
from pipelines.features.prepare import PreparedMedia, prepare_media
from pipelines.features.vision_models import LazyVisionModels, Vectors
from pipelines.run.job import Models
from pipelines.vision import demo_network
from pipelines.vision.caption_text import CaptionFailure
from pipelines.vision.models import identity, parse_model
from schemas.errors import RunError
from tests.media.media_samples import LIMITS, encode, film, picture


def models_of(name: str, precision: str = "fp32") -> Models:
    model_id = identity(parse_model(name, precision))
    return Models(name, model_id, name, model_id, True, precision, precision)


@pytest.fixture
def name(tmp_path: Path) -> str:
    shutil.copy(demo_network.FOLDER / demo_network.WEIGHTS_NAME, tmp_path / "w.safetensors")
    return f"fairshard-demo:{tmp_path}/w.safetensors"


@pytest.fixture(scope="module")
def media() -> list[PreparedMedia]:
    """Returns a picture, a film with shots, and another picture."""
    files = [(encode(picture(), "JPEG"), "a.jpg", "image"), (film(), "a.mp4", "video")]
    files.append((encode(picture(60, 40), "PNG"), "b.png", "image"))
    return [prepare_media(data, uri, kind, None, LIMITS) for data, uri, kind in files]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_worker_computes_in_the_precision_that_was_chosen(precision: str) -> None:
    """Whatever the worker's own processor, which nothing here asks about."""
    images = [Image.new("RGB", (40, 30), "teal")]
    vectors = LazyVisionModels(models_of("demo", precision)).embed_images(images)
    exact = LazyVisionModels(models_of("demo")).embed_images(images)
    assert np.array_equal(vectors, exact) == (precision == "fp32")


def test_a_worker_refuses_other_weights(name: str) -> None:
    models = models_of(name)
    path = Path(name.partition(":")[2])
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    for models_here in (models, replace(models, clip="demo", clip_id=models_of("demo").clip_id)):
        vision = LazyVisionModels(models_here)
        with pytest.raises(RunError, match="A worker's weights differ") as caught:
            vision.embed_and_caption([Image.new("RGB", (9, 9))])
        assert name in str(caught.value)


def test_media_get_the_same_rows_whatever_is_known_already(media: list[PreparedMedia]) -> None:
    vision = LazyVisionModels(models_of("demo"))
    embedded, captioned, _ = describe_media(media, media, {}, vision)
    known = {row["media_sha256"]: row for row in embedded}
    assert describe_media(media, [], {}, vision) == (embedded, [], {})
    assert describe_media([], media, known, vision) == ([], captioned, {})
    first = {media[0].media_sha256: embedded[0]}
    assert describe_media(media[1:], media, first, vision) == (embedded[1:], captioned, {})
    assert describe_media([], [], {}, vision) == ([], [], {})
    assert [len(row["shots"]) for row in captioned] == [len(one.shots_rgb) for one in media]
    assert captioned[1]["shots"]


class _Forgetful(LazyVisionModels):
    """Does not caption one of the pictures that it is given."""

    silent_at: int = 0

    def embed_and_caption(
        self, images: Sequence[Image.Image]
    ) -> tuple[Vectors, list[str | CaptionFailure]]:
        captions: list[str | CaptionFailure] = ["a boat"] * len(images)
        captions[self.silent_at] = CaptionFailure("the server is too slow")
        return self.embed_images(images), captions


def test_a_medium_without_one_of_its_captions_has_none(media: list[PreparedMedia]) -> None:
    """Whichever it is: a picture's, a film's frame's or a shot's. The others have theirs."""
    frames = [one.media_sha256 for one in media for _ in one.frames_rgb]
    owners = frames + [one.media_sha256 for one in media for _ in one.shots_rgb]
    for at, owner in enumerate(owners):
        vision = _Forgetful(models_of("demo"))
        object.__setattr__(vision, "silent_at", at)
        embedded, captioned, failures = describe_media(media, media, {}, vision)
        assert len(embedded) == len(media)
        assert failures == {owner: CaptionFailure("the server is too slow")}
        others = [one.media_sha256 for one in media if one.media_sha256 != owner]
        assert [row["media_sha256"] for row in captioned] == others
