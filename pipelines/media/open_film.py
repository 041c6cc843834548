"""Opens films: finds the picture track, and reads how its frames are displayed."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from pipelines.media.film_facts import pixel_aspect
from pipelines.media.open_picture import check_pixels
from schemas.errors import BadRecord
from schemas.reasons import Reason

# An allow-list, because FFmpeg has decoders for hundreds of formats that nobody delivers.
_CODECS = frozenset(
    {
        *("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video"),
        *("prores", "mjpeg", "dnxhd", "cfhd", "dvvideo"),  # of editing programs
        *("png", "qtrle"),  # with transparency, which is ignored as players do
    }
)
_CODEC_REMEDY = "export it as H.264, HEVC, AV1, ProRes or PhotoJPEG"
# What a display matrix does to a frame, by the signs of its entries a, b, c and d: a point (x, y),
# y downwards, is shown at (a x + c y, b x + d y).
_TRANSPOSES = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
SIDEWAYS = frozenset(
    {
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
    }
)
_MATRIX = struct.Struct("=9i")
_STEPS_BACK_S = (0, 4, 32)


def open_film(data: bytes, **options: str) -> InputContainer:
    """Opens a film. One demuxer reads MP4 and QuickTime."""
    return av.open(
        io.BytesIO(data), mode="r", format="mp4", options=options, metadata_errors="replace"
    )


def film_stream(container: InputContainer) -> VideoStream:
    """Returns the first video track that is a film; a cover picture is stored as a track too."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise BadRecord(Reason.MEDIA_UNDECODABLE, "there is no video track")


def check_stream(stream: VideoStream, max_pixels: int) -> None:
    """Checks a picture track before anything is decoded, and has it decoded on one thread.

    Raises:
        BadRecord: `media.too_large`, `media.unsupported_format` or `media.undecodable`.
    """
    codec = stream.codec_context.name
    canonical = stream.codec_context.codec.canonical_name
    if canonical not in _CODECS and codec not in _CODECS:
        detail = f"video codec {canonical}; {_CODEC_REMEDY}"
        raise BadRecord(Reason.MEDIA_UNSUPPORTED_FORMAT, detail)
    if stream.width <= 0 or stream.height <= 0:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "the video track has no size")
    check_pixels(stream.width, stream.height, max_pixels)
    check_pixels(*displayed_size(stream), max_pixels)
    # One thread, so that memory use and results do not depend on the machine.
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1


def frames_from(container: InputContainer, stream: VideoStream, tick: int) -> Iterator[VideoFrame]:
    """Yields a film's frames from the one that is shown at a tick on.

    They are decoded from the keyframe before it. Where pictures are refreshed bit by bit, only
    later frames can be decoded from what the file calls a keyframe; then decoding begins earlier.
    If no frame is shown at the tick, they are those after it.
    """
    for seconds in (*_STEPS_BACK_S, None):
        earlier = None if seconds is None else tick - round(seconds / (stream.time_base or 1))
        if earlier is None or (seconds and earlier <= 0):
            container.seek(0)
        else:
            container.seek(earlier, stream=stream)
        frames = _from_tick(container, stream, tick)
        first = next(frames, None)
        if seconds is None or (first is not None and first.pts == tick):
            break
    if first is not None:
        yield first
        yield from frames


def _from_tick(container: InputContainer, stream: VideoStream, tick: int) -> Iterator[VideoFrame]:
    for frame in container.decode(stream):
        if frame.pts is not None and frame.pts >= tick:
            yield frame


def turn_of(frame: VideoFrame) -> Image.Transpose | None:
    """Returns how a frame is turned or mirrored to be displayed."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d, *_ = _MATRIX.unpack(bytes(cast("SideData", matrix))[: _MATRIX.size])
    largest = max(map(abs, (a, b, c, d)))
    # Entries that are small beside the largest come from rounding.
    signs = tuple((2 * entry > largest) - (2 * entry < -largest) for entry in (a, b, c, d))
    return _TRANSPOSES.get(signs)


def displayed_size(stream: VideoStream) -> tuple[int, int]:
    """Returns a frame's size in square pixels, before it is turned."""
    return max(1, round(stream.width * pixel_aspect(stream))), stream.height
