"""Looks for garbage seldom, or not at all during imports."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 20_000  # after which the newest are looked through; by default 700


@contextmanager
def collecting_no_garbage() -> Iterator[None]:
    """Has the block collect no garbage: imports leave none, and looking for it takes a fifth."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def collect_seldom() -> None:
    """Has this process look for garbage as in the block of `collecting_seldom`."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Has the block look for garbage after more new objects than by default.

    Rows are thousands of objects that live until their unit or shard is done, and are no garbage.
    """
    usual = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
