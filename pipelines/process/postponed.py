"""Imports modules when they are first used, although others import them at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

_WAITING, _RUNS = "_fairshard_lock", "_fairshard_runs"


def postpone(*names: str) -> None:
    """Has modules run when something in them is first asked for, and not when they are imported.

    `importlib.util.LazyLoader` does not help with what others import: in Python 3.11 a second
    `import` of such a module runs it.

    Args:
        names: Full names of modules; those that have been imported, or are not installed, are left
            alone.
    """
    sys.meta_path.insert(0, _Finder(frozenset(names)))


class _Finder:
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._names:
            return None
        return _wrap_loader(name, path, target, _Waiting, lambda one: isinstance(one, _Finder))


def _wrap_loader(
    name: str,
    path: Sequence[str] | None,
    target: ModuleType | None,
    wrap: Callable[[Loader], Loader],
    is_passed_over: Callable[[object], bool],
) -> ModuleSpec | None:
    """Returns what the first finder that knows a module finds, with its loader wrapped."""
    for finder in sys.meta_path:
        spec = None if is_passed_over(finder) else finder.find_spec(name, path, target)
        if spec is not None:
            if spec.loader is not None:
                spec.loader = wrap(spec.loader)
            return spec
    return None


class _Wrapped(Loader):
    """Makes a module as its own loader does, and leaves the module no trace of the wrapping."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def _unwrap(self, module: ModuleType) -> None:
        if module.__spec__ is None:
            raise AssertionError("a module that is imported has a spec")
        module.__spec__.loader = module.__loader__ = self._loader


class _Waiting(_Wrapped):
    """Makes a module and leaves it to the module's first use to run it."""

    def exec_module(self, module: ModuleType) -> None:
        self._unwrap(module)
        module.__dict__[_WAITING] = threading.RLock()
        module.__class__ = _Postponed


class _Postponed(ModuleType):
    """A module that has not run yet; asking for a name that it does not have runs it."""

    def __getattr__(self, name: str) -> object:
        own = self.__dict__
        lock = own.get(_WAITING)
        if lock is not None:
            with lock:  # other threads wait here until the module has run
                if _RUNS in own:  # what it imports asks for a name that it does not have yet
                    raise AttributeError(f"module {self.__name__!r} has no {name!r} yet")
                _run(self)  # which may have changed its class meanwhile
        return getattr(self, name)  # of an ordinary module


def _run(module: ModuleType) -> None:
    own = module.__dict__
    if _WAITING not in own:  # another thread has run it
        return
    own[_RUNS] = True
    try:
        own["__spec__"].loader.exec_module(module)
    finally:
        del own[_RUNS]
    module.__class__ = ModuleType
    del own[_WAITING]


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Lets this thread find modules not installed within the block, unless they are imported."""
    finder = _Missing(frozenset(names), threading.get_ident())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def leave_out(importing: str, *names: str) -> None:
    """Has a package be imported as if modules that it can do without were not installed.

    Args:
        importing: Full name of the package.
        names: Full names of the modules; see `without`.
    """
    import_within(importing, lambda: without(*names))


def import_within(name: str, block: Callable[[], AbstractContextManager[None]]) -> None:
    """Has a module run within a block when it is imported for the first time."""
    sys.meta_path.insert(0, _WithinFinder(name, block))


class _Missing:
    def __init__(self, names: frozenset[str], thread: int) -> None:
        self._names = names
        self._thread = thread

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in self._names and self._thread == threading.get_ident():
            raise ModuleNotFoundError(f"{name} is left out here", name=name)
        return None


class _WithinFinder:
    def __init__(self, name: str, block: Callable[[], AbstractContextManager[None]]) -> None:
        self._name = name
        self._block = block

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        wrap = partial(_Within, block=self._block)
        return _wrap_loader(name, path, target, wrap, lambda one: one is self)


class _Within(_Wrapped):
    """Makes a module and runs it within a block."""

    def __init__(self, loader: Loader, block: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(loader)
        self._block = block

    def exec_module(self, module: ModuleType) -> None:
        self._unwrap(module)
        with self._block():
            self._loader.exec_module(module)
