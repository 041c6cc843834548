"""A run works while it is not known yet whether another writer was first in the agency's log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.storage.local_store import LocalStore
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.sparse import Library
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package_options
from tests.end_to_end.test_sparse import planted

_CALLS = ("write_bytes", "write_new", "delete_prefix")


def test_publishing_and_tidying_are_part_of_the_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def noting(name: str) -> Any:
        done = getattr(LocalStore, name)

        def note(self: LocalStore, key: str, *more: Any, **named: Any) -> Any:
            calls.append(f"{name} {key}")
            return done(self, key, *more, **named)

        return note

    for name in _CALLS:
        monkeypatch.setattr(LocalStore, name, noting(name))
    write_library(Library(tuple(planted(unit, bits=1) for unit in range(2)), bits=1), tmp_path)
    save_key(tmp_path / "key", demonstration_key(1))
    ended = run_in_process(*package_options(tmp_path, str(tmp_path / "out")))
    assert ended.code == 0, ended.err
    at = {call: number for number, call in enumerate(calls)}
    begun, recorded = (at[f"write_new agency/books/records/{index:08d}.json"] for index in range(2))
    [manifest] = (at[call] for call in at if call.endswith("delivery/MANIFEST.json"))
    [tidied] = (at[call] for call in at if call.startswith("delete_prefix agency/work/"))
    marks = [at[call] for call in at if "agency/books/events/" in call]
    assert begun < manifest < min(marks) < recorded < tidied < max(marks)
