"""Compares packaging a cached library with img2dataset: `python -m tests.bench.img2dataset`.

Both pack the same pictures, in alternating rounds. img2dataset reads them over HTTP from a server
on the loopback interface, which is what it is made for; ours reads them from the catalogue's
folder, with features computed by an earlier deal. Ours also reads and checks the catalogue, decides
on rights, selects, checks every digest, and writes ledger, statements, indexes and a signed
manifest; img2dataset by default computes the sha256 of every picture. Neither resizes.

`make bench-peers` creates img2dataset's environment.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from tests.bench.img2dataset_library import make_library
from tests.bench.img2dataset_sides import (
    MODES,
    PEER,
    ROOT,
    FairshardSide,
    Img2datasetMode,
    Img2datasetSide,
    PackingTime,
    file_server,
    peer_process,
    server_rate,
)
from tests.bench.rounds import median_speedup
from tests.bench.suite import Figure, speedups

_THREADS_TRIED = (4, 16, 64)


@dataclass
class TimedSide:
    """One thing that is measured in every round."""

    name: str
    run: Callable[[], PackingTime]
    timings: list[PackingTime] = field(default_factory=list)

    @property
    def clock_s(self) -> float:
        """Median of the rounds."""
        return statistics.median(one.clock_s for one in self.timings)

    @property
    def processor_s(self) -> float:
        """Median of the rounds."""
        return statistics.median(one.processor_s for one in self.timings)


def has_peer() -> bool:
    """Returns whether img2dataset's environment exists."""
    return (ROOT / PEER / "bin" / "img2dataset").is_file()


def img2dataset_figures(folder: Path, pictures: int, rounds: int, processes: int) -> list[Figure]:
    """Returns our speed to img2dataset's default mode, with and without the MD5 of wids."""
    calls, commands = bench_img2dataset(folder, pictures, rounds, processes)
    return [
        speedups(
            f"to img2dataset, {what}{without}, {name}",
            [getattr(one, taken) for one in sides[0].timings],
            [getattr(one, taken) for one in sides[ours].timings],
        )
        for what, sides in (("warm call", calls), ("whole command", commands))
        for without, ours in (("", -1), (" without MD5", -2))
        for name, taken in (("clock", "clock_s"), ("processor", "processor_s"))
    ]


def bench_img2dataset(
    folder: Path, pictures: int, rounds: int, processes: int
) -> tuple[list[TimedSide], list[TimedSide]]:
    """Measures both sides, and returns them for the call in a warm process and whole commands.

    Args:
        folder: Folder for all files: three times the pictures, 1.3 GB for 2,000.
        pictures: Number of pictures.
        rounds: Number of times each side is measured.
        processes: Number of processes that img2dataset uses.
    """
    library = make_library(folder, pictures, processes)
    pictures = library.pictures
    size = library.media_bytes / pictures / 1e3
    print(f"img2dataset: {pictures:,} pictures of {size:,.0f} KB, {rounds} rounds")
    ours = FairshardSide(library, folder)
    quicker = FairshardSide(library, folder, "omit")
    ours.warm()
    with file_server(library.catalogue / "media") as address, peer_process() as process:
        print(f"  the server alone: {server_rate(address, pictures):,.0f} pictures a second")
        tried = [
            Img2datasetSide(folder, pictures, processes, threads) for threads in _THREADS_TRIED
        ]
        tried[0].write_list(address)
        best = min(tried, key=lambda peer: peer.call(process, MODES[0]).clock_s)
        print(f"  {processes} processes of {best.threads} threads were its fastest")
        calls = [
            *(_peer_call(best, process, mode) for mode in MODES),
            TimedSide("ours, without the MD5 of wids", lambda: quicker.call(1)),
            TimedSide("ours", lambda: ours.call(1)),
        ]
        _measure(calls, rounds)
        _show("the call in a warm process", calls, pictures)
        commands = [
            TimedSide(f"img2dataset, {MODES[0].name}", lambda: best.command(MODES[0])),
            TimedSide("ours, without the MD5 of wids", lambda: quicker.command(1)),
            TimedSide("ours", lambda: ours.command(1)),
        ]
        _measure(commands, rounds)
        _show("the whole command", commands, pictures)
    ours.verify()
    print(f"  both packed {pictures:,} samples each time; ours verifies")
    return calls, commands


def _peer_call(peer: Img2datasetSide, process: Popen[str], mode: Img2datasetMode) -> TimedSide:
    return TimedSide(f"img2dataset, {mode.name}", lambda: peer.call(process, mode))


def _measure(sides: Sequence[TimedSide], rounds: int) -> None:
    for _ in range(rounds):
        for side in sides:
            side.timings.append(side.run())


def _show(title: str, sides: Sequence[TimedSide], pictures: int) -> None:
    first = sides[0]
    print(f"  {title:<44} {'images/s':>9} {'ratio':>6} {'clock s':>8} {'processor s':>12}")
    for side in sides:
        theirs, own = ([one.clock_s for one in which.timings] for which in (first, side))
        ratio = median_speedup(theirs, own)
        print(
            f"  {side.name:<44} {pictures / side.clock_s:>9,.0f} {ratio:>6.2f} "
            f"{side.clock_s:>8.2f} {side.processor_s:>12.2f}"
        )


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--processes", type=int, default=2, help="of img2dataset")
    parser.add_argument("--folder", type=Path, help="where files go (default: memory)")
    parser.add_argument(
        "--keep", type=Path, help="keep library and features here, and reuse them if they exist"
    )
    options = parser.parse_args()
    if not has_peer():
        parser.exit(1, "img2dataset's environment does not exist: run make bench-peers\n")
    shared_memory = Path("/dev/shm")  # in memory, so that the disk's speed is not measured
    base = options.folder or (shared_memory if shared_memory.is_dir() else None)
    base = options.keep or base
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}; files in {base or 'the temporary folder'}")
    logging.disable(logging.CRITICAL)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        bench_img2dataset(options.keep, options.pictures, options.rounds, options.processes)
        return
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as folder:
        bench_img2dataset(Path(folder), options.pictures, options.rounds, options.processes)


if __name__ == "__main__":
    main()
