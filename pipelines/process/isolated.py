"""Python processes that run this very code, whatever folder and environment they are started in.

`python -m` looks for modules in the current directory and in PYTHONPATH before anywhere else, so
that a folder with a `pipelines/` of its own would be run. A process of ours is isolated from both
(`python -I`) and is told where our packages are. This file is also the program that it starts with,
hence it imports nothing of ours.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_OURS = ("pipelines", "schemas")


def python_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module's `main` in a process of its own.

    The process imports our packages from where this one has them, and all others from the
    interpreter's own installation: the current directory, the variables PYTHON… and the user's
    site-packages decide nothing.

    Args:
        module: A module of ours with a function `main` that takes no arguments.
        arguments: What `main` finds in `sys.argv[1:]`.
    """
    top = sys.modules[__name__.partition(".")[0]]
    (folder,) = top.__path__
    # Both must encode file names alike; what turned UTF-8 on here may be ignored there.
    utf8 = ["-X", "utf8"] if sys.flags.utf8_mode else []
    return [sys.executable, "-I", *utf8, __file__, str(Path(folder).parent), module, *arguments]


class _Ours:
    """Finds our packages in one folder, whatever else has their names.

    Other packages in that folder, which may be site-packages, keep their place in the search.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`; modules inside a package follow their package."""
        if name not in _OURS:
            return None
        found = PathFinder.find_spec(name, [self._root], target)
        if found is None:
            raise ModuleNotFoundError(f"no package {name!r} in {self._root}", name=name)
        return found


def main() -> None:
    """Runs the module that this process was started for."""
    _, root, module, *arguments = sys.argv
    sys.meta_path.insert(0, _Ours(root))
    sys.argv = [module, *arguments]
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
