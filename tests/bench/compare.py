"""Compares two runs of the suite: `python -m tests.bench.compare OLD.json NEW.json`.

A ratio got worse if its median fell by more than a tenth and by more than three times the larger
scatter of the two runs. The exit code is 1 if one did, or is missing in the new run, and 2 if the
runs cannot be compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.suite import FORM, Figure

_LEAST = 0.1
_SCATTERS = 3.0


@dataclass(frozen=True)
class Change:
    """What became of one ratio.

    Attributes:
        name: Its name.
        old: In the first run.
        new: In the second run; None if it is missing there.
    """

    name: str
    old: Figure
    new: Figure | None

    @property
    def share(self) -> float:
        """By how much the median rose, as a share of the old one; negative if it fell."""
        return 0.0 if self.new is None else self.new.median / self.old.median - 1

    @property
    def allowance(self) -> float:
        """The change that is not told from chance."""
        if self.new is None:
            return 0.0
        return max(_LEAST, _SCATTERS * max(self.old.scatter, self.new.scatter))

    @property
    def is_worse(self) -> bool:
        """Whether it got worse beyond chance, or is missing."""
        return self.new is None or self.share < -self.allowance


def compare(old: Mapping[str, Figure], new: Mapping[str, Figure]) -> list[Change]:
    """Returns what became of each ratio of the first run."""
    return [Change(name, figure, new.get(name)) for name, figure in old.items()]


def read_figures(path: Path) -> tuple[bool, dict[str, Figure]]:
    """Returns whether a run was the quick one, and its figures.

    Raises:
        ValueError: If it is not a result of the suite.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict) or value.get("fairshard_bench") != FORM:
        raise ValueError(f"{path} is not what this suite writes")
    return value["quick"], {
        name: Figure(one["name"], tuple(one["rounds"])) for name, one in value["figures"].items()
    }


def main() -> int:
    """Parses the options and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args()
    try:
        was_quick, old = read_figures(options.old)
        is_quick, new = read_figures(options.new)
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    if was_quick != is_quick:
        parser.error("one of them is of bench-quick: its figures are not those of bench")
    changes = compare(old, new)
    print(f"  {'ratio, more is better':<52} {'old':>7} {'new':>7} {'change':>8}")
    for change in changes:
        now = "-" if change.new is None else f"{change.new.median:.2f}"
        verdict = "  WORSE" if change.is_worse else ""
        figures = f"{change.old.median:>7.2f} {now:>7} {change.share:>+8.1%}"
        print(f"  {change.name[:52]:<52} {figures}{verdict}")
    added = sorted(new.keys() - old.keys())
    if added:
        print(f"  only in {options.new}: {', '.join(added)}")
    worse = [change for change in changes if change.is_worse]
    print(f"{len(worse)} of {len(changes)} ratios got worse beyond scatter, or are missing")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
