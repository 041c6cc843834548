"""What a benchmark of the suite gives: ratios within one run, with the rounds behind each."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

FORM = 1


@dataclass(frozen=True)
class Figure:
    """One ratio, of which more is better: how many times as fast as the other side ours is.

    Attributes:
        name: What is compared, the same in every run of the suite.
        rounds: The ratio of each round. Both sides of a round ran under the same load.
    """

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure itself."""
        return statistics.median(self.rounds)

    @property
    def scatter(self) -> float:
        """How far a round lies from the median, as a share of it: the median over the rounds."""
        middle = self.median
        return statistics.median(abs(one - middle) for one in self.rounds) / middle


def speedups(name: str, theirs: Sequence[float], ours: Sequence[float]) -> Figure:
    """Returns the figure of two sides from the seconds that each took in each round."""
    return Figure(name, tuple(their / own for their, own in zip(theirs, ours, strict=True)))


class Bench(Protocol):
    """A benchmark of the suite."""

    @property
    def name(self) -> str:
        """Its name, by which it can be chosen."""

    def why_not(self) -> str:
        """Returns why it cannot run here; "" if it can."""

    def run(self, folder: Path, quick: bool) -> Iterable[Figure]:
        """Measures.

        Args:
            folder: An empty folder for its files.
            quick: Whether to measure less, for `make bench-quick`.
        """


@dataclass(frozen=True)
class Measuring:
    """A benchmark that is a function.

    Attributes:
        name: Its name.
        measure: See `Bench.run`.
        needs: See `Bench.why_not`.
    """

    name: str
    measure: Callable[[Path, bool], Iterable[Figure]]
    needs: Callable[[], str] = lambda: ""

    def why_not(self) -> str:
        """See `Bench.why_not`."""
        return self.needs()

    def run(self, folder: Path, quick: bool) -> Iterable[Figure]:
        """See `Bench.run`."""
        return self.measure(folder, quick)


def machine() -> dict[str, object]:
    """Returns what the figures were measured on."""
    info = _fields(Path("/proc/cpuinfo"))
    memory = _fields(Path("/proc/meminfo")).get("MemTotal", "0 kB")
    return {
        "processor": info.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(int(memory.split()[0]) / 2**20, 1),
        "load_at_start": [round(one, 2) for one in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _fields(path: Path) -> dict[str, str]:
    """Returns the first value of each field of a file in /proc; nothing on other systems."""
    found: dict[str, str] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                found.setdefault(name.strip(), value.strip())
    return found


def result_json(
    quick: bool,
    on: Mapping[str, object],
    figures: Mapping[str, Sequence[Figure]],
    skipped: Mapping[str, str],
    took_s: Mapping[str, float],
) -> str:
    """Returns the result of a run of the suite as JSON.

    Args:
        quick: Whether it was the quick one, whose figures are not those of the full one.
        on: The machine.
        figures: By benchmark.
        skipped: Benchmarks that could not run, and why.
        took_s: How long each took, in seconds.
    """
    value = {
        "fairshard_bench": FORM,
        "quick": quick,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": on,
        "figures": {
            f"{bench}: {figure.name}": {
                **asdict(figure),
                "median": round(figure.median, 4),
                "scatter": round(figure.scatter, 4),
            }
            for bench, found in figures.items()
            for figure in found
        },
        "skipped": skipped,
        "took_s": {name: round(seconds, 1) for name, seconds in took_s.items()},
    }
    return json.dumps(value, indent=1) + "\n"


def table(figures: Iterable[Figure]) -> str:
    """Returns the figures as a table of 80 columns."""
    lines = [f"  {'ratio, more is better':<54} {'median':>7} {'scatter':>8} {'n':>4}"]
    lines += [
        f"  {one.name:<54} {one.median:>7.2f} {one.scatter:>7.1%} {len(one.rounds):>4}"
        for one in figures
    ]
    return "\n".join(lines)
