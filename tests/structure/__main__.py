"""Print the figures of the code's structure, or draw it. See docs/architecture.md.

python -m tests.structure                  # figures of this checkout
python -m tests.structure --root ../old    # figures of another checkout
python -m tests.structure --write          # write what docs/architecture.md shows of them
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.structure.figures import ROOT, figures, read_modules
from tests.structure.page import PAGE, written
from tests.structure.picture import PICTURE, picture


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.structure", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout to measure")
    targets = f"{PICTURE.relative_to(ROOT)} and the table of {PAGE.relative_to(ROOT)}"
    parser.add_argument("--write", action="store_true", help=f"write {targets}")
    options = parser.parse_args()
    modules = read_modules(options.root)
    found = figures(modules)
    for name, value in found.items():
        print(f"{value:>6}  {name}")
    if options.write:
        PICTURE.write_text(picture(modules), encoding="utf-8")
        PAGE.write_text(written(found), encoding="utf-8")


if __name__ == "__main__":
    main()
