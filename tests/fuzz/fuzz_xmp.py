"""Looks for bytes that the readers of metadata raise on, or that lose a denial.

`python -m tests.fuzz.fuzz_xmp -max_total_time=300`, with libFuzzer's options. A finding is kept
as a row of `REGRESSIONS` in tests/signals/file/test_xmp_hostile.py.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["pipelines.signals", "rdflib.plugins.parsers"]):
    from pipelines.signals.file.metadata import read_metadata
    from pipelines.signals.file.metadata_blocks import MAX_STATEMENT_CHARS

from schemas.rights import Permission
from tests.signals.file import xmp_builder as build

_DENIAL = build.packet(attributes='plus:DataMining="DMI-PROHIBITED"')
_CARRIERS = tuple(build.CARRIERS.values())


def check(data: bytes) -> None:
    """Reads the bytes as a file, as a packet in one container, and as a second packet of a file.

    Raises:
        AssertionError: A line is not one printable line, or a denial is lost.
    """
    carrier = _CARRIERS[data[0] % len(_CARRIERS)] if data else build.jpeg_xmp
    files = [data]
    if len(data) < 60_000:
        files.append(carrier(data))
    for file in files:
        reading = read_metadata(file)
        for line in (*(s.said for s in reading.signals), *(f.detail for f in reading.faults)):
            if len(line) > MAX_STATEMENT_CHARS or not line.isprintable():
                raise AssertionError(f"no printable line: {line!r}")
    beside = read_metadata(build.jpeg_xmp(_DENIAL) + data)
    if sum(signal.value is Permission.DENY for signal in beside.signals) < 6:
        raise AssertionError("a denial is lost")


def main() -> None:
    """Runs libFuzzer with the command line's options."""
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
