"""A run's name is published, so it tells nothing of the agency's ids to who tries."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import Any

from pipelines.run.job import Job


def name(salt: bytes, retry: str) -> str:
    run: Any = SimpleNamespace(first_run_id="0123456789abcdef", retry=retry, salt=salt)
    made: Any = Job.run_id
    return str(made.func(run))


def test_files_that_were_read_again_are_not_found_by_trying() -> None:
    """The buyer knows the first run's name and the file's digest, and tries ids."""
    guess = json.dumps({"img-003": "5e" * 32}, separators=(",", ":")).encode()
    retry = hashlib.sha256(guess).hexdigest()
    unsalted = f'{{"retry":"{retry}","run":"0123456789abcdef"}}'
    made = name(bytes(32), retry)
    assert made != hashlib.sha256(unsalted.encode()).hexdigest()[:16]
    assert made != name(bytes([1]) * 32, retry)
    assert made == name(bytes(32), retry) != name(bytes(32), "0" * 64)
