"""The program's child processes run their parent's code, wherever they are started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.process.isolated import python_command
from tests.hostile import Hostile

ROOT = Path(__file__).parents[2]
# A module of a copied source tree that prints what it imported and its arguments.
SPEAKS = """
import json, sys
import pipelines, schemas, schemas.errors
import numpy

def main():
    found = {"pipelines": pipelines.__file__, "schemas": schemas.__file__}
    print(json.dumps({**found, "path": sys.path, "words": sys.argv[1:],
                      "utf8": sys.flags.utf8_mode}))
"""
STARTS = """
import sys
sys.path.insert(0, sys.argv[1])
from pipelines.process.isolated import python_command
import subprocess
command = python_command("pipelines.speaks", "one", "two words")
sys.exit(subprocess.run(command).returncode)
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path / "elsewhere")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Returns a source tree that is not installed, with a name that needs quoting."""
    root = tmp_path / "a täee"
    for name in ("pipelines", "schemas"):
        skipped = shutil.ignore_patterns("__pycache__", "demo_model")
        shutil.copytree(ROOT / name, root / name, ignore=skipped)
    (root / "pipelines" / "speaks.py").write_text(SPEAKS)
    # Modules beside our packages, as in site-packages, must not shadow installed ones.
    (root / "json.py").write_text("raise SystemExit(67)\n")
    return root


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_child_imports_only_its_parents_code(tree: Path, hostile: Hostile, utf8: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-X", f"utf8={utf8}", "-c", STARTS, str(tree)],
        capture_output=True,
        text=True,
        cwd=hostile.folder,
        env={**os.environ, **hostile.environment},
    )
    assert (done.returncode, hostile.marks) == (0, []), done.stderr
    said = json.loads(done.stdout)
    assert said["pipelines"] == str(tree / "pipelines" / "__init__.py")
    assert said["schemas"] == str(tree / "schemas" / "__init__.py")
    assert said["utf8"] == int(utf8)
    assert said["words"] == ["one", "two words"]
    assert not {str(hostile.folder), str(tree), "", "."} & set(said["path"])


@pytest.mark.parametrize("module", ["pipelines.features.child", "pipelines.demo.media_child"])
def test_child_ignores_folder_and_environment(module: str, hostile: Hostile) -> None:
    done = subprocess.run(
        python_command(module),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=hostile.folder,
        env={**os.environ, **hostile.environment},
    )
    assert (done.returncode, hostile.marks) == (0, []), done.stderr


def test_child_of_a_missing_tree_runs_no_other_code(tree: Path) -> None:
    command = python_command("pipelines.speaks")
    elsewhere = [str(tree / "none") if word == str(ROOT) else word for word in command]
    assert elsewhere != command
    done = subprocess.run(elsewhere, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"no package 'pipelines' in {tree / 'none'}" in done.stderr
