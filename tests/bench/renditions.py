"""Renditions beside img2dataset's resize, on the same files: `python -m tests.bench.renditions`.

Both decode JPEGs of several sizes, reduce them to the same longest side and encode them as JPEG of
the same quality, in turn, file after file. What is compared is processor time, since other load on
the machine changes the clock. Ours also checks the file, applies orientation and colour profile,
and finds damage that img2dataset's decoder lets pass. `make bench-peers` creates img2dataset's
environment.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.media.limits import MediaLimits
from pipelines.media.render import RenderSettings, render_picture
from tests.bench.decoding import make_pictures
from tests.bench.img2dataset import has_peer
from tests.bench.img2dataset_sides import PEER, ROOT

_SCRIPT = ROOT / "tests" / "bench" / "peer" / "resizer_peer.py"
_MEGAPIXELS = (2.0, 4.0, 8.0, 12.0, 24.0)
_DISTINCT = 4  # files of each size; more would only fill the memory
_BATCH = 4  # resizes of a file before the other side's turn
_SIDE, _QUALITY = 1_024, 95  # img2dataset's own default quality
_LIMITS = MediaLimits(max_bytes=2**30, max_pixels=178_956_970)


@dataclass
class SizeFigures:
    """Processor time of both sides for the pictures of one size, in seconds.

    Attributes:
        megapixels: The size.
        pictures: How many were rendered by each side.
        ours: One value for each batch.
        theirs: Likewise.
    """

    megapixels: float
    pictures: int = 0
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


class Peer:
    """img2dataset's resizer in a process of its own environment."""

    def __init__(self, side: int, quality: int) -> None:
        self._process = subprocess.Popen(
            [str(ROOT / PEER / "bin" / "python"), str(_SCRIPT), str(side), str(quality)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"},
        )
        self._line()

    def resize(self, path: Path, count: int) -> dict[str, Any]:
        """Returns the processor time of `count` resizes of a file, and the result's size."""
        if self._process.stdin is None:
            raise RuntimeError("img2dataset's process has no input")
        self._process.stdin.write(json.dumps({"path": str(path), "count": count}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RuntimeError("img2dataset's process ended without an answer")
        return line


def bench_renditions(folder: Path, pictures: int, megapixels: Sequence[float]) -> None:
    """Measures both sides and prints their figures.

    Args:
        folder: Folder for the files.
        pictures: How many pictures each side renders, over all sizes.
        megapixels: The sizes, each of as many pictures.
    """
    settings = RenderSettings("jpg", _QUALITY, _SIDE, (255, 255, 255))
    peer = Peer(_SIDE, _QUALITY)
    found = []
    for size in megapixels:
        figures = SizeFigures(size)
        paths = []
        for number, data in enumerate(make_pictures(_DISTINCT, size)):
            paths.append(folder / f"{size:g}-{number}.jpg")
            paths[-1].write_bytes(data)
        for path in paths:  # both sides load their libraries, and the files are in memory
            theirs = peer.resize(path, 1)
            made = render_picture(path.read_bytes(), "jpg", _LIMITS.max_pixels, settings)
            if max(theirs["size"]) != _SIDE:
                raise RuntimeError(f"img2dataset made {theirs['size']}")
        print(f"  {size:>4g} MP: {len(made):>9,} bytes ours, {theirs['bytes']:>9,} img2dataset's")
        while figures.pictures < pictures // len(megapixels):
            path = paths[(figures.pictures // _BATCH) % len(paths)]
            figures.theirs.append(peer.resize(path, _BATCH)["processor_s"])
            data = path.read_bytes()
            started = time.process_time()
            for _ in range(_BATCH):
                render_picture(data, "jpg", _LIMITS.max_pixels, settings)
            figures.ours.append(time.process_time() - started)
            figures.pictures += _BATCH
        found.append(figures)
    peer.close()
    _show(found)


def _show(found: Sequence[SizeFigures]) -> None:
    print(f"  {'megapixels':>10} {'pictures':>9} {'img2dataset':>12} {'ours':>8} {'ratio':>6}")
    for one in found:
        ratio = statistics.median(t / o for t, o in zip(one.theirs, one.ours, strict=True))
        theirs, ours = (1e3 * sum(side) / one.pictures for side in (one.theirs, one.ours))
        print(
            f"  {one.megapixels:>10g} {one.pictures:>9,} {theirs:>9.1f} ms {ours:>5.1f} ms "
            f"{ratio:>6.2f}"
        )
    theirs, ours = (sum(sum(side) for side in sides) for sides in _both(found))
    count = sum(one.pictures for one in found)
    print(f"  {'all':>10} {count:>9,} {theirs:>10.1f} s {ours:>6.1f} s {theirs / ours:>6.2f}")


def _both(found: Sequence[SizeFigures]) -> tuple[list[list[float]], list[list[float]]]:
    return [one.theirs for one in found], [one.ours for one in found]


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2_000, help="of each side, over all sizes")
    parser.add_argument("--megapixels", type=float, nargs="+", default=_MEGAPIXELS)
    options = parser.parse_args()
    if not has_peer():
        parser.exit(1, "img2dataset's environment does not exist: run make bench-peers\n")
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}; to {_SIDE} pixels, quality {_QUALITY}")
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as folder:
        bench_renditions(Path(folder), options.pictures, options.megapixels)


if __name__ == "__main__":
    main()
