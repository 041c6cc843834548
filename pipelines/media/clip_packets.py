"""Reads a film's compressed pictures, and finds which of them can be copied into a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from pipelines.media.stretches import FrameRange

if TYPE_CHECKING:
    AnyPacket = Packet[VideoStream] | Packet[AudioStream]

NO_KEYFRAME = "no keyframe lies in it"
ONE_FRAME = "fewer than two frames can be copied"


@dataclass(frozen=True)
class ShownFrames:
    """A film's packets of pictures in the order of the file, and the times of its frames in order.

    Attributes:
        packets: Those that are shown.
        ticks: The times at which frames are shown, ascending.
        ends: The times at which they end.
    """

    packets: list[AnyPacket]
    ticks: list[int]
    ends: list[int]


def read_packets(container: InputContainer, stream: VideoStream) -> ShownFrames:
    """Reads a picture track's packets, without those that an edit list hides."""
    packets: list[AnyPacket] = [
        packet
        for packet in container.demux(stream)
        if packet.size and packet.pts is not None and not packet.is_discard
    ]
    spans = sorted(
        (time_of(packet), time_of(packet) + (packet.duration or 0)) for packet in packets
    )
    ticks = [start for start, _ in spans]
    # A frame is shown until the next one, whatever its packet says; the last one as long as any is,
    # since packets are as long as the steps in which they are decoded.
    last = [max(end for _, end in spans)] if spans else []
    return ShownFrames(packets, ticks, [*ticks[1:], *last])


def time_of(packet: AnyPacket) -> int:
    """Returns when a packet of pictures is shown, in ticks of its track."""
    if packet.pts is None:
        raise AssertionError("packets without a time were left out")
    return packet.pts


def copied_range(shown: ShownFrames, first: int, end: int) -> FrameRange | str:
    """Returns the frames that can be copied, or why none can."""
    last_tick = shown.ticks[end - 1]
    at = next(
        (
            number
            for number, packet in enumerate(shown.packets)
            if packet.is_keyframe and shown.ticks[first] <= time_of(packet) <= last_tick
        ),
        None,
    )
    if at is None:
        return NO_KEYFRAME
    start = shown.ticks.index(time_of(shown.packets[at]))
    seen: set[int] = set()
    best, latest = start, shown.ticks[start]
    for packet in shown.packets[at:]:
        tick = time_of(packet)
        if tick < shown.ticks[start]:
            continue  # shown before the keyframe, by what comes before it
        if tick > last_tick:
            break
        seen.add(tick)
        latest = max(latest, tick)
        if latest == shown.ticks[start + len(seen) - 1]:
            best = start + len(seen)
    return (start, best) if best - start > 1 else ONE_FRAME


def copy_of(packet: AnyPacket) -> AnyPacket:
    """Returns a packet with the same bytes for another file; it has no times yet."""
    copied = cast("AnyPacket", Packet(bytes(packet)))
    copied.time_base, copied.duration = packet.time_base, packet.duration
    copied.is_keyframe = packet.is_keyframe
    return copied


def film_options(base: Fraction) -> dict[str, str]:
    """Returns the options of a file whose times are those of a track with ticks of this length."""
    options = {"fflags": "+bitexact"}
    if base.numerator == 1:
        # The second is the unit of the edit list, which states the length of a track whose frames
        # are not decoded in the order in which they are shown.
        options["video_track_timescale"] = str(base.denominator)
        options["movie_timescale"] = str(base.denominator)
    return options


def end_exactly(pictures: Sequence[AnyPacket], length_s: Fraction) -> None:
    """Has a track of pictures end after a length in seconds.

    FFmpeg takes the shorter of two lengths: that of the edit list, up to the latest end of a
    picture, and that of the media, from the first time of decoding to the last one and its
    duration. Where pictures are decoded in another order than they are shown in, the two differ.
    """
    if not pictures:
        return
    first, last = pictures[0], pictures[-1]
    ticks = length_s / base_of(last)
    if first.dts is None or last.dts is None or ticks.denominator != 1:
        return
    end = min(map(time_of, pictures)) + int(ticks)
    if end <= max(map(time_of, pictures)):
        return
    shown_last = max(pictures, key=time_of)
    for packet in pictures:
        left = end - time_of(packet)
        is_last = packet is last or packet is shown_last
        packet.duration = left if is_last else min(packet.duration or left, left)
    # The first picture may be decoded earlier; nothing is shown earlier for that.
    first.dts -= max(0, int(ticks) - (last.dts + (last.duration or 0) - first.dts))


def base_of(packet: AnyPacket) -> Fraction:
    """Returns the length of a packet's ticks in seconds."""
    return packet.time_base or Fraction(1)


def decoding_time(packet: AnyPacket) -> tuple[Fraction, int]:
    """Returns when a packet is decoded, in seconds, and its track: packets are written so."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    return (ticks or 0) * base_of(packet), packet.stream_index
