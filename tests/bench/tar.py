"""Compares writing and reading tars with plain files and webdataset: `python -m tests.bench.tar`.

All are measured in alternating rounds, so that other load on the machine affects them equally.
Processor time is given in addition to elapsed time: it hardly depends on other load, and on an idle
machine threads can divide it among the cores.

Plain writing writes the same members, each with one `write` to Python's buffered file, without
headers and padding. Ours goes through a local store, including temporary name and fsync. All data
and names are made beforehand and are not measured.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import webdataset

from pipelines.format.tar import Digests, TarWriter
from pipelines.storage.local_store import LocalStore
from tests.bench.rounds import median_speedup
from tests.bench.suite import Figure, speedups
from tests.format.strict_tar import read_members

_PICTURE_BYTES = 112_000
_TEXT_BYTES = 60
_JSON_BYTES = 900
_SAMPLE_BYTES = _PICTURE_BYTES + _TEXT_BYTES + _JSON_BYTES
_READ_BYTES = 1 << 20
_WRITERS = {
    "ours, no digest": Digests.NONE,
    "ours, sha256 of members": Digests.MEMBERS,
    "ours, sha256 of tar": Digests.TAR,
    "ours, sha256 of members and tar": Digests.MEMBERS | Digests.TAR,
    "ours, md5 of tar": Digests.MD5,
    "ours, everything": Digests.ALL,
}


@dataclass
class TimedAction:
    """An action that is timed.

    Attributes:
        name: Its name.
        run: Performs it once.
        clock_s: Elapsed time of each round.
        processor_s: Processor time of all threads in each round.
    """

    name: str
    run: Callable[[], object]
    clock_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)


def bench_tar(folder: Path, samples: int, rounds: int) -> list[Figure]:
    """Measures writing and reading, and returns the ratios to plain files and webdataset.

    Args:
        folder: Folder for the files, half a gigabyte for 4,000 samples.
        samples: Number of samples; each is a picture of 112 kB, a text and a JSON.
        rounds: Number of times each action is measured.
    """
    source = random.Random(7)
    media = [source.randbytes(_PICTURE_BYTES) for _ in range(64)]
    beside = {"txt": source.randbytes(_TEXT_BYTES), "json": source.randbytes(_JSON_BYTES)}
    names = [{end: f"{index:024x}.{end}" for end in ("jpg", *beside)} for index in range(samples)]
    parts = [{"jpg": picture, **beside} for picture in media]
    data = [
        [(name, parts[index % len(parts)][end]) for end, name in ends.items()]
        for index, ends in enumerate(names)
    ]
    records: list[dict[str, bytes | str]] = [
        {"__key__": f"{index:024x}", **parts[index % len(parts)]} for index in range(samples)
    ]
    total = samples * _SAMPLE_BYTES
    print(f"tar: {samples:,} samples, {total / 1e6:,.0f} MB, {rounds} rounds")
    target = folder / "bench.tar"
    writers = [
        TimedAction("plain sequential write", lambda: _write_plain(target, data)),
        *(_writer(name, target, data, digests) for name, digests in _WRITERS.items()),
        TimedAction("webdataset TarWriter", lambda: _write_webdataset(target, records)),
    ]
    _measure(writers, rounds, target)
    _show("write", writers, total)
    _write_ours(target, data, Digests.NONE)
    readers = [
        TimedAction("plain sequential read", lambda: _read_plain(target)),
        TimedAction("ours, sha256 of members", lambda: _read_ours(target, samples)),
        TimedAction("webdataset, no digest", lambda: _read_webdataset(target, samples)),
    ]
    _measure(readers, rounds, None)
    _show("read", readers, total)
    target.unlink()
    everything = next(one for one in writers if one.name == "ours, everything")
    compared = [
        ("writing, everything, to plain writing", writers[0], everything),
        ("writing, everything, to webdataset", writers[-1], everything),
        ("reading, sha256, to webdataset", readers[-1], readers[1]),
    ]
    return [
        speedups(f"{what}, {name}", getattr(theirs, taken), getattr(ours, taken))
        for what, theirs, ours in compared
        for name, taken in (("clock", "clock_s"), ("processor", "processor_s"))
    ]


def _measure(actions: list[TimedAction], rounds: int, target: Path | None) -> None:
    for first in range(rounds):
        # The order rotates, since memory that another action has just freed costs less or more.
        for action in actions[first % len(actions) :] + actions[: first % len(actions)]:
            if target is not None:
                target.unlink(missing_ok=True)  # overwriting a file has other costs
            clock, processor = time.perf_counter(), time.process_time()
            action.run()
            action.clock_s.append(time.perf_counter() - clock)
            action.processor_s.append(time.process_time() - processor)


def _show(verb: str, actions: list[TimedAction], total: int) -> None:
    print(f"  {verb:<33} {'MB/s':>6} {'of plain':>17} {'of webdataset':>17} {'processor':>10}")
    print(f"  {'':<33} {'median':>6} {'median':>8} {'best':>8} {'median':>8} {'best':>8} {'s':>10}")
    for action in actions:
        ratios: list[float] = []
        for other in (actions[0], actions[-1]):
            ratios.append(median_speedup(other.clock_s, action.clock_s))
            ratios.append(min(other.clock_s) / min(action.clock_s))
        shown = " ".join(f"{ratio:>8.2f}" for ratio in ratios)
        rate = total / statistics.median(action.clock_s) / 1e6
        print(f"  {action.name:<33} {rate:>6,.0f} {shown} {min(action.processor_s):>10.3f}")


Data = list[list[tuple[str, bytes]]]  # the members of each sample


def _write_plain(target: Path, data: Data) -> None:
    with target.open("wb") as sink:
        for sample in data:
            for _, content in sample:
                sink.write(content)


def _writer(name: str, target: Path, data: Data, digests: Digests) -> TimedAction:
    return TimedAction(name, lambda: _write_ours(target, data, digests))


def _write_ours(target: Path, data: Data, digests: Digests) -> None:
    store = LocalStore(str(target.parent))
    with store.open_write(target.name) as sink, TarWriter(sink, digests) as tar:
        for sample in data:
            for name, content in sample:
                tar.add(name, len(content), [content])


def _write_webdataset(target: Path, records: list[dict[str, bytes | str]]) -> None:
    with webdataset.TarWriter(str(target), encoder=False) as sink:
        for record in records:
            sink.write(record)


def _read_plain(target: Path) -> None:
    with target.open("rb", buffering=0) as source:
        while source.read(_READ_BYTES):
            pass


def _read_ours(target: Path, samples: int) -> None:
    with target.open("rb") as source:
        count = sum(1 for _ in read_members(source))
    if count != 3 * samples:
        raise RuntimeError(f"{count} members of {samples} samples")


def _read_webdataset(target: Path, samples: int) -> None:
    count = sum(1 for _ in webdataset.WebDataset(str(target), shardshuffle=False))
    if count != samples:
        raise RuntimeError(f"{count} samples of {samples}")


def main() -> None:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=4_000, help="samples in a tar")
    parser.add_argument("--rounds", type=int, default=15, help="how often each is measured")
    options = parser.parse_args()
    shared_memory = Path("/dev/shm")  # in memory, so that the disk's speed is not measured
    base = shared_memory if shared_memory.is_dir() else None
    print(f"{os.cpu_count()} cores; files in {'memory' if base else 'the temporary folder'}")
    with tempfile.TemporaryDirectory(prefix="fairshard-bench-", dir=base) as folder:
        bench_tar(Path(folder), options.samples, options.rounds)


if __name__ == "__main__":
    main()
