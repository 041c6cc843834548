"""Beam's portable engines against the embedded one: `python -m tests.bench.portable`.

All package the same pictures, whose features are computed, in alternating rounds. Every figure is a
ratio to the embedded engine with one worker in the same round. The start of the command counts; job
service and pools run before. Processor time is that of all processes, so that a busy machine can be
used. Needs `make prism`.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.run.signing_key import demonstration_key, save_key
from tests.bench.img2dataset_library import AS_OF, make_library, write_deal
from tests.bench.img2dataset_sides import PackingTime, run_command
from tests.end_to_end.command import command, tree
from tests.end_to_end.prism import binary, portable

_DEAL = "bench-portable"
_TICKS = os.sysconf("SC_CLK_TCK")
_TWO = ("127.0.0.1", "127.0.0.2")


@dataclass(frozen=True)
class Side:
    """A way to run the graph.

    Attributes:
        name: Its name in the table.
        service: The job service, `prism` or `beam`; "" for the embedded engine.
        pools: Hosts of pools; without any, the command does the work.
        workers: Processes of the embedded engine.
    """

    name: str
    service: str = ""
    pools: tuple[str, ...] = ()
    workers: int = 1


SIDES = (
    Side("embedded, one worker"),
    Side("embedded, two workers", workers=2),
    Side("Prism, LOOPBACK", "prism"),
    Side("Prism, two pools", "prism", _TWO),
    Side("local job service, LOOPBACK", "beam"),
    Side("local job service, two pools", "beam", _TWO),
)


def run_side(side: Side, words: list[object]) -> PackingTime:
    """Packages once, and adds the processor time that services and pools used meanwhile."""
    words = [*words, "--workers", side.workers]
    if not side.service:
        return run_command(command(*words))
    with portable(side.service, side.pools) as on:
        processes = [on.service.pid, *(pool.pid for pool in on.pools)]
        before = _processor_s(processes)
        taken = run_command(command(*words, *on.options))
        return PackingTime(taken.clock_s, taken.processor_s + _processor_s(processes) - before)


def _processor_s(pids: Sequence[int]) -> float:
    """Returns the processor time of processes and of the children that they have waited for."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def bench(folder: Path, pictures: int, rounds: int) -> None:
    """Prints each side's ratios to the first one.

    Raises:
        AssertionError: If a side's delivery has other bytes than the first one's.
    """
    library = make_library(folder, pictures, 1)
    deal = write_deal(folder, _DEAL)
    times: dict[str, list[PackingTime]] = {side.name: [] for side in SIDES}
    reference: dict[str, str] = {}
    for number in range(rounds):
        for side in SIDES:
            out = folder / f"out-{number}"
            key = folder / f"key-{number}"
            save_key(key, demonstration_key(1))
            words: list[object] = [
                "package",
                "--catalogue",
                library.catalogue,
                "--deal",
                deal,
                "--out",
                out,
            ]
            words += ["--as-of", AS_OF, "--key", key, "--quiet"]
            times[side.name].append(run_side(side, words))
            made = tree(out / _DEAL / "v0001" / "delivery" / "shards")
            reference = reference or made
            assert made == reference, side.name
            shutil.rmtree(out)
            for path in folder.glob(f"key-{number}*"):
                path.unlink()
    print(f"{platform.machine()}, {os.cpu_count()} cores; {pictures} pictures, {rounds} rounds")
    first = times[SIDES[0].name]
    for name, taken in times.items():
        pairs = list(zip(taken, first, strict=True))
        clock = statistics.median(one.clock_s / base.clock_s for one, base in pairs)
        processor = statistics.median(one.processor_s / base.processor_s for one, base in pairs)
        print(
            f"{name:30} {taken[-1].clock_s:6.1f} s, ratio {clock:5.2f} by the clock, "
            f"{processor:5.2f} by processor time"
        )


def main() -> None:
    """Parses the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not binary().is_file():
        parser.error("Prism is not built: run make prism")
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-") as folder:
        bench(Path(folder), options.pictures, options.rounds)


if __name__ == "__main__":
    main()
