"""Small catalogues with one no in an odd form, and what must become of it.

python -m tests.cases.held_out [NAME…]     # runs them and prints what became of each
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.rights.rules.reasons import REASONS
from schemas.reason_info import Stage
from tests.cases import held_out_books, held_out_rights, held_out_tables
from tests.cases.common import outcomes
from tests.cases.held_out_case import (
    LIMIT,
    NO,
    READS,
    STOPS,
    VARIANTS,
    Case,
    Variant,
)
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

_EARLY = {code for code, info in REASONS.items() if info.stage in (Stage.READ, Stage.SCREEN)}
__all__ = ["LIMIT", "VARIANTS", "Variant", "run"]
_MADE = (held_out_tables, held_out_books, held_out_rights)  # which add to VARIANTS


@dataclass(frozen=True)
class Ended:
    """How a variant ended.

    Attributes:
        codes: The exit codes of check, quote and package.
        said: What each said of a stop, without what differs between commands.
        checked: Whether `check` would deliver anything, and its reasons; none if it stopped.
        quoted: How many assets `quote` clears by the tables; -1 if it stopped.
        found: What became of each asset.
    """

    codes: tuple[int, int, int]
    said: tuple[str, str, str]
    checked: tuple[bool, set[str]]
    quoted: int
    found: dict[str, tuple[str, list[str]]]

    @property
    def stops(self) -> bool:
        return self.codes[2] == 2

    def faults(self, wanted: str) -> list[str]:
        """What is wrong with it."""
        delivered = sorted(name for name, one in self.found.items() if one[0] == "delivered")
        faults = []
        if NO in delivered:
            faults.append("the no is lost")
        if (self.codes[0] == 2, self.codes[1] == 2) != (self.stops, self.stops):
            faults.append(f"codes {self.codes}")
        if self.stops and len(set(self.said)) > 1:
            faults.append(f"said {self.said}")
        if wanted in (STOPS, READS) and self.stops != (wanted == STOPS):
            faults.append("stops" if self.stops else "does not stop")
        reasons = {code for _, codes in self.found.values() for code in codes}
        if not self.stops and self.checked != (bool(delivered), reasons):
            faults.append(f"check says {self.checked}, package {reasons}")
        early = [name for name, one in self.found.items() if not _EARLY & {*one[1]}]
        if not self.stops and self.quoted != len(early):
            faults.append(f"quote counts {self.quoted}, package {len(early)}")
        return faults


def run(one: Variant, folder: Path) -> Ended:
    """Runs check, quote and package on a variant."""
    case = Case(folder, one.second)
    one.make(case)
    case.write()
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--as-of", AS_OF)
    checked = in_process("check", *words, "--files", "all", "--json", "--quiet")
    quoted = in_process("quote", *words, "--json", "--quiet", "--workers", 1)
    out = folder / "out"
    packaged = in_process("package", *words, "--out", out, "--workers", 1, "--quiet")
    results = (checked, quoted, packaged)
    said = tuple(result.err.strip().partition(": ")[2][:200] for result in results)
    found = outcomes(out) if packaged.code != 2 else {}
    return Ended(
        (checked.code, quoted.code, packaged.code),
        (said[0], said[1], said[2]),
        (False, set()) if checked.code == 2 else _checked(checked.json),
        -1 if quoted.code == 2 else _cleared(quoted.json),
        found,
    )


def _checked(said: dict[str, Any]) -> tuple[bool, set[str]]:
    return bool(said["delivers"]), {str(one["reason"]) for one in said["costliest"]}


def _cleared(said: dict[str, Any]) -> int:
    return int(said["quotes"][0]["cleared"]["assets"])


def main(names: Sequence[str]) -> None:
    """Runs variants and prints a line of each."""
    for one in VARIANTS:
        if names and not any(name in one.name for name in names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                ended = run(one, Path(folder))
            except Exception as error:  # one that cannot be run is a finding, too
                print(f"{one.name:38} ERROR {error!r}", flush=True)
                continue
        what = ended.said[2][:90] if ended.stops else {n: r for n, (_, r) in ended.found.items()}
        print(f"{one.name:38} {'; '.join(ended.faults(one.wanted)) or 'ok':6} {what}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
