"""Reads an agency's depth maps of a film, and makes the member that its sample carries.

A file is what `numpy.savez_compressed(file, depth=maps, about=json.dumps({...}))` writes: `about`
says what film the maps are of, in which unit and by whom. Runs in the guarded child process. Maps
are read one by one, so that memory does not depend on what a file claims to unpack to.
"""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Annotated, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy
from pydantic import Field

from pipelines.format.npy import Halves, npy_bytes
from pipelines.media.track_files import (
    FrameNumber,
    GivenTrack,
    TrackedFilm,
    invalid_track,
    read_given,
)
from schemas.deal_structure import rows_of_film
from schemas.errors import BadRecord
from schemas.profiles.depth import MAX_DEPTH_BYTES, DepthFacts, DepthUnit
from schemas.reasons import Reason

_ABOUT, _DEPTH = "about.npy", "depth.npy"
_MAX_ABOUT_BYTES = 16 << 20
_TYPES = ("<f2", "<f4")
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, struct.error, KeyError, SyntaxError),
    *(TypeError, tokenize.TokenError),  # NumPy's, of a header
)

Shape = tuple[int, int, int]
Map = npt.NDArray[np.float32]


class GivenDepth(GivenTrack):
    """What a file says about its maps."""

    format: Literal["fairshard-depth-1"]
    unit: DepthUnit
    every: Annotated[int, Field(ge=1, le=10_000)] = 1
    times_ms: Annotated[list[FrameNumber] | None, Field(fail_fast=True, max_length=1 << 20)] = None


def read_depth(
    data: bytes, film: TrackedFilm, every: int
) -> tuple[bytes, DepthFacts, list[int] | None]:
    """Reads a file of depth maps.

    Args:
        data: The file.
        film: Its film.
        every: The maps of every n-th frame are wanted.

    Returns:
        The member, a .npy file of float16, [maps, height, width]; what the sample says about it;
        and when the wanted frames are shown, in milliseconds, if the file says so.

    Raises:
        BadRecord: `profile.track_invalid` or `profile.track_mismatch`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            names = sorted(one.filename for one in file.infolist())
            if names != [_ABOUT, _DEPTH]:
                listed = ", ".join(names[:4])[:200]
                raise invalid_track(f"it has {listed or 'nothing'}, not just depth and about")
            given = read_given(_about(file), GivenDepth, film)
            with file.open(_DEPTH) as maps:
                return _read_maps(maps, given, film, every)
    except MemoryError:
        raise
    except _BROKEN as error:
        detail = f"not a .npz file of depth maps: {type(error).__name__}: {str(error)[:200]}"
        raise invalid_track(detail) from error


def _about(file: zipfile.ZipFile) -> bytes:
    """Returns the JSON in a file, as UTF-8."""
    with file.open(_ABOUT) as member:
        data = member.read(_MAX_ABOUT_BYTES + 1)
    if len(data) > _MAX_ABOUT_BYTES:
        raise invalid_track(f"about has more than {_MAX_ABOUT_BYTES} bytes")
    text = npy.read_array(io.BytesIO(data), allow_pickle=False)
    if text.shape != () or text.dtype.kind != "U":
        raise invalid_track("about is not one text: write about=json.dumps({...})")
    return str(text[()]).encode("utf-8")


def _read_maps(
    file: IO[bytes], given: GivenDepth, film: TrackedFilm, every: int
) -> tuple[bytes, DepthFacts, list[int] | None]:
    shape, kind = _header(file)
    step = _step(given, every)
    _check_shape(shape, given, film, rows_of_film(film.frames, every))
    kept = [
        _checked(values, number * given.every)
        for number, values in enumerate(_maps(file, shape, kind))
        if number % step == 0
    ]
    if not any(one.any() for one in kept):
        raise invalid_track("every value is 0, which means that nothing is known")
    facts = DepthFacts(
        depth_height=shape[1],
        depth_width=shape[2],
        depth_unit=given.unit,
        depth_source=given.source.kind,
        depth_tracker=given.source.name,
        depth_tracker_version=given.source.version,
    )
    times = given.times_ms
    return npy_bytes(np.stack(kept)), facts, None if times is None else times[::step]


def _header(file: IO[bytes]) -> tuple[Shape, str]:
    version = npy.read_magic(file)
    if version != (1, 0):
        raise invalid_track(f"depth is in version {version} of NumPy's format, not 1.0")
    shape, by_column, kind = npy.read_array_header_1_0(file)
    if kind.str not in _TYPES or by_column or len(shape) != 3 or min(shape) < 1:
        said = f"{kind.str} {shape}{' in Fortran order' if by_column else ''}"
        raise invalid_track(
            f"depth is {said}, not <f2 or <f4 with the shape (maps, height, width) in C order"
        )
    return shape, kind.str


def _step(given: GivenDepth, every: int) -> int:
    if every % given.every:
        detail = f"maps of every {given.every} frames, and the deal's structure.every is {every}"
        raise BadRecord(Reason.PROFILE_TRACK_MISMATCH, detail)
    return every // given.every


def _check_shape(shape: Shape, given: GivenDepth, film: TrackedFilm, kept: int) -> None:
    maps, height, width = shape
    expected = rows_of_film(film.frames, given.every)
    faults = []
    if maps != expected:
        faults.append(f"{maps} maps, but {expected} frames, one in {given.every}, are expected")
    if given.times_ms is not None and len(given.times_ms) != maps:
        faults.append(f"{len(given.times_ms)} times for {maps} maps")
    if width > film.width or height > film.height:
        faults.append(f"maps of {width} x {height}, larger than the film")
    elif abs(width * film.height - height * film.width) > max(film.width, film.height):
        faults.append(f"maps of {width} x {height}, which is another shape than the film's")
    if faults:
        raise BadRecord(Reason.PROFILE_TRACK_MISMATCH, "; ".join(faults))
    if 2 * kept * height * width > MAX_DEPTH_BYTES:
        raise invalid_track(
            f"{kept} maps of {width} x {height} are more than {MAX_DEPTH_BYTES} bytes: make them "
            "smaller, or use a larger structure.every"
        )


def _maps(file: IO[bytes], shape: Shape, kind: str) -> Iterator[Map]:
    """Yields each map; what is behind the last one, or a wrong checksum, is a fault."""
    size = shape[1] * shape[2] * np.dtype(kind).itemsize
    for number in range(shape[0]):
        packed = file.read(size)
        if len(packed) != size:
            raise invalid_track(f"depth ends in map {number} of {shape[0]}")
        yield np.frombuffer(packed, kind).reshape(shape[1:]).astype("<f4")
    if file.read(1):
        raise invalid_track(f"depth goes on behind its {shape[0]} maps")


def _checked(values: Map, frame: int) -> Halves:
    """Returns a map in half precision."""
    with np.errstate(over="ignore"):
        halves: Halves = values.astype("<f2")
    if not np.isfinite(halves).all() or (values < 0).any():
        raise invalid_track(
            f"the map of frame {frame} has values that are not from 0 to 65504: write 0 where the "
            "depth is not known"
        )
    return halves
