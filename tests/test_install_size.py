"""What a buyer installs, reader and `apply-removals` included, takes at most 400 MB."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_MOST_MB = 400
_USES = "import pipelines.reader, pipelines.cli; print(len(pipelines.cli.COMMANDS))"


@pytest.mark.slow
def test_the_base_install_is_small(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    for name in ("pipelines", "schemas"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin/python"
    words = ["install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(source)]
    done = subprocess.run([python, "-m", "pip", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip could not install the base: {done.stderr.strip()[-200:]}")
    used = subprocess.run([python, "-c", _USES], cwd=tmp_path, capture_output=True, check=False)
    assert used.returncode == 0, used.stderr
    size = subprocess.run(["du", "-sm", place], capture_output=True, text=True, check=True)
    assert int(size.stdout.split()[0]) <= _MOST_MB
