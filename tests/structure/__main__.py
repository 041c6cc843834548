"""Print the figures of the code's structure, or draw it. See docs/architecture.md.

python -m tests.structure                  # figures of this checkout
python -m tests.structure --root ../old    # figures of another checkout
python -m tests.structure --draw           # write docs/architecture.svg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.structure.figures import ROOT, figures, read_modules
from tests.structure.picture import PICTURE, picture


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.structure", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout to measure")
    parser.add_argument("--draw", action="store_true", help=f"write {PICTURE.relative_to(ROOT)}")
    options = parser.parse_args()
    modules = read_modules(options.root)
    for name, value in figures(modules).items():
        print(f"{value:>6}  {name}")
    if options.draw:
        PICTURE.write_text(picture(modules), encoding="utf-8")


if __name__ == "__main__":
    main()
