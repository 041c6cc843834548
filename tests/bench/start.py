"""Compares how long basic commands take in several checkouts or environments.

python -m tests.bench.start --side .venv/bin/python . demo-out/out/demo-main/v0001/delivery
    --side ../base/bin/python "" demo-out/out/demo-main/v0001/delivery

Each side is an interpreter, the checkout that it runs ("" for the installed one), and a delivery
that it can verify. Sides alternate; the first round warms the file cache and is not counted. On a
busy machine, prefix the command with `chrt -f 20` to give it priority.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Parses the options, measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start", description=__doc__)
    parser.add_argument("--side", nargs=3, action="append", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number in range(options.rounds + 1):
        for python, root, delivery in options.side:
            for command, arguments in (
                ("--help", ["--help"]),
                ("verify --help", ["verify", "--help"]),
                ("verify", ["verify", str(Path(delivery).absolute())]),
            ):
                seconds = _measure(Path(python).absolute(), root, arguments)
                if number:
                    name = f"{python} {root or 'installed'}", command
                    found.setdefault(name, []).append(seconds)
    for (side, command), all_seconds in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*all_seconds, strict=True))
        print(f"{side}  {command:<16} {wall:6.2f} s, processor {cpu:6.2f} s")


def _measure(python: Path, root: str, arguments: list[str]) -> tuple[float, float]:
    """Returns elapsed and processor seconds."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    if root:
        environment["PYTHONPATH"] = str(Path(root).absolute())
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:  # a folder without a checkout
        subprocess.run(
            [python, "-m", "pipelines.cli", *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            check=True,
        )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
