"""The library for readers: made once a session, by the real command."""

from __future__ import annotations

import pytest

from tests.conformance.library import ReaderLibrary, make_library
from tests.shared import made_once


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> ReaderLibrary:
    """The library with a delivery of every profile."""
    root, _ = made_once(tmp_path_factory, worker_id, "library", make_library)
    return ReaderLibrary(root)
