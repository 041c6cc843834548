"""Runs the field cases of ../shared/cases, in this process; tests skip where there are none."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.end_to_end.command import AS_OF, CommandResult
from tests.end_to_end.small_library import in_process

CASES = Path(__file__).parents[3] / "shared" / "cases"


def case_folder(name: str) -> Path:
    """The folder of a field case; skips the test where the cases are not at hand."""
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"the field cases are not at hand: {folder}")
    return folder


def check(folder: Path, *options: str | Path) -> CommandResult:
    """Checks a case."""
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml")
    return in_process("check", *words, *options)


def package(folder: Path, out: Path, *options: str | Path) -> CommandResult:
    """Packages a case."""
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--out", out)
    return in_process("package", *words, "--as-of", AS_OF, "--workers", 1, "--quiet", *options)


def outcomes(out: Path) -> dict[str, tuple[str, list[str]]]:
    """The outcome and the reasons of every asset of a run."""
    found = {}
    for path in sorted(out.rglob("agency/decisions/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            found[row["asset_id"]] = (row["outcome"], row["reasons"])
    return found


def delivered(out: Path) -> list[str]:
    """The assets that a run delivered."""
    return sorted(name for name, (outcome, _) in outcomes(out).items() if outcome == "delivered")
