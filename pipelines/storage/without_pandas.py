"""Lets Arrow start without pandas, which most runs do not need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pipelines.process.postponed import import_within, without


@cache  # once in a process
def start_arrow() -> None:
    """Imports Arrow and has it convert a value, for which it looks for pandas: 0.3 seconds.

    When something imports pandas later, Arrow finds it then, or it would take a series for any
    sequence of values.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa  # which takes long as well

    with without("pandas"):
        pa.array([0])
    import_within("pandas", _found_by_arrow)


@contextmanager
def _found_by_arrow() -> Iterator[None]:
    import pyarrow as pa

    yield
    pa.table({}).to_pandas()  # looks for pandas again
