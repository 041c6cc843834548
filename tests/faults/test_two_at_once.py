"""Two runs of one deal, started together: one makes the version, the other changes nothing."""

from __future__ import annotations

from pathlib import Path

from .conftest import Library
from .outputs import Expected, check_ended, told
from .runs import Starter

TIMES = 10
_SAYS = (
    "Another run is making this version",
    "Another run has published this version",
)


def test_two_runs_at_once(
    library: Library, runs: Starter, expected: Expected, tmp_path: Path
) -> None:
    refused = late = 0
    for number in range(TIMES):
        output = library.warm(tmp_path / str(number))
        arguments = library.package(output.uri, "--workers", 1)
        both = [runs.start(*arguments) for _ in range(2)]
        codes = sorted(run.wait() for run in both)
        winners = [run for run in both if run.code == 0 and '"counts"' in run.said()]
        assert len(winners) == 1, [run.said() for run in both]
        for run in both:
            if run is winners[0]:
                continue
            if run.code == 0:  # it came when the other had ended
                assert '"made": false' in run.said(), run.said()
                late += 1
            else:
                told(run.errors())
                assert run.code == 1 and any(text in run.errors() for text in _SAYS), run.errors()
                refused += 1
        assert codes in ([0, 0], [0, 1])
        assert check_ended(output, expected) == 0
    print(f"{TIMES} pairs: {refused} refused, {late} came after the end")
    assert refused > late
