"""What steps leave for one another in the output store: tables, blocks of rows, commit records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from schemas.errors import FairshardError, InputError, RunError

_FAILURE = "failure.json"
_OUTDATED = "outdated.json"


@contextmanager
def record_failure(store: Store, work: str, fallback: str = "") -> Iterator[None]:
    """Leaves a deliberate error in the work area on its way out.

    Engines carry a worker's exception to the command as text at best; the note keeps its parts.

    Args:
        store: The output.
        work: Key prefix of the work area.
        fallback: A local file whose neighbour takes the note where the output cannot, or "": a full
            disk has no room for saying so.
    """
    try:
        yield
    except FairshardError as error:
        parts = [error.what, error.which, error.remedy]
        record = json_bytes({"exit_code": error.exit_code, "error": parts})
        try:
            store.write_bytes(f"{work}/{_FAILURE}", record)
        except (FairshardError, OSError):
            if fallback:
                _sibling(fallback).write_bytes(record)
        raise


def recorded_failure(store: Store, work: str, fallback: str = "") -> FairshardError | None:
    """The error that a worker noted, if one did."""
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
    """Notes that what a run left in the work area is not to be gone on with."""
    store.write_bytes(f"{work}/{_OUTDATED}", json_bytes({"outdated": True}))


def clear_outdated(store: Store, work: str) -> None:
    """Empties a work area that is noted to be outdated."""
    if store.exists(f"{work}/{_OUTDATED}"):
        store.delete_prefix(work)


def _sibling(path: str) -> Path:
    return Path(path).with_name(_FAILURE)
