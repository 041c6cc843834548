"""What the processes of a session share: folders that the first worker makes, and `skip_sync`."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Names the folder of what `tests.remembered` knows.
REMEMBERED_VARIABLE = "FAIRSHARD_TESTS_REMEMBERED"


def skip_sync(fd: object) -> None:
    """Takes the place of `os.fsync`, which waited for the disk for minutes in every session.

    It guards against a loss of power only, which no test can cause. Tests of faults run commands
    in processes of their own, which do wait.
    """


def inner_environment() -> dict[str, str]:
    """Returns this process's environment for a pytest within a test.

    Options for the outer pytest stay away, as that would otherwise write the same report.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def made_once(
    factory: pytest.TempPathFactory, worker_id: str, name: str, make: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """Makes a folder; with pytest-xdist the first worker makes it and the others wait.

    Args:
        factory: The session's factory of temporary folders.
        worker_id: The worker's id in pytest-xdist.
        name: The folder's name.
        make: Fills the folder, which does not exist yet, and returns a JSON value.

    Returns:
        The folder and what `make` returned.
    """
    base = factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    root, said = shared / name, shared / f"{name}.json"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(json.dumps(make(root)), encoding="utf-8")
    return root, json.loads(said.read_text(encoding="utf-8"))
