"""The demo library that tests of the whole share: made once a session, by the real command."""

from __future__ import annotations

import fcntl
import json

import pytest
from hypothesis import settings

from tests.end_to_end.command import Demo, make_demo

# Speed is the benchmarks' matter: a busy machine must not fail a property.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# The smallest library with every reason has 80; with 180 every family has several samples.
ASSETS = 180


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Demo:
    """The shared library; with pytest-xdist the first worker makes it and the others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    root, said = shared / "demo", shared / "demo.json"
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(json.dumps(make_demo(root, ASSETS)), encoding="utf-8")
    return Demo(root, json.loads(said.read_text(encoding="utf-8")))
