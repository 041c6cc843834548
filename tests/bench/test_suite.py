"""The suite's figures and their comparison; the benchmarks themselves take minutes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.bench.compare import compare, main, read_figures
from tests.bench.suite import Figure, machine, result_json, speedups, table


def written(path: Path, rounds: dict[str, tuple[float, ...]], quick: bool = False) -> Path:
    figures = {"tar": [Figure(name, values) for name, values in rounds.items()]}
    path.write_text(result_json(quick, machine(), figures, {"b": "why"}, {"tar": 1.0}))
    return path


def test_a_figure_is_the_ratio_of_each_round() -> None:
    figure = speedups("x", [2.0, 6.0, 4.0], [1.0, 2.0, 1.0])
    assert (figure.rounds, figure.median) == ((2.0, 3.0, 4.0), 3.0)
    assert figure.scatter == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("old", "new", "is_worse"),
    [
        ((2.0, 2.0, 2.0), (1.7, 1.7, 1.7), True),
        ((2.0, 2.0, 2.0), (1.85, 1.85, 1.85), False),  # less than a tenth
        ((2.0, 1.0, 3.0), (1.7, 1.7, 1.7), False),  # within the old scatter
        ((2.0, 2.0, 2.0), (1.7, 1.0, 2.4), False),  # within the new scatter
        ((2.0, 2.0, 2.0), (9.0, 9.0, 9.0), False),
    ],
)
def test_worse_is_beyond_scatter(
    old: tuple[float, ...], new: tuple[float, ...], is_worse: bool
) -> None:
    [change] = compare({"x": Figure("x", old)}, {"x": Figure("x", new)})
    assert change.is_worse is is_worse


@pytest.mark.parametrize(
    ("new", "code"), [({"a": (2.0, 2.1)}, 1), ({"a": (2.0, 2.1), "b": (1.0,)}, 0)]
)
def test_the_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    new: dict[str, tuple[float, ...]],
    code: int,
) -> None:
    before = written(tmp_path / "old.json", {"a": (2.0, 2.1), "b": (1.0,)})
    after = written(tmp_path / "new.json", new)
    monkeypatch.setattr(sys, "argv", ["compare", str(before), str(after)])
    assert main() == code
    assert (" WORSE" in capsys.readouterr().out) == bool(code)  # a figure that is missing


def test_a_quick_run_is_not_compared_with_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [written(tmp_path / "old.json", {"a": (2.0,)}), tmp_path / "new.json"]
    written(paths[1], {"a": (2.0,)}, quick=True)
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, paths)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_the_file_names_the_machine(tmp_path: Path) -> None:
    path = written(tmp_path / "old.json", {"a": (2.0, 2.5)})
    value = json.loads(path.read_text())
    assert value["machine"].keys() >= {"processor", "cores", "memory_gib", "load_at_start"}
    assert read_figures(path) == (False, {"tar: a": Figure("a", (2.0, 2.5))})
    assert all(len(line) <= 80 for line in table([Figure("a" * 54, (12.0,))]).splitlines())
