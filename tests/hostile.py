"""A folder full of modules that must never run; each leaves a mark if it does."""

from __future__ import annotations

from pathlib import Path

# Names of our modules, of those that every interpreter imports at start, and of those that our
# processes import later.
NAMES = (
    "pipelines/__init__",
    "schemas/__init__",
    "sitecustomize",
    "usercustomize",
    "logging",
    "random",
    "pickle",
    "av",
    "torch",
    "apache_beam",
)


class Hostile:
    """The folder, and the marks left in it.

    Args:
        root: A new folder.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "hostile"
        self._marks = root / "marks"
        self._marks.mkdir(parents=True)
        for name in NAMES:
            path = self.folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            mark = self._marks / name.partition("/")[0]
            path.write_text(f"open({str(mark)!r}, 'w').close()\nraise SystemExit(66)\n")

    @property
    def marks(self) -> list[str]:
        """The names of the modules that ran."""
        return sorted(path.name for path in self._marks.iterdir())

    @property
    def environment(self) -> dict[str, str]:
        """Returns variables that point an interpreter to the folder, unless it ignores them."""
        start = str(self.folder / "sitecustomize.py")
        return {"PYTHONPATH": str(self.folder), "PYTHONSTARTUP": start}
