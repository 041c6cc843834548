"""A pytest plugin that writes which files of a folder the tests opened: `FOLDER` to `FOUND`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_FOLDER = str(Path(os.environ["FOLDER"]).resolve()) + os.sep
_opened: set[str] = set()


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(_FOLDER):
            _opened.add(path.removeprefix(_FOLDER))


sys.addaudithook(_note)


def pytest_sessionfinish() -> None:
    Path(os.environ["FOUND"]).write_text("\n".join(sorted(_opened)))
