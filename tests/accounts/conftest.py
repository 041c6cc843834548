"""A small log of the agency: made once for each file of tests, and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.accounts.small_log import Log, begin


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    begin(folder)
    return folder


@pytest.fixture
def log(begun: Path, tmp_path: Path) -> Log:
    shutil.copytree(begun, tmp_path / "log")
    return Log(tmp_path / "log")
