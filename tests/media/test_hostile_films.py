"""Films of every codec and container, whole, cut and damaged: each becomes a sample, a refusal or a
failure with its reason, and no child crashes, hangs or takes more memory than it may.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
import pytest

from pipelines.features.guard import this_guard
from pipelines.media.sniff import sniff_format
from schemas.errors import BadRecord
from tests.bench.every_format import LIMITS, Outcome, films, outcome, peak_bytes
from tests.media.media_samples import film, turned_film
from tests.media.test_films import EDITABLE, edited_film
from tests.media.test_stretches import made, moving, tone

# Bytes: what decoding a film may take, and what the child has at its start.
_MAX_PEAK = LIMITS.decode_memory_bytes + (1 << 29)
_CONTAINERS = {  # with a codec of pictures that each takes
    **dict.fromkeys(("avi", "matroska", "mpegts", "nut", "3gp"), "mpeg4"),
    **{"webm": "libvpx-vp9", "flv": "flv", "mpeg": "mpeg2video", "mxf": "mpeg2video"},
    **{"asf": "wmv2", "ogg": "vp8", "rm": "rv10", "gif": "gif", "apng": "apng", "ivf": "vp8"},
}
_DAMAGED = 24  # copies of each film


def other_containers() -> Iterator[tuple[str, bytes]]:
    """Yields a film in each container that is neither MP4 nor QuickTime, where FFmpeg makes one."""
    for name, codec in _CONTAINERS.items():
        out = io.BytesIO()
        try:
            with av.open(out, "w", format=name) as file:
                stream: Any = file.add_stream(codec, rate=25)
                stream.width, stream.height = 176, 144
                if codec == "gif":
                    stream.pix_fmt = "rgb8"
                for number in range(12):
                    pixels = np.full((144, 176, 3), 10 * number, np.uint8)
                    file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
                file.mux(stream.encode(None))
        except (av.FFmpegError, ValueError):
            continue
        yield name, out.getvalue()


def odd_films() -> Iterator[tuple[str, bytes]]:
    """Yields films with sound, edit lists, turns and the index at the end."""
    yield "sound", made(moving(24), tone(1, 0.3))
    yield "edited", edited_film(EDITABLE, (1000, 1024 + 12_288, 1 << 16))
    yield "turned", turned_film(film())
    yield "index last", film(flags="")
    yield "fragments", film(flags="frag_keyframe+empty_moov")
    yield "no frames", film(frames=1)


def damaged(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yields copies that are cut, have flipped bits, or have other numbers in their index."""
    rng = np.random.default_rng(seed)
    index = max(0, data.find(b"moov"))
    for number in range(count):
        changed = bytearray(data)
        if number % 3 == 0:
            yield data[: int(rng.integers(1, len(data)))]
            continue
        start = index if number % 3 == 1 else 0
        for at in rng.integers(start, len(data), int(rng.integers(1, 12))).tolist():
            changed[at] = int(rng.integers(0, 256))
        if number % 6 == 1:  # a large number in a table
            at = int(rng.integers(index, len(data) - 4))
            changed[at : at + 4] = int(rng.integers(0, 1 << 32)).to_bytes(4)
        yield bytes(changed)


def check(name: str, data: bytes) -> Outcome:
    """Gives a file to the child, checks what became of it, and cuts it if it is a film."""
    found = outcome(name, data)
    assert found.result == "sample" or ":" in found.reason, (name, found)
    assert "the child " not in found.reason, (name, found)
    assert peak_bytes() < _MAX_PEAK, (name, peak_bytes())
    fmt = sniff_format(data)
    if found.result == "sample" and fmt in ("mp4", "mov"):
        for way in ("keyframe-copy", "exact"):
            try:
                clips = this_guard().clips(data, fmt, [(0, 8), (2, 12), (4, 5000)], way, LIMITS)
            except BadRecord as bad:
                assert "the child " not in bad.detail, (name, way, bad.detail)
            else:
                assert all(bool(clip.data) != bool(clip.problem) for clip in clips)
    return found


def results(files: Sequence[tuple[str, bytes]]) -> Counter[str]:
    return Counter(check(name, data).result for name, data in files)


def test_odd_films_and_a_few_damaged_copies() -> None:
    odd = list(odd_films())
    assert results(odd) == {"sample": len(odd)}
    copies = [(name, copy) for name, data in odd[:3] for copy in damaged(data, 7, 4)]
    assert results(copies)["failure"] > 0


@pytest.mark.slow
def test_films_of_every_codec_and_container() -> None:
    assert results([*films(), *odd_films()])["sample"] > 20
    # What is no MP4, QuickTime or picture is not delivered.
    others = Counter(
        found.result
        for name, data in other_containers()
        if (found := check(name, data)).format == "other"
    )
    assert set(others) == {"failure"} and others["failure"] > 6


@pytest.mark.slow
def test_damaged_films_of_every_codec() -> None:
    taken: Counter[str] = Counter()
    whole = [*films(), *odd_films(), *other_containers()]
    for seed, (name, data) in enumerate(whole):
        taken += results([(name, copy) for copy in damaged(data, seed, _DAMAGED)])
    assert taken["failure"] > taken["sample"] > 0
