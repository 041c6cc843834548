#!/usr/bin/env python3
"""Builds the wheel, which has all that a remote worker needs, from a checkout.

    infra/wheel.py [FOLDER]

It is built in a folder of its own from `pipelines/` and `schemas/`, so that what earlier builds
left behind does not get in, and with one time for all files, so that the same code gives the same
wheel. FOLDER (default: dist) gets the file, whose path is printed.

It needs pip, and setuptools from a package index or, with --no-build-isolation, from the
environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_EPOCH = "315532800"  # the first second of 1980, the earliest that a zip file can state


def main() -> int:
    """Builds the wheel and prints its path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="dist", type=Path)
    parser.add_argument("--no-build-isolation", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairshard-wheel-") as folder:
        source, built = Path(folder, "source"), Path(folder, "built")
        leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in ("pipelines", "schemas"):
            shutil.copytree(ROOT / name, source / name, ignore=leave_out)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        more = ["--no-build-isolation"] if options.no_build_isolation else []
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"),
                *("--no-deps", "--wheel-dir", str(built), *more, str(source)),
            ],
            env={**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH)},
            check=True,
        )
        (made,) = built.glob("*.whl")
        options.folder.mkdir(parents=True, exist_ok=True)
        target = options.folder / made.name
        shutil.copyfile(made, target)
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
