"""The table of `tests.bench.engine_matrix`, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FIRST = "embedded, one process"
LIBRARIES = ("demo", "sparse", "s3")
_SHOWN = 12  # characters of a sha256


@dataclass(frozen=True)
class Cell:
    """What one engine made of one library.

    Attributes:
        engine: The engine.
        library: The library.
        sha256: Of the names and digests of all files of `delivery/`; "" if the run failed.
        clock_s: Elapsed time of the command.
        processor_s: Processor time of all processes meanwhile, without the S3 service.
        failure: Why there is no delivery; "" if there is one.
    """

    engine: str
    library: str
    sha256: str = ""
    clock_s: float = 0.0
    processor_s: float = 0.0
    failure: str = ""


def problems(cells: Sequence[Cell]) -> list[str]:
    """Returns what is wrong: runs that failed, and deliveries that are not the first engine's."""
    first = {cell.library: cell.sha256 for cell in cells if cell.engine == FIRST}
    if "sparse" in first and "s3" in first:
        first["s3"] = first["sparse"]  # a bucket has the bytes of a folder
    found = []
    for cell in cells:
        where = f"{cell.engine}, library {cell.library}"
        if cell.failure:
            found.append(f"{where}: {cell.failure}")
        elif cell.sha256 != first[cell.library]:
            found.append(f"{where}: delivery {cell.sha256}, not {first[cell.library]}")
    return found


def table(cells: Sequence[Cell]) -> list[str]:
    """Returns the lines of the table, library by library."""
    first = {cell.library: cell for cell in cells if cell.engine == FIRST}
    lines = [f"{'engine':<26}{'library':<9}{'delivery':<14}{'clock, s':>9}{'ratio':>7}"]
    lines[0] += f"{'processor, s':>14}{'ratio':>7}"
    for library in LIBRARIES:
        for cell in cells:
            if cell.library != library:
                continue
            line = f"{cell.engine:<26}{library:<9}{cell.sha256[:_SHOWN] or 'none':<14}"
            line += f"{cell.clock_s:9.1f}{_ratio(cell.clock_s, first[library].clock_s)}"
            line += f"{cell.processor_s:14.1f}"
            lines.append(line + _ratio(cell.processor_s, first[library].processor_s))
    return lines


def _ratio(value: float, base: float) -> str:
    return f"{value / base:7.2f}" if base else f"{'':7}"
