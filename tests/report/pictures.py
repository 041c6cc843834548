"""Takes pictures of pages for a person to look at, and says what axe and the console find.

    python -m tests.report.pictures FOLDER NAME=PAGE...

writes NAME-360.png, NAME-768.png, NAME-1280.png and NAME-print.png (as on A4) for each page.
"""

from __future__ import annotations

import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from tests.statements.browser import Browser, browser

_WIDTHS = {"360": 360, "768": 768, "1280": 1280, "print": 794}  # A4 has 794 CSS pixels
_MOST_HEIGHT = 3_200  # what is below is left out of a picture
_PAUSE_S = 0.4  # for what a page draws after it was loaded
_VIOLATIONS = (
    "axe.run().then((all) => all.violations.map((one) => one.id + ' ' + one.nodes[0].html))"
)


def look_at(chromium: Browser, page: Path, name: str, folder: Path) -> list[str]:
    """Takes the pictures of a page.

    Returns:
        What is wrong: violations found by axe, content wider than the window, and errors.
    """
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    wrong = []
    for label, width in _WIDTHS.items():
        medium = "print" if label == "print" else "screen"
        chromium.size(width, 900)
        chromium.call("Emulation.setEmulatedMedia", media=medium)
        chromium.open(page)
        time.sleep(_PAUSE_S)
        wider = chromium.value("document.documentElement.scrollWidth - innerWidth")
        found = [f"{wider} pixels wider than the window"] if wider > 0 else []
        if medium == "screen":
            chromium.value(f"{axe};0")
            found += [f"axe: {one[:200]}" for one in chromium.wait_for(_VIOLATIONS)]
        wrong += [f"{name}, {label}: {one}" for one in [*found, *chromium.errors]]
        height = chromium.value("document.documentElement.scrollHeight")
        chromium.size(width, min(height, _MOST_HEIGHT))
        time.sleep(_PAUSE_S)
        (folder / f"{name}-{label}.png").write_bytes(chromium.picture())
    return wrong


def main() -> None:
    """Takes the pictures that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as chromium:
        for word in sys.argv[2:]:
            name, _, page = word.partition("=")
            wrong = look_at(chromium, Path(page), name, folder)
            print("\n".join(wrong or [f"{name}: nothing found"]), flush=True)


if __name__ == "__main__":
    main()
