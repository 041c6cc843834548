"""Reads the JSON of an agency's track file, which is as hostile as media.

Runs in the guarded child process. A file states the size of the picture as it is displayed and the
number of frames, both of which must be the film's: a track drawn over the stored pixels of a turned
or stretched film, or over frames that its edit list leaves out, is refused and never shifted.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import BadRecord
from schemas.profiles.tracks import TrackSource
from schemas.reasons import Reason

#: The largest track file.
MAX_TRACK_BYTES = 32 << 20
#: The largest member that is made of one: no value is longer than in the file by more than this.
MAX_TRACK_MEMBER_BYTES = 4 * MAX_TRACK_BYTES
_MAX_LISTED_FAULTS = 3
# More are in no sound file: an object has five names, and the largest file of poses five million
# numbers. Checking far more would take minutes.
_MAX_NAMES = 64
_MAX_COMMAS = 8_000_000

# Bidirectional control characters: they show the text in another order.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _check_words(text: str) -> str:
    kinds = {unicodedata.category(one) for one in text}
    if (
        "Cc" in kinds
        or not _TURNING.isdisjoint(text)
        or (text and all(k[0] in "CZ" for k in kinds))
    ):
        raise ValueError("it has control characters, or nothing that can be read")
    return text


#: Text for people, in any language, or "".
Words = Annotated[str, AfterValidator(_check_words)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
FrameNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
Box = tuple[Coordinate, Coordinate, Coordinate, Coordinate]


class GivenFields(BaseModel):
    """A part of a track file: every field required unless it says otherwise, and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GivenSource(GivenFields):
    """Who drew a track; a tracker has a name and a version."""

    kind: TrackSource
    name: Annotated[Words, Field(max_length=200)] = ""
    version: Annotated[Words, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if (bool(self.name), bool(self.version)) != (self.kind == "tracker",) * 2:
            raise ValueError("a tracker has a name and a version, and the agency's people have not")
        return self


class GivenTrack(GivenFields):
    """What both kinds of track file say about their film."""

    width: Annotated[int, Field(ge=1, le=2**31 - 1)]
    height: Annotated[int, Field(ge=1, le=2**31 - 1)]
    frames: FrameNumber
    source: GivenSource
    film_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


_Given = TypeVar("_Given", bound=GivenTrack)
_Value = TypeVar("_Value", int, str)
TrackKind = Literal["boxes", "poses"]


@dataclass(frozen=True)
class TrackedFilm:
    """The film of a track.

    Attributes:
        frames: Number of frames.
        width: As displayed, in square pixels.
        height: As displayed, in square pixels.
        delivered_width: As delivered, which differs for a smaller rendition.
        delivered_height: Likewise.
        sha256: Of the agency's file, hex.
    """

    frames: int
    width: int
    height: int
    delivered_width: int
    delivered_height: int
    sha256: str = ""


def invalid_track(detail: str) -> BadRecord:
    """Returns the failure of a track file that says something impossible."""
    return BadRecord(Reason.PROFILE_TRACK_INVALID, detail)


def read_given(data: bytes, form: type[_Given], film: TrackedFilm) -> _Given:
    """Reads a track file of a form, and checks that it is of this film.

    Raises:
        BadRecord: `profile.track_invalid` or `profile.track_mismatch`.
    """
    if len(data) > MAX_TRACK_BYTES:
        raise invalid_track(f"{len(data)} bytes; at most {MAX_TRACK_BYTES}")
    if data.count(b",") > _MAX_COMMAS:
        raise invalid_track(f"more than {_MAX_COMMAS} values")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = f"byte {data[error.start]:#04x} at {error.start}"
        raise invalid_track(f"not UTF-8: {at}; save it as JSON in UTF-8") from error
    try:
        json.loads(text, object_pairs_hook=_check_names, parse_constant=_no_constant)
    except RecursionError as error:
        raise invalid_track("its values are nested too deeply") from error
    except ValueError as error:  # not JSON, or a number with thousands of digits
        raise invalid_track(f"not JSON: {str(error)[:200]}") from error
    try:
        given = form.model_validate_json(text)
    except ValidationError as error:
        raise invalid_track(_fault_summary(error)) from error
    _check_film(given, film)
    return given


def _check_names(pairs: list[tuple[str, object]]) -> None:
    if len(pairs) > _MAX_NAMES:
        raise ValueError(f"an object has {len(pairs)} names")
    repeated = first_repeated([name for name, _ in pairs])
    if repeated is not None:
        raise ValueError(f"the name {repeated[:50]!r} occurs twice in an object")


def first_repeated(values: Sequence[_Value]) -> _Value | None:
    """Returns the first value that occurred before, or None."""
    seen: set[_Value] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _check_film(given: GivenTrack, film: TrackedFilm) -> None:
    faults = []
    if (given.width, given.height) != (film.width, film.height):
        faults.append(
            f"drawn for {given.width} x {given.height}, but the film is displayed at "
            f"{film.width} x {film.height}"
        )
    if given.frames != film.frames:
        faults.append(f"drawn for {given.frames} frames, but the film shows {film.frames}")
    if given.film_sha256 not in (None, film.sha256):
        faults.append(f"drawn for the film of sha256 {given.film_sha256}, not {film.sha256}")
    if faults:
        raise BadRecord(Reason.PROFILE_TRACK_MISMATCH, "; ".join(faults))


def scaled_box(box: Box, given: GivenTrack, film: TrackedFilm, where: str) -> tuple[int, ...]:
    """Returns a box in thousandths of a pixel of the delivered film.

    Args:
        box: x0, y0, x1 and y1 in pixels of the film as displayed.
        given: The track, for its size.
        film: The film.
        where: What the box is, for messages.

    Raises:
        BadRecord: `profile.track_invalid` if it is empty, turned around or outside the picture.
    """
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= given.width and 0 <= y0 < y1 <= given.height):
        corners = ", ".join(f"{value:g}" for value in box)
        raise invalid_track(
            f"{where}: the box {corners} is not x0 < x1 <= {given.width} and "
            f"y0 < y1 <= {given.height}, from 0"
        )
    scaled = (*scaled_point(x0, y0, given, film), *scaled_point(x1, y1, given, film))
    if scaled[0] == scaled[2] or scaled[1] == scaled[3]:
        raise invalid_track(f"{where}: the box is smaller than a thousandth of a pixel")
    return scaled


def scaled_point(x: float, y: float, given: GivenTrack, film: TrackedFilm) -> tuple[int, int]:
    """Returns a point in thousandths of a pixel of the delivered film."""
    return (
        math.floor(x * film.delivered_width * 1000 / given.width + 0.5),
        math.floor(y * film.delivered_height * 1000 / given.height + 0.5),
    )


def _fault_summary(error: ValidationError) -> str:
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = len(faults) - _MAX_LISTED_FAULTS
    return "; ".join(faults[:_MAX_LISTED_FAULTS]) + (f"; and {more} more" if more > 0 else "")
