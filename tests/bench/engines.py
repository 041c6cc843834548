"""Compares the engines on one deal: elapsed time of the whole command, as ratios in one run.

python -m tests.bench.engines [--assets 360] [--rounds 3] [--engine NAME ...] [--warm]

Every round packages the demo's main deal once on each engine, in turn; services and clusters are
started before their command and are not counted. Ratios are those of medians, to the embedded
engine in one process. The deliveries must have the same bytes, or nothing is printed. On a busy
machine elapsed times are of little worth: the processor time of all processes is printed too, in
which those of a cluster count from its start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.end_to_end.command import Demo, command, environment, tree
from tests.end_to_end.engines import ENGINES, engine

_DEAL = "demo-main"
_FIRST = "in memory"
_DEFAULT = [_FIRST, "two processes", "portable, loopback", "dask, one worker", "dask, two workers"]


def main() -> None:
    """Parses the options, measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engines", description=__doc__)
    parser.add_argument("--assets", type=int, default=360)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="besides the first")
    parser.add_argument("--warm", action="store_true", help="features are there already")
    options = parser.parse_args()
    ways = list(dict.fromkeys([_FIRST, *(options.engine or _DEFAULT)]))
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    digests: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="fairshard-engines-") as folder:
        demo = Demo(Path(folder, "demo"), {})
        make = ["demo", "--out", demo.root, "--assets", options.assets, "--quiet", "--json"]
        subprocess.run(command(*make), check=True, env=environment(), stdout=subprocess.DEVNULL)
        for number in range(options.rounds):
            for way in ways:
                out = Path(folder, f"{number}-{ways.index(way)}")
                if options.warm:
                    demo.copy_features(out)
                found[way].append(_measure(demo, out, way))
                digests[way] = _digest(out / _DEAL / "v0001" / "delivery")
    if len(set(digests.values())) > 1:
        raise SystemExit(f"the deliveries differ: {digests}")
    print(f"delivery {digests[_FIRST]}, {options.assets} assets, {options.rounds} rounds")
    base = [statistics.median(column) for column in zip(*found[_FIRST], strict=True)]
    for way in ways:
        wall, cpu = (statistics.median(column) for column in zip(*found[way], strict=True))
        print(
            f"{way:<20} {wall:7.1f} s, ratio {wall / base[0]:5.2f}   "
            f"processor {cpu:7.1f} s, ratio {cpu / base[1]:5.2f}"
        )


def _measure(demo: Demo, out: Path, way: str) -> tuple[float, float]:
    """Returns the command's elapsed seconds and all processes' processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with engine(way) as chosen:
        words = command(*demo.package(_DEAL, out, *chosen.options))
        began = time.perf_counter()
        subprocess.run(words, env=environment(), check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _digest(folder: Path) -> str:
    return hashlib.sha256(json.dumps(tree(folder)).encode()).hexdigest()


if __name__ == "__main__":
    main()
