"""Every file of `shared/vectors` is read by a test that docs/proofs.md names, and it passes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.shared import inner_environment

ROOT = Path(__file__).parents[1]
VECTORS = ROOT.parent / "shared" / "vectors"
_ROW = re.compile(r"\| `?([^|`]+)`? \| [^|]+ \| (\d*) ?\| `(tests/[^`]+)` \|")


def table() -> dict[str, tuple[int, str]]:
    """The files and the test of each row."""
    text = (ROOT / "docs/proofs.md").read_text(encoding="utf-8")
    section = text.partition("## Values from outside")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    found = [_ROW.fullmatch(line) for line in rows]
    assert found and None not in found, rows
    return {row[1].strip(): (int(row[2] or 0), row[3]) for row in found if row}


def files() -> set[str]:
    paths = (path for path in VECTORS.rglob("*") if path.is_file())
    return {path.relative_to(VECTORS).as_posix() for path in paths} - {"README.md"}


def folder_of(file: str, known: set[str]) -> str:
    """The row that a file belongs to; its own folder if there is none."""
    ancestors = [str(parent) for parent in Path(file).parents]
    return next((one for one in ancestors if one in known), ancestors[0])


@pytest.mark.long
def test_every_vector_is_run(tmp_path: Path) -> None:
    if not VECTORS.is_dir():
        pytest.skip("the external test vectors are not available")
    rows = table()
    counted = Counter(folder_of(file, set(rows)) for file in files())
    assert counted == {name: count for name, (count, _) in rows.items() if count}
    found = tmp_path / "opened"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "tests.opened_files", *sorted({test for _, test in rows.values()})),
        ],
        cwd=ROOT,
        env=inner_environment() | {"FOLDER": str(VECTORS), "FOUND": str(found)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "skipped" not in ended.stdout and "deselected" not in ended.stdout, ended.stdout
    assert files() - set(found.read_text().splitlines()) == set()


def test_a_pytest_within_a_test_gets_none_of_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--junitxml=report.xml")
    monkeypatch.setenv("FOLDER", "here")
    found = inner_environment()
    assert "PYTEST_ADDOPTS" not in found and found["FOLDER"] == "here"


def test_every_row_names_a_test() -> None:
    rows = table()
    assert len(rows) >= 6
    for _, test in rows.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), test
