"""The contracts of pyproject.toml hold and notice a breach; the docs show today's structure."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.figures import ROOT, arrows, circles, figures, levels, read_modules
from tests.structure.picture import PICTURE, picture


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    # PYTHONPATH wins over an editable install of the checkout under test.
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in ("pipelines", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "line", "broken"),
    [
        ("pipelines/storage/store.py", "import pipelines.run.job", "Imports only point down"),
        ("schemas/money.py", "import pipelines.storage", "Schemas import nothing"),
        (
            "pipelines/rights/arrow.py",
            "import pipelines.rights.rules.screen",
            "No circle of imports",
        ),
        ("pipelines/delivery/card.py", "import apache_beam", "Only the steps"),
        ("pipelines/verify/report.py", "import pipelines.rights.arrow", "The verifier"),
        ("pipelines/verify/shard.py", "def f():\n    import torch", "The verifier"),
    ],
)
def test_a_breach_is_noticed(copied: Path, path: str, line: str, broken: str) -> None:
    file = copied / path
    file.write_text(f"{file.read_text()}\n\n{line}\n")
    done = lint_imports(copied)
    assert done.returncode == 1, done.stdout
    verdicts = [text for text in done.stdout.splitlines() if " BROKEN" in text]
    assert any(text.startswith(broken) for text in verdicts), done.stdout


def test_figures() -> None:
    found = figures(read_modules(ROOT))
    # Seven of them are what a delivery's rights are checked by; five check shards apart: rows,
    # a sample, what its fields say of each other, stats and indexes of loaders.
    assert found["modules that verify reaches"] <= 88
    assert found["circles of modules"] == 0
    assert found["arrows that are part of a circle of rooms"] == 0
    assert found["imports from a level to a higher one"] == 0


def test_figures_notice_circles_and_upward_imports() -> None:
    modules = {
        "pipelines.storage.store": {"pipelines.run.job"},
        "pipelines.run.job": {"pipelines.storage.store"},
        "pipelines.verify.delivery": {"pipelines.run.job"},
    }
    found = figures(modules)
    assert found["circles of modules"] == 1
    assert found["arrows that are part of a circle of rooms"] == 2
    assert found["imports from a level to a higher one"] == 1
    assert found["modules that verify reaches"] == 2
    assert circles(arrows(modules)) == [{"pipelines.storage", "pipelines.run"}]


def test_every_folder_has_a_level() -> None:
    named = {name for level in levels() for name in level}
    folders = {
        path.name for path in (ROOT / "pipelines").iterdir() if (path / "__init__.py").is_file()
    }
    assert {f"pipelines.{name}" for name in folders} <= named


def test_the_picture_is_of_this_code() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(read_modules(ROOT)), (
        "python -m tests.structure --write"
    )
