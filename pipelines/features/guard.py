"""The guard of each thread: a child process that reads files which may be hostile."""

from __future__ import annotations

import os
import threading

from pipelines.features.guard_films import FilmGuard
from pipelines.features.guard_metadata import MetadataGuard
from pipelines.features.guard_pictures import PictureGuard
from pipelines.features.guard_renditions import RenditionGuard

_local = threading.local()


class Guard(PictureGuard, FilmGuard, MetadataGuard, RenditionGuard):
    """All that a child process is asked about files; not thread-safe."""


def this_guard() -> Guard:
    """Returns this thread's guard."""
    return _guard_named("guard")


def this_inspector() -> Guard:
    """Returns this thread's guard for detectors.

    They take up most of the memory that decoding may use, so they are loaded in a child of their
    own: whether a large picture can be decoded must not depend on what was looked at before.
    """
    return _guard_named("inspector")


def _guard_named(name: str) -> Guard:
    guard: Guard | None = getattr(_local, name, None)
    if guard is None or guard.owner != os.getpid():
        guard = Guard()
        setattr(_local, name, guard)
    return guard
