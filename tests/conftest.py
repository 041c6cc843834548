"""Fixtures that all tests share, such as the demo library, made once per session."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from pipelines.process.no_garbage import collecting_no_garbage
from pipelines.process.priority import keep_ordinary_priority
from pipelines.vision.models import ModelRef, parse_model
from tests.end_to_end.command import Demo, make_demo
from tests.shared import REMEMBERED_VARIABLE, made_once, skip_sync

# Speed is measured by the benchmarks; property tests must not fail on a busy machine. The fast
# tests try the same examples on every run, so that only a change can make them fail; the slow tests
# try new ones (`--hypothesis-profile=exploring`).
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")

# The smallest library with every reason has 90; with 180 every family has several samples.
ASSETS = 180


os.fsync = skip_sync
# The films that tests make are encoded in the tests' own processes.
keep_ordinary_priority()

# Otherwise every process that a test starts compiles the modules again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder in which all processes of the session remember the model's answers.

    It is one of the session's temporary folders: if the session is killed, a later one removes it.
    """
    if not hasattr(config, "workerinput"):
        factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
        os.environ[REMEMBERED_VARIABLE] = str(factory.mktemp("remembered"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes that folder."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(REMEMBERED_VARIABLE), ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collects tests without looking for garbage, of which imports leave none."""
    with collecting_no_garbage():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Marks tests that need the shared library as `long`, and puts files of long tests first.

    Files are shared out in this order among processes, so that none is left with a long file at the
    end. The first process makes the shared library, which takes long; the second has files that do
    not need it, so that it need not wait: they are at every second place. Those of readers are
    first, since they have a library of their own to make.
    """
    for item in items:
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker("long")
    yield  # pytest itself chooses by marks and sorts
    demo_files = {item.path for item in items if "demo" in getattr(item, "fixturenames", ())}
    long_files = {item.path for item in items if item.get_closest_marker("long")} - demo_files
    demo_order = sorted(demo_files, key=lambda path: ("conformance" in path.parts, path))
    long_order = sorted(long_files, key=lambda path: ("conformance" not in path.parts, path))
    places = {path: 2 * at for at, path in enumerate(demo_order)}
    places |= {path: 2 * at + 1 for at, path in enumerate(long_order)}
    last = len(items)  # asked for now: a list that is being sorted is empty
    items.sort(key=lambda item: places.get(item.path, last))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Demo:
    """Returns the shared library."""
    made = made_once(tmp_path_factory, worker_id, "demo", lambda root: make_demo(root, ASSETS))
    return Demo(*made)


@pytest.fixture(scope="session")
def demo_model() -> ModelRef:
    """Returns the demonstration model."""
    return parse_model("demo")
