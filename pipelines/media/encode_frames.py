"""Encodes a film's frames again, as they are displayed: upright, square pixels, eight bits.

Only encoders under permissive licences are used, at constant quality and on one thread, so that the
same frames give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipelines.media.open_film import turn_of
from pipelines.media.turn_frames import Turner

if TYPE_CHECKING:
    from pipelines.media.clip_packets import AnyPacket

FilmCodec = Literal["vp9", "av1"]

_COLOURS = ("color_primaries", "color_trc", "colorspace", "color_range")


@dataclass(frozen=True)
class Encoder:
    """An encoder and its settings.

    Attributes:
        name: FFmpeg's name.
        options: Its settings.
        layouts: Pixel layouts that are kept; everything else becomes the first.
    """

    name: str
    options: dict[str, str]
    layouts: tuple[str, ...]


# Constant quality that is hard to tell from the original. Of VP9, the mode for live pictures takes
# 0.4 of the time of the usual one for files that are a tenth larger, and has a fixed speed, so that
# the bytes depend on the pictures only. libvpx is under the BSD licence.
VP9 = Encoder(
    "libvpx-vp9",
    {"crf": "18", "b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "0"},
    ("yuv420p", "yuv422p", "yuv444p"),
)
# SVT-AV1 is under the BSD licence with AOMedia's patent licence.
AV1 = Encoder("libsvtav1", {"crf": "24", "preset": "9", "svtav1-params": "lp=1"}, ("yuv420p",))


class FrameEncoder:
    """Encodes frames that are given in order.

    Args:
        file: The file, to which a track is added.
        stream: The track that the frames are of.
        encoder: What encodes them.
        layouts: As `Encoder.layouts`, if others are wanted.
        size: Width and height of a frame before it is turned, in square pixels.
        base: Length of a tick in seconds.
    """

    def __init__(
        self,
        file: OutputContainer,
        stream: VideoStream,
        encoder: Encoder,
        layouts: Sequence[str],
        size: tuple[int, int],
        base: Fraction,
    ) -> None:
        self._file, self._stream, self._encoder = file, stream, encoder
        self._layouts, self._size, self._base = layouts, size, base
        self._turner: Turner | None = None
        self._target: VideoStream | None = None

    def encode(self, frame: VideoFrame, tick: int, duration: int) -> Iterator[AnyPacket]:
        """Encodes a frame that is shown at a tick for some ticks."""
        self._turner = self._turner or Turner(turn_of(frame))
        turned = self._turner.turn(self._reformatted(frame))
        if self._target is None:
            self._target = self._added(turned, frame)
        turned.pts, turned.time_base, turned.duration = tick, self._base, duration
        turned.pict_type = av.video.frame.PictureType.NONE
        yield from self._target.encode(turned)

    def finish(self) -> Iterator[AnyPacket]:
        """Returns what the encoder still holds."""
        if self._target is not None:
            yield from self._target.encode(None)

    def _reformatted(self, frame: VideoFrame) -> VideoFrame:
        """Returns a frame with square pixels, in a layout that the encoder takes."""
        layout = frame.format.name if frame.format.name in self._layouts else self._layouts[0]
        if (*self._size, layout) == (frame.width, frame.height, frame.format.name):
            return frame
        return frame.reformat(*self._size, layout, interpolation="BICUBIC")

    def _added(self, frame: VideoFrame, original: VideoFrame) -> VideoStream:
        rate = self._stream.average_rate or Fraction(25)
        options = dict(self._encoder.options)
        target = cast(
            "VideoStream", self._file.add_stream(self._encoder.name, rate=rate, options=options)
        )
        target.pix_fmt = frame.format.name
        target.width, target.height = frame.width, frame.height
        context, source = target.codec_context, self._stream.codec_context
        context.thread_count = 1
        context.time_base = self._base
        if original.format.name.startswith("yuv"):
            # Another layout may have another range, which FFmpeg then converts.
            kept = frame.format.name == original.format.name
            for name in _COLOURS if kept else _COLOURS[:-1]:
                setattr(context, name, getattr(source, name))
        return target
