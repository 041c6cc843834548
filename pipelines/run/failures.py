"""Notes in a run's work area: the error that ended it, and whether its contents are outdated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from schemas.errors import AccessError, FairshardError, InputError, RunError

_FAILURE = "failure.json"
_OUTDATED = "outdated.json"


@contextmanager
def record_failure(store: Store, work: str, fallback: str = "") -> Iterator[None]:
    """Records a `FairshardError` that leaves the block in the work area, and raises it again.

    Engines pass a worker's exception to the command as text at best; the record keeps its parts.
    A store that cannot be reached any more is a fault of the run, which keeps its work.

    Args:
        store: The output.
        work: Key prefix of the work area.
        fallback: A local file; if the output cannot be written to, for example because its disk is
            full, the record is written next to this file. "" for no fallback.
    """
    try:
        yield
    except FairshardError as raised:
        error = raised.in_run() if isinstance(raised, AccessError) else raised
        parts = [error.what, error.which, error.remedy]
        record = json_bytes({"exit_code": error.exit_code, "error": parts})
        try:
            store.write_bytes(f"{work}/{_FAILURE}", record)
        except (FairshardError, OSError):
            if fallback:
                _sibling(fallback).write_bytes(record)
        if error is raised:
            raise
        raise error from raised


def recorded_failure(store: Store, work: str, fallback: str = "") -> FairshardError | None:
    """Returns the error that a worker recorded, or None."""
    key = f"{work}/{_FAILURE}"
    if fallback and _sibling(fallback).is_file():
        record = json.loads(_sibling(fallback).read_bytes())
    elif store.exists(key):
        record = read_json(store, key)
        store.delete(key)
    else:
        return None
    error_type = InputError if record["exit_code"] == InputError.exit_code else RunError
    return error_type(*record["error"])


def mark_outdated(store: Store, work: str) -> None:
    """Marks the work area as outdated, so that no run resumes from its contents."""
    store.write_bytes(f"{work}/{_OUTDATED}", json_bytes({"outdated": True}))


def clear_outdated(store: Store, work: str) -> None:
    """Empties a work area that is marked as outdated; the mark goes last.

    Otherwise a run that was killed meanwhile would leave outdated contents without a mark.
    """
    mark = f"{work}/{_OUTDATED}"
    if store.exists(mark):
        store.delete_many(found.key for found in store.list(work) if found.key != mark)
        store.delete_prefix(work)


def _sibling(path: str) -> Path:
    return Path(path).with_name(_FAILURE)
