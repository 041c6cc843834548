"""Starts Python processes that import this installation's code, whatever the folder or environment.

`python -m` looks for modules in the current directory and in PYTHONPATH first, so it would run a
`pipelines/` package that happens to be there. The processes started here ignore both (`python -I`)
and are told where this program's packages are. This file is also the script that such a process
starts with, so it imports nothing from this program.
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
    """Returns the command line that runs a module's `main` in a separate process.

    The process imports `pipelines` and `schemas` from the same place as this process, and all other
    packages from the interpreter's installation. The current directory, the PYTHON… variables and
    the user's site-packages have no effect.

    Args:
        module: A module of this program with a function `main` that takes no arguments.
        arguments: The arguments that `main` finds in `sys.argv[1:]`.
    """
    top = sys.modules[__name__.partition(".")[0]]
    (folder,) = top.__path__
    # Both must encode file names alike, but `-I` may ignore what enabled UTF-8 mode here.
    utf8 = ["-X", "utf8"] if sys.flags.utf8_mode else []
    return [sys.executable, "-I", *utf8, __file__, str(Path(folder).parent), module, *arguments]


class _Ours:
    """Import finder that takes this program's packages from one folder only.

    The folder may be site-packages; other packages in it are searched for in the usual order.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`; submodules are found through their package."""
        if name not in _OURS:
            return None
        found = PathFinder.find_spec(name, [self._root], target)
        if found is None:
            raise ModuleNotFoundError(f"no package {name!r} in {self._root}", name=name)
        return found


def main() -> None:
    """Runs the module named on the command line."""
    _, root, module, *arguments = sys.argv
    sys.meta_path.insert(0, _Ours(root))
    sys.argv = [module, *arguments]
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
