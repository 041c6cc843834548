"""Reads the packets of a film's picture track: how many frames it has, and which are keyframes."""

from __future__ import annotations

from dataclasses import dataclass

from av.container import InputContainer
from av.video.stream import VideoStream

from pipelines.media.open_film import open_film
from schemas.errors import BadRecord
from schemas.reasons import Reason


@dataclass(frozen=True)
class PacketIndex:
    """Frame count and times read from the packets; times are in the stream's ticks.

    Attributes:
        frame_count: How many frames are shown.
        keyframes: The times of the keyframes, ascending.
        start: When the first frame is shown.
        end: When the last frame ends.
        picture_bytes: The size of all shown packets.
    """

    frame_count: int
    keyframes: tuple[int, ...]
    start: int
    end: int
    picture_bytes: int


def check_whole_track(data: bytes, stream: VideoStream) -> None:
    """Checks that all frames that a track lists are there, shown or not.

    An edit list may leave out frames; those that it shows are decoded and counted later.

    Raises:
        BadRecord: `media.undecodable`.
    """
    with open_film(data, ignore_editlist="1") as container:
        track = container.streams[stream.index]
        found = sum(packet.size > 0 and not packet.is_corrupt for packet in container.demux(track))
    if found < stream.frames:
        raise BadRecord(
            Reason.MEDIA_UNDECODABLE, f"only {found} of {stream.frames} frames are in the file"
        )


def read_index(container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Reads every packet of a picture track.

    Raises:
        BadRecord: `media.undecodable`.
    """
    packets = discarded = picture_bytes = 0
    keyframes: list[int] = []
    ends: list[int] = []
    starts: list[int] = []
    for packet in container.demux(stream):
        if packet.size == 0 or packet.pts is None:
            continue
        packets += 1
        if packet.is_discard:  # removed by the file's own edit list
            discarded += 1
            continue
        picture_bytes += packet.size
        starts.append(packet.pts)
        ends.append(packet.pts + (packet.duration or 0))
        if packet.is_keyframe:
            keyframes.append(packet.pts)
    if not starts or not keyframes:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "the video track has no frames or no keyframe")
    return PacketIndex(
        packets - discarded, tuple(sorted(keyframes)), min(starts), max(ends), picture_bytes
    )


def nearest_keyframes(index: PacketIndex, count: int) -> list[int]:
    """Returns the keyframes nearest to the middles of `count` equal parts; some may repeat."""
    span = index.end - index.start
    sample_ticks = []
    for part in range(count):
        target = index.start + span * (2 * part + 1) // (2 * count)
        sample_ticks.append(min(index.keyframes, key=lambda tick: (abs(tick - target), tick)))
    return sample_ticks
