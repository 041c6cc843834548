"""Gives files of every kind to the guarded decoder, and prints what became of each.

    python -m tests.bench.every_format FOLDER

The folder is that of Pillow's test images (`Tests/images` of its source distribution, which `pip
download --no-binary pillow pillow` fetches). Films of every codec that FFmpeg can encode here are
made first, in MOV and MP4. Each file must be a sample, a refusal or a failure with a reason; what
its metadata state is read in the child as well, as a run does. Printed are the outcomes by format
and reason, and the largest memory and longest time that a file took.
"""

from __future__ import annotations

import argparse
import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipelines.features.guard import this_guard
from pipelines.features.prepare import PreparedMedia, prepare_media
from pipelines.media.formats import media_type_of
from pipelines.media.limits import MediaLimits
from pipelines.media.sniff import sniff_format
from pipelines.signals.file.trust import NO_TRUST
from schemas.errors import BadRecord
from schemas.signal import AssertionKind

LIMITS = MediaLimits(max_bytes=2**30, max_pixels=178_956_970)
_SIZES = ((96, 64), (720, 576), (1280, 720), (176, 144))
_LAYOUTS = ("yuv420p", "yuvj420p", "yuv422p", "yuv422p10le", "yuv444p", "rgb24", "rgba", "pal8")
_FRAMES = 12


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        name: Its name.
        format: Its format; "other" if it is in none.
        result: `sample`, `refusal` or `failure`.
        reason: The reason, with its detail; "" of a sample.
        seconds: How long it took.
    """

    name: str
    format: str
    result: str
    reason: str
    seconds: float


def films() -> Iterator[tuple[str, bytes]]:
    """Yields films of every codec that can be encoded in MOV and MP4, with their names."""
    for container in ("mov", "mp4"):
        for codec in sorted(av.codecs_available):
            try:
                encoder = av.Codec(codec, "w")
            except ValueError:  # it decodes only
                continue
            if encoder.type == "video":
                made = next(_encoded(encoder, container), None)
                if made is not None:
                    yield f"{codec}.{container}", made


def _encoded(encoder: av.Codec, container: str) -> Iterator[bytes]:
    """Yields a film in each size and pixel format that the encoder takes, likely ones first."""
    offered = [layout.name for layout in encoder.video_formats or []]
    layouts = [name for name in _LAYOUTS if name in offered] + offered[:1]
    for size in _SIZES:
        for layout in layouts[:3]:
            try:
                yield _film(encoder.name, container, layout, size)
            except (av.FFmpegError, ValueError, TypeError, AttributeError):
                continue


def _film(codec: str, container: str, layout: str, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = layout
        for number in range(_FRAMES):
            pixels = np.full((size[1], size[0], 3), 10 * number, np.uint8)
            pixels[8:24, number : number + 16] = (255, 40, 40)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


def outcome(name: str, data: bytes) -> Outcome:
    """Prepares a file as a run does, and reads what it states."""
    started = time.monotonic()
    fmt = sniff_format(data)
    prepared: PreparedMedia | None = None
    result, reason = "sample", ""
    try:
        prepared = prepare_media(data, "", media_type_of(fmt) if fmt else "image", None, LIMITS)
    except BadRecord as bad:
        result, reason = "failure", f"{bad.reason}: {bad.detail}"
    if prepared is not None and fmt is not None:
        reading = this_guard().signals(data, fmt, NO_TRUST, LIMITS)
        unjudged = [item for item in reading.claims if item.kind is AssertionKind.UNJUDGED]
        if reading.faults:
            result, reason = "refusal", f"file.unreadable: {reading.faults[0].detail}"
        elif unjudged:
            result, reason = "refusal", f"file.unjudged_content: {unjudged[0].value}"
    return Outcome(name, fmt or "other", result, reason, time.monotonic() - started)


def peak_bytes() -> int:
    """Returns the most memory that this thread's child has held since it started."""
    pid = this_guard().pid
    if pid is None:
        return 0
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    peak = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(peak.split()[1]) * 1024


def print_table(outcomes: list[Outcome], peak: int) -> None:
    """Prints counts by format and reason, and the extremes."""
    counts = Counter((item.format, item.result, item.reason.partition(":")[0]) for item in outcomes)
    print("| format | outcome | reason | files |\n| --- | --- | --- | ---: |")
    for (fmt, result, reason), count in sorted(counts.items()):
        print(f"| {fmt} | {result} | {reason and f'`{reason}`'} | {count:,} |")
    died = [item for item in outcomes if "the child " in item.reason]
    slowest = max(outcomes, key=lambda item: item.seconds)
    print(f"\n{len(outcomes):,} files; children that crashed or ran out of time: {len(died)}")
    for item in died:
        print(f"  {item.name}: {item.reason}")
    print(f"largest memory of a child: {peak / 2**20:,.0f} MiB")
    print(f"slowest: {slowest.name}, {slowest.seconds:.1f} s")


def main() -> None:
    """Parses the options and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of files of every kind")
    parser.add_argument("--all", action="store_true", help="also print each file's outcome")
    options = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    outcomes: list[Outcome] = []
    peak = 0
    paths = sorted(path for path in options.folder.rglob("*") if path.is_file())
    files = ((str(path.relative_to(options.folder)), path.read_bytes()) for path in paths)
    for name, data in chain(files, films()):
        outcomes.append(outcome(name, data))
        peak = max(peak, peak_bytes())
        if options.all:
            found = outcomes[-1]
            print(f"{name}\t{found.format}\t{found.result}\t{found.reason}")
    print_table(outcomes, peak)


if __name__ == "__main__":
    main()
