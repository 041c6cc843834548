"""Makes renditions of films. Runs only in the guarded child process, because decoders can crash.

- `remux` copies the compressed pictures into an MP4 as they are.
- `transcode` encodes them again as they are displayed: upright, with square pixels of eight bits,
  at most as long on the longer side as the deal says.

In both, sound is copied or left out, other tracks are left out, and every frame is shown as long as
it was. The result is read again; a remux whose packets, or a transcode whose frames, are not those
of the film at their times is not returned.
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
    decoding_time,
    end_exactly,
    film_options,
    read_packets,
    time_of,
)
from pipelines.media.dimensions import fitted_size
from pipelines.media.encode_frames import AV1, VP9, Encoder, FilmCodec, FrameEncoder
from pipelines.media.film_facts import audio_codec, bitrate_bps
from pipelines.media.open_film import (
    SIDEWAYS,
    check_stream,
    displayed_size,
    film_stream,
    open_film,
    turn_of,
)
from pipelines.media.open_picture import check_pixels
from schemas.errors import BadRecord
from schemas.reasons import Reason

if TYPE_CHECKING:
    from pipelines.media.clip_packets import AnyPacket

ENCODERS: dict[FilmCodec, Encoder] = {"vp9": VP9, "av1": AV1}
_LAYOUTS = ("yuv420p",)  # what every player and decoder in hardware takes


@dataclass(frozen=True)
class FilmSettings:
    """How films are rendered.

    Attributes:
        way: Whether pictures are copied or encoded again.
        codec: Of pictures that are encoded again.
        side: The longest side that they may have, in pixels.
        keeps_sound: Whether sound is copied.
    """

    way: Literal["remux", "transcode"]
    codec: FilmCodec
    side: int
    keeps_sound: bool


@dataclass(frozen=True)
class RenderedFilm:
    """A rendition and its facts.

    Attributes:
        data: The file.
        width: As displayed, in pixels.
        height: As displayed, in pixels.
        codec: FFmpeg's name of the pictures' codec.
        audio_codec: Of the sound; "" without sound.
        bitrate_bps: Bits a second of the picture track.
    """

    data: bytes
    width: int
    height: int
    codec: str
    audio_codec: str
    bitrate_bps: int


def missing_encoder(codec: FilmCodec) -> str:
    """Returns the encoder that a codec needs, if this build of PyAV does not have it; else ""."""
    name = ENCODERS[codec].name
    return "" if name in av.codecs_available else name


def render_film(data: bytes, max_pixels: int, settings: FilmSettings) -> RenderedFilm:
    """Returns the rendition of a film, without metadata.

    Args:
        data: The film.
        max_pixels: The most pixels that a frame may have.
        settings: How it is rendered.

    Raises:
        BadRecord: `media.too_large`, `media.undecodable` or `rendition.not_made`.
    """
    with open_film(data) as container:
        stream = film_stream(container)
        check_stream(stream, max_pixels)
        shown = read_packets(container, stream)
        if not shown.ticks or stream.time_base is None:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "the video track has no frames")
        container.seek(0)
        writer = _Writer(data, container, stream, shown, max_pixels, settings)
        return _checked(writer.write(), stream, shown, settings)


class _Writer:
    """Writes one film."""

    def __init__(
        self,
        data: bytes,
        container: InputContainer,
        stream: VideoStream,
        shown: ShownFrames,
        max_pixels: int,
        settings: FilmSettings,
    ) -> None:
        self._data, self._container = data, container
        self._stream, self._shown = stream, shown
        self._max_pixels, self._settings = max_pixels, settings
        self._start, self._end = shown.ticks[0], shown.ends[-1]
        self._base = cast("Fraction", stream.time_base)

    def write(self) -> bytes:
        out = io.BytesIO()
        with av.open(out, "w", format="mp4", options=film_options(self._base)) as file:
            is_copied = self._settings.way == "remux"
            pictures = list(self._copied(file) if is_copied else self._encoded(file))
            if not is_copied:
                end_exactly(pictures, (self._end - self._start) * self._base)
            sound = self._sound(file) if self._settings.keeps_sound else []
            for packet in sorted([*pictures, *sound], key=decoding_time):
                file.mux(packet)
        return out.getvalue()

    def _copied(self, file: OutputContainer) -> Iterator[AnyPacket]:
        codec = self._stream.codec_context.codec.canonical_name
        _check_codec(file, codec, 'pictures cannot be copied into MP4; use films = "transcode"')
        target = file.add_stream_from_template(self._stream, opaque=True)
        for packet in _needed(self._container, self._stream):
            packet.pts = time_of(packet) - self._start
            packet.dts = None if packet.dts is None else packet.dts - self._start
            packet.stream = target
            yield packet

    def _encoded(self, file: OutputContainer) -> Iterator[AnyPacket]:
        ends = dict(zip(self._shown.ticks, self._shown.ends, strict=True))
        encoder: FrameEncoder | None = None
        for frame in self._container.decode(self._stream):
            if frame.is_corrupt or frame.pts not in ends:
                raise BadRecord(Reason.MEDIA_UNDECODABLE, "a frame is damaged, or at no known time")
            check_pixels(frame.width, frame.height, self._max_pixels)
            encoder = encoder or self._encoder(file, frame)
            length = ends.pop(frame.pts) - frame.pts
            yield from encoder.encode(frame, frame.pts - self._start, length)
        if encoder is None or ends:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, f"{len(ends)} frames cannot be decoded")
        yield from encoder.finish()

    def _encoder(self, file: OutputContainer, frame: VideoFrame) -> FrameEncoder:
        size = displayed_size(self._stream)
        is_turned = turn_of(frame) in SIDEWAYS
        upright = fitted_size(size[::-1] if is_turned else size, self._settings.side)
        stored = upright[::-1] if is_turned else upright
        encoder = ENCODERS[self._settings.codec]
        return FrameEncoder(file, self._stream, encoder, _LAYOUTS, stored, self._base)

    def _sound(self, file: OutputContainer) -> list[AnyPacket]:
        """Copies all tracks of sound, read from the start: some lies before the pictures."""
        packets: list[AnyPacket] = []
        for number in range(len(self._container.streams.audio)):
            with open_film(self._data) as container:
                packets += self._heard(file, container, container.streams.audio[number])
        return packets

    def _heard(
        self, file: OutputContainer, container: InputContainer, track: AudioStream
    ) -> Iterator[AnyPacket]:
        codec = track.codec_context.codec.canonical_name if track.codec_context else "unknown"
        _check_codec(file, codec, 'sound cannot be copied into MP4; use audio = "drop"')
        target, base = file.add_stream_from_template(track), track.time_base
        if base is None:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "a sound track has no time base")
        offset = round(self._start * self._base / base)
        for packet in container.demux(track):
            if packet.size and packet.pts is not None:
                packet.pts -= offset
                packet.dts = packet.pts if packet.dts is None else packet.dts - offset
                packet.stream = target
                yield packet


def _check_codec(file: OutputContainer, codec: str, remedy: str) -> None:
    if codec not in file.supported_codecs:
        raise BadRecord(Reason.RENDITION_NOT_MADE, f"{codec} {remedy}")


def _needed(container: InputContainer, stream: VideoStream) -> Sequence[AnyPacket]:
    """Returns the packets of all shown frames, and the hidden ones that the first are made from."""
    packets: list[AnyPacket] = [
        packet for packet in container.demux(stream) if packet.size and packet.pts is not None
    ]
    shown = [number for number, packet in enumerate(packets) if not packet.is_discard]
    keyframes = [number for number in range(shown[0] + 1) if packets[number].is_keyframe]
    return packets[keyframes[-1] if keyframes else shown[0] : shown[-1] + 1]


def _checked(
    made: bytes, source: VideoStream, shown: ShownFrames, settings: FilmSettings
) -> RenderedFilm:
    """Reads a rendition again, and returns it if it shows the film's frames at their times."""
    base = cast("Fraction", source.time_base)
    with open_film(made) as container:
        stream = film_stream(container)
        stream.thread_type = "NONE"
        found = read_packets(container, stream)
        own = stream.time_base or Fraction(0)
        length = (shown.ends[-1] - shown.ticks[0]) * base
        # FFmpeg guesses how long VP9's last frame is shown; the track says it.
        lengths = [(found.ends[-1] - found.ticks[0]) * own, (stream.duration or 0) * own]
        is_same = _times(found, own) == _times(shown, base) and length in lengths
        if settings.way == "remux":
            pairs = zip(found.packets, shown.packets, strict=True)
            is_same = is_same and all(bytes(one) == bytes(other) for one, other in pairs)
        else:
            container.seek(0)
            decoded = [frame.pts for frame in container.decode(stream) if not frame.is_corrupt]
            is_same &= decoded == found.ticks
        if not is_same:
            detail = "it would have other frames than the film, or show them at other times"
            raise BadRecord(Reason.RENDITION_NOT_MADE, detail)
        first = _first_frame(container, stream)
        size = displayed_size(stream)
        width, height = size[::-1] if turn_of(first) in SIDEWAYS else size
        sizes = sum(packet.size for packet in found.packets)
        return RenderedFilm(
            made,
            width,
            height,
            stream.codec_context.codec.canonical_name,
            audio_codec(container, has_sound=False),
            bitrate_bps(sizes, round(length * 1000)),
        )


def _times(shown: ShownFrames, base: Fraction) -> list[Fraction]:
    """Returns when frames are shown, in seconds from the first."""
    return [(tick - shown.ticks[0]) * base for tick in shown.ticks]


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    container.seek(0)
    for frame in container.decode(stream):
        return frame
    raise BadRecord(Reason.MEDIA_UNDECODABLE, "no frame can be decoded")
