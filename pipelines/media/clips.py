"""Cuts clips out of a film. Runs only in the guarded child process, because decoders can crash.

Two ways:

- `keyframe-copy` copies the compressed pictures as they are, from the first keyframe of the range
  to the last frame that can be shown without frames from behind the range. So a clip may be shorter
  than its range, by up to the distance of two keyframes, but never shows a frame outside it.
- `exact` decodes the range and encodes it again as VP9 by libvpx (BSD licence), as displayed:
  upright, with square pixels of eight bits, at constant quality and on one thread, so that the same
  film gives the same bytes.

In both, sound within the clip is copied, and every clip is decoded again: a clip with another
number of frames than it should have, or of another length, is not returned.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipelines.media.clip_packets import (
    ShownFrames,
    copied_range,
    copy_of,
    decoding_time,
    end_exactly,
    film_options,
    read_packets,
    time_of,
)
from pipelines.media.encode_frames import VP9, FrameEncoder
from pipelines.media.open_film import displayed_size, film_stream, frames_from, open_film
from pipelines.media.stretches import FrameRange

if TYPE_CHECKING:
    from pipelines.media.clip_packets import AnyPacket

Way = Literal["keyframe-copy", "exact"]

NOT_EXACT = "the clip has other frames than it should"


@dataclass(frozen=True)
class Clip:
    """One clip; `data` is empty if it cannot be cut, and `problem` then says why.

    Attributes:
        first_frame: The first frame of the film that it shows.
        end_frame: The frame after the last that it shows.
        start_ms: When its first frame is shown in the film.
        duration_ms: The length of its pictures.
        has_sound: Whether it has sound.
        problem: Why there is no clip, or "".
        data: The file.
    """

    first_frame: int
    end_frame: int
    start_ms: int
    duration_ms: int
    has_sound: bool
    problem: str
    data: bytes


def cut_clips(data: bytes, fmt: str, ranges: Sequence[FrameRange], way: Way) -> Iterator[Clip]:
    """Cuts a clip for each range of frames, in order.

    Args:
        data: The film.
        fmt: `mp4` or `mov`, the container of the clips.
        ranges: Ranges of frames, counted in the order in which they are shown.
        way: How to cut.
    """
    with open_film(data) as container:
        stream = film_stream(container)
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        shown = read_packets(container, stream)
        for first, end in ranges:
            if not 0 <= first < end <= len(shown.ticks):
                yield _failed(first, end, f"the film has {len(shown.ticks)} frames")
                continue
            cut = copied_range(shown, first, end) if way == "keyframe-copy" else (first, end)
            if isinstance(cut, str):
                yield _failed(first, end, cut)
                continue
            made = _Maker(container, stream, shown, cut, fmt, way).make()
            yield _checked(made, shown, cut, stream)


def _failed(first: int, end: int, problem: str) -> Clip:
    return Clip(first, end, 0, 0, False, problem, b"")


class _Maker:
    """Writes one clip."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        shown: ShownFrames,
        cut: FrameRange,
        fmt: str,
        way: Way,
    ) -> None:
        self._container, self._stream, self._shown, self._cut = container, stream, shown, cut
        self._fmt, self._way = fmt, way
        self._start, self._end = shown.ticks[cut[0]], shown.ends[cut[1] - 1]
        if stream.time_base is None:
            raise ValueError("the picture track has no time base")
        self._base: Fraction = stream.time_base

    def make(self) -> Clip:
        out = io.BytesIO()
        fmt = self._fmt if self._way == "keyframe-copy" else "mp4"
        with av.open(out, "w", format=fmt, options=film_options(self._base)) as file:
            by_copy = self._way == "keyframe-copy"
            pictures = list(self._copied(file) if by_copy else self._encoded(file))
            end_exactly(pictures, (self._end - self._start) * self._base)
            sound = self._sound(file)
            for packet in sorted([*pictures, *sound], key=decoding_time):
                file.mux(packet)
        tick_ms = self._base * 1000
        return Clip(
            *self._cut,
            start_ms=round((self._start - self._shown.ticks[0]) * tick_ms),
            duration_ms=round((self._end - self._start) * tick_ms),
            has_sound=bool(sound),
            problem="",
            data=out.getvalue(),
        )

    def _copied(self, file: OutputContainer) -> Iterator[AnyPacket]:
        target = file.add_stream_from_template(self._stream, opaque=True)
        last = self._shown.ticks[self._cut[1] - 1]
        started = False
        for source in self._shown.packets:
            tick = time_of(source)
            started = started or (source.is_keyframe and tick == self._start)
            if not started or tick < self._start:
                continue
            if tick > last:
                if source.is_keyframe:
                    break
                continue
            packet = copy_of(source)
            packet.pts = tick - self._start
            packet.dts = None if source.dts is None else source.dts - self._start
            packet.stream = target
            yield packet

    def _encoded(self, file: OutputContainer) -> Iterator[AnyPacket]:
        size = displayed_size(self._stream)
        encoder = FrameEncoder(file, self._stream, VP9, VP9.layouts, size, self._base)
        ends = dict(zip(self._shown.ticks, self._shown.ends, strict=True))
        for frame in self._decoded():
            tick = cast("int", frame.pts)
            yield from encoder.encode(frame, tick - self._start, ends[tick] - tick)
        yield from encoder.finish()

    def _decoded(self) -> Iterator[VideoFrame]:
        """Yields the range's frames in order."""
        last = self._shown.ticks[self._cut[1] - 1]
        for frame in frames_from(self._container, self._stream, self._start):
            if cast("int", frame.pts) > last:
                return
            yield frame

    def _sound(self, file: OutputContainer) -> list[AnyPacket]:
        """Copies the packets of sound that begin within the clip."""
        tracks = self._container.streams.audio
        if not tracks:
            return []
        track: AudioStream = tracks[0]
        base = track.time_base
        try:
            target = file.add_stream_from_template(track)
        except (av.FFmpegError, ValueError):
            return []
        if base is None:
            return []
        start, end = (at * self._base for at in (self._start, self._end))
        self._container.seek(0)
        packets: list[AnyPacket] = []
        for source in self._container.demux(track):
            if not source.size or source.pts is None or not start <= source.pts * base < end:
                continue
            packet = copy_of(source)
            packet.pts = packet.dts = round(source.pts - start / base)
            packet.stream = target
            packets.append(packet)
        return packets


def _checked(clip: Clip, shown: ShownFrames, cut: FrameRange, stream: VideoStream) -> Clip:
    """Decodes a clip, and returns it if it shows its frames at their times."""
    start = shown.ticks[cut[0]]
    film_base = cast("Fraction", stream.time_base)
    wanted = [(tick - start) * film_base for tick in shown.ticks[slice(*cut)]]
    try:
        with open_film(clip.data) as container:
            own = film_stream(container)
            own.thread_type = "NONE"
            base, length = own.time_base or Fraction(0), own.duration or 0
            times = [(frame.pts or 0) * base for frame in container.decode(own)]
    except (av.FFmpegError, ValueError):
        times, base, length = [], Fraction(0), 0
    duration = (shown.ends[cut[1] - 1] - start) * film_base
    first = times[0] if times else Fraction(0)
    exact = [time - first for time in times] == wanted
    if not exact or abs(length * base - duration) > base:
        return _failed(*cut, NOT_EXACT)
    return clip
