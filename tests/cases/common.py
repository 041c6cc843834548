"""Runs the field cases of ../shared/cases, where they lie beside the repository."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from tests.end_to_end.command import CommandResult

CASES = Path(__file__).parents[3] / "shared" / "cases"
AS_OF = "2026-06-30"


def case_folder(name: str) -> Path:
    """The folder of a field case; skips the test where the cases are not at hand."""
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"the field cases are not at hand: {folder}")
    return folder


def run(*words: str | Path) -> CommandResult:
    """Runs a command in this process."""
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = main([str(word) for word in words])
    return CommandResult(code, output.getvalue(), errors.getvalue())


def check(folder: Path, *options: str | Path) -> CommandResult:
    """Checks a case."""
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml")
    return run("check", *words, *options)


def package(folder: Path, out: Path, *options: str | Path) -> CommandResult:
    """Packages a case."""
    words = ("--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--out", out)
    return run("package", *words, "--as-of", AS_OF, "--workers", "1", "--quiet", *options)


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
