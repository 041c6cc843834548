"""Reads the guarded child's answers. A child that a file has taken over may answer anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, get_type_hints

from PIL import Image

from pipelines.features.pipe_messages import Blob, Header, PipeMessageError, unpack_images
from pipelines.media.colour_profiles import PROFILE_NAMES
from pipelines.media.film import Film, FilmShot
from pipelines.media.image_facts import ImageFacts
from pipelines.media.images import HashedImage
from pipelines.media.looks import Look, check_look
from pipelines.media.phash import PerceptualSignature
from pipelines.media.stretches import Stretch
from pipelines.rights.formatting import one_line
from pipelines.signals.file.description_fields import FileDescription
from schemas.errors import BadRecord
from schemas.file_facts import PlainDifference
from schemas.profiles.depth import DepthFacts
from schemas.reasons import Reason

if TYPE_CHECKING:  # they import PyAV, and few runs ask for either
    from pipelines.media.clips import Clip
    from pipelines.media.render_film import RenderedFilm

_FACT_TYPES = get_type_hints(ImageFacts)
_PHASH = re.compile(r"[0-9a-f]{64}")
_COLOUR = re.compile(r"[0-9a-f]{96}")
_PNG_START = b"\x89PNG\r\n\x1a\n"
_MOST_MS = 2**53 - 1
_MOST_FOUND = 100_000  # faces or lines of text
_MOST_CHARACTERS = 100  # of a watermark


def film_answer(header: Header, blobs: Sequence[Blob]) -> Film:
    """Returns the film that an answer describes.

    Raises:
        BadRecord: `media.undecodable` if it describes none.
    """
    with _invalid_answers_fail():
        images = unpack_images(header["sizes"], blobs)
        facts = dict(header["facts"])
        facts["fps"] = Fraction(*facts["fps"])
        facts["pixel_aspect"] = Fraction(*facts["pixel_aspect"])
        facts["keyframes_ms"] = tuple(facts["keyframes_ms"])
        facts["shots"] = tuple(FilmShot(*shot) for shot in facts["shots"])
        facts["stretches"] = tuple(Stretch(*stretch) for stretch in facts["stretches"])
        count = int(header["samples"])
        return Film(**facts, samples=tuple(images[:count]), shot_samples=tuple(images[count:]))


def image_answer(header: Header, blobs: Sequence[Blob]) -> HashedImage:
    """Returns the picture that an answer describes.

    Raises:
        BadRecord: `media.undecodable` if it describes none.
    """
    with _invalid_answers_fail():
        (image,) = unpack_images(header["sizes"], blobs)
        facts = ImageFacts(**header["facts"])
        for name, kind in _FACT_TYPES.items():
            if type(getattr(facts, name)) is not kind:
                raise TypeError(name)
        differences = facts.plain_differences.split("; ") if facts.plain_differences else []
        if facts.icc not in PROFILE_NAMES or not set(differences) <= set(PlainDifference):
            raise ValueError("facts")
        signature = PerceptualSignature(**header["signature"])
        if not _PHASH.fullmatch(signature.phash) or not _COLOUR.fullmatch(signature.colour):
            raise ValueError("signature")
        look = Look(*(bytes.fromhex(header["look"][name]) for name in ("search", "cells")))
        check_look(look)
        return HashedImage(image, facts, signature, look)


def clips_answer(header: Header, blobs: Sequence[Blob], count: int) -> list[Clip]:
    """Returns the clips that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if they are not so many clips.
    """
    from pipelines.media.clips import Clip

    with _invalid_answers_fail():
        facts = header["clips"]
        if len(facts) != count:
            raise ValueError("clips")
        return [Clip(**own, data=bytes(blob)) for own, blob in zip(facts, blobs, strict=True)]


def frame_files_answer(blobs: Sequence[Blob], count: int) -> list[bytes]:
    """Returns the PNG files that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if they are not so many files.
    """
    with _invalid_answers_fail():
        if len(blobs) != count or not all(bytes(blob[:8]) == _PNG_START for blob in blobs):
            raise ValueError("frames")
        return [bytes(blob) for blob in blobs]


def frame_images_answer(header: Header, blobs: Sequence[Blob], count: int) -> list[Image.Image]:
    """Returns the frames that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if they are not so many pictures.
    """
    with _invalid_answers_fail():
        images = unpack_images(header["sizes"], blobs)
        if len(images) != count:
            raise ValueError("frames")
        return images


def times_answer(header: Header) -> list[int]:
    """Returns the times that an answer states, which ascend from 0.

    Raises:
        BadRecord: `media.undecodable` if it states none.
    """
    with _invalid_answers_fail():
        times = [_count(time, _MOST_MS) for time in header["times"]]
        if len(times) < 2 or times[0] != 0 or times != sorted(times):
            raise ValueError("times")
        return times


def rendered_film_answer(header: Header, blobs: Sequence[Blob]) -> RenderedFilm:
    """Returns the rendition of a film that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if it is none.
    """
    from pipelines.media.render_film import RenderedFilm

    with _invalid_answers_fail():
        (data,), facts = blobs, header["facts"]
        return RenderedFilm(
            bytes(data),
            int(facts["width"]),
            int(facts["height"]),
            str(facts["codec"]),
            str(facts["audio_codec"]),
            int(facts["bitrate_bps"]),
        )


@dataclass(frozen=True)
class PictureText:
    """The text in a picture.

    Attributes:
        boxes: How many lines there are.
        area_milli: The share of the picture that they cover, in thousandths.
        watermark: The text that is taken for a watermark; "" if there is none.
    """

    boxes: int
    area_milli: int
    watermark: str


def description_answer(header: Header) -> FileDescription:
    """Returns the description that an answer states.

    Raises:
        BadRecord: `media.undecodable` if it states none.
    """
    with _invalid_answers_fail():
        return FileDescription.from_json(header["description"])


def faces_answer(header: Header) -> int:
    """Returns how many faces an answer states.

    Raises:
        BadRecord: `media.undecodable` if it states none.
    """
    with _invalid_answers_fail():
        return _count(header["faces"], _MOST_FOUND)


def texts_answer(header: Header) -> PictureText:
    """Returns the text that an answer states.

    Raises:
        BadRecord: `media.undecodable` if it states none.
    """
    with _invalid_answers_fail():
        boxes, area = _count(header["boxes"], _MOST_FOUND), _count(header["area_milli"], 1_000)
        watermark = header["watermark"]
        if not isinstance(watermark, str):
            raise TypeError("watermark")
        return PictureText(boxes, area, one_line(watermark)[:_MOST_CHARACTERS])


def _count(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("count")
    return value


def file_answer(blobs: Sequence[Blob]) -> bytes:
    """Returns a copy of the file that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if it is not one file.
    """
    with _invalid_answers_fail():
        (data,) = blobs
        return bytes(data)


def track_answer(header: Header, blobs: Sequence[Blob]) -> tuple[bytes, int]:
    """Returns the member and the reference frame that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if it is something else.
    """
    with _invalid_answers_fail():
        (member,) = blobs
        return bytes(member), int(header["reference_frame"])


def depth_answer(
    header: Header, blobs: Sequence[Blob]
) -> tuple[bytes, DepthFacts, list[int] | None]:
    """Returns the member, what is said of it and the times that an answer consists of.

    Raises:
        BadRecord: `media.undecodable` if it is something else.
    """
    with _invalid_answers_fail():
        (member,) = blobs
        times = header["times"]
        if times is not None and not (isinstance(times, list) and set(map(type, times)) <= {int}):
            raise TypeError("times")
        return bytes(member), DepthFacts.model_validate(header["facts"]), times


def failure_answer(header: Header) -> BadRecord:
    """Returns the failure that an answer states."""
    try:
        reason, detail = header["bad"]
        return BadRecord(Reason(reason), str(detail))
    except (TypeError, ValueError) as error:
        return _invalid(error)


def _invalid(error: Exception) -> BadRecord:
    detail = f"the decoder sent an invalid answer: {type(error).__name__}"
    return BadRecord(Reason.MEDIA_UNDECODABLE, detail)


@contextmanager
def _invalid_answers_fail() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, ArithmeticError, PipeMessageError) as error:
        raise _invalid(error) from error
