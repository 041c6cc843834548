"""The table of engines: what differs, fails or hangs is said."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from tests.bench import engine_matrix
from tests.bench.engine_table import FIRST, Cell, problems, table

SAME = [
    Cell(FIRST, "demo", "a" * 64, 2.0, 4.0),
    Cell(FIRST, "sparse", "b" * 64, 1.0, 1.0),
    Cell(FIRST, "s3", "b" * 64, 1.0, 1.0),
    Cell("Dask, one worker", "demo", "a" * 64, 3.0, 5.0),
    Cell("Dask, one worker", "s3", "b" * 64, 3.0, 5.0),
]


def test_equal_deliveries_are_no_problem_and_ratios_are_to_the_first_engine() -> None:
    assert problems(SAME) == []
    line = next(line for line in table(SAME) if line.startswith("Dask") and " demo " in line)
    assert line.split()[-5:] == ["aaaaaaaaaaaa", "3.0", "1.50", "5.0", "1.25"]


def test_other_bytes_and_failures_are_named() -> None:
    other = [*SAME[:3], replace(SAME[3], sha256="c" * 64), replace(SAME[4], failure="it fell")]
    assert problems(other) == [
        f"Dask, one worker, library demo: delivery {'c' * 64}, not {'a' * 64}",
        "Dask, one worker, library s3: it fell",
    ]


def test_bucket_of_the_first_engine_must_have_the_bytes_of_its_folder() -> None:
    found = problems([*SAME[:2], replace(SAME[2], sha256="d" * 64)])
    assert found == [f"{FIRST}, library s3: delivery {'d' * 64}, not {'b' * 64}"]


def test_hanging_command_is_killed_and_failing_one_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def python(*words: object) -> list[str]:
        return [sys.executable, "-c", *map(str, words)]

    monkeypatch.setattr(engine_matrix, "command", python)
    began = time.monotonic()
    hangs = "import time; time.sleep(60)"
    assert engine_matrix.run_command([hangs], {}, 0.3) == "it did not end in 0.3 s and was killed"
    assert time.monotonic() - began < 20
    fails = "import sys; sys.exit('no space')"
    assert engine_matrix.run_command([fails], {}, 60) == "exit code 1: no space"
    assert engine_matrix.run_command(["pass"], {}, 60) == ""


def test_four_workers_run_only_if_all_are_asked_for() -> None:
    chosen = engine_matrix.wanted(("Dask, one worker",), everything=False)
    assert chosen == [FIRST, "Dask, one worker"]
    assert "Dask, four workers" not in engine_matrix.wanted((), everything=False)
    assert "Dask, four workers" in engine_matrix.wanted((), everything=True)


def test_engine_that_does_not_start_fails_and_none_begins_when_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def broken(name: str, variables: object) -> Iterator[list[object]]:
        raise AssertionError(f"{name} does not listen")
        yield []

    monkeypatch.setattr(engine_matrix, "_engine", broken)
    server = SimpleNamespace(endpoint="", environment=lambda endpoint: {})
    place = cast("engine_matrix._Place", SimpleNamespace(server=server))
    engines, libraries = ["Prism, LOOPBACK", FIRST], ["demo", "sparse"]
    cells = list(engine_matrix.measure(place, engines, libraries, math.inf))
    assert [(cell.engine, cell.library) for cell in cells] == [
        (engine, library) for engine in engines for library in libraries
    ]
    said = "it could not be started, read or stopped: Prism, LOOPBACK does not listen"
    assert cells[0].failure == said and len(problems(cells)) == 4
    assert list(engine_matrix.measure(place, engines, libraries, 0.0)) == []
