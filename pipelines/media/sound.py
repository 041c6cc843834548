"""Finds where a film's sound is silent: its first sound track is decoded once.

Silent is where no sample of any channel reaches a thousandth of full scale (-60 dBFS), and where
the track has no sound although it has begun or will go on. A film without a sound track has no
silence.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer

# none: no sound track; unread: one that cannot be decoded, or is in another codec.
Sound = Literal["none", "decoded", "unread"]

_LOUD_THOUSANDTHS = 1
# An allow-list, as for pictures.
_CODECS = frozenset(
    {
        *("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "flac", "opus", "vorbis", "mp2"),
        *("mp2float", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
        *("pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw"),
    }
)
_BLOCK_MS = 10  # a frame of sound is judged in blocks of about this length


def silent_spans(
    container: InputContainer, start_s: Fraction, duration_ms: int
) -> tuple[Sound, list[tuple[int, int]]]:
    """Decodes a film's sound and returns where it is silent, in milliseconds.

    Args:
        container: The film; it is read from its start.
        start_s: When its first picture is shown, in the time of its tracks.
        duration_ms: The length of its pictures; sound before and after does not count.
    """
    if not container.streams.audio:
        return "none", []
    stream = container.streams.audio[0]
    if stream.codec_context is None or stream.codec_context.codec.name not in _CODECS:
        return "unread", []
    stream.codec_context.thread_count = 1
    silent: list[tuple[int, int]] = []
    quiet_from = 0
    try:
        container.seek(0)
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None or not frame.sample_rate:
                return "unread", []
            at_s = frame.pts * frame.time_base - start_s
            for first, end in _loud_spans(frame):
                start_ms = round(1000 * (at_s + Fraction(first, frame.sample_rate)))
                end_ms = round(1000 * (at_s + Fraction(end, frame.sample_rate)))
                if start_ms > quiet_from:
                    silent.append((quiet_from, min(start_ms, duration_ms)))
                quiet_from = max(quiet_from, end_ms)
    except (av.FFmpegError, ValueError):
        return "unread", []
    silent.append((quiet_from, duration_ms))
    return "decoded", [span for span in silent if span[0] < span[1]]


def _loud_spans(frame: AudioFrame) -> list[tuple[int, int]]:
    """Returns the parts of a frame of sound that are not silent, in samples."""
    peaks = _peaks(frame)
    block = max(1, frame.sample_rate * _BLOCK_MS // 1000)
    starts = np.arange(0, len(peaks), block)
    if not len(starts):
        return []
    loud = np.maximum.reduceat(peaks, starts) * 1000 >= _LOUD_THOUSANDTHS
    return [(at * block, min((at + 1) * block, len(peaks))) for at in np.flatnonzero(loud).tolist()]


def _peaks(frame: AudioFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns the largest magnitude of all channels for each sample; full scale is 1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scaled = samples.astype(np.float64)
    if samples.dtype == np.uint8:
        scaled = (scaled - 128) / 128
    elif samples.dtype.kind == "i":
        scaled /= 2 ** (8 * samples.itemsize - 1)
    return np.asarray(np.nan_to_num(np.abs(scaled)).max(axis=0))
