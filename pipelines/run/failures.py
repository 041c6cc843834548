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
def noting_failure(store: Store, work: str, aside: str = "") -> Iterator[None]:
    """Leaves a deliberate error in the work area on its way out.

    Engines carry a worker's exception to the command as text at best; the note keeps its parts.

    Args:
        store: The output.
        work: Key prefix of the work area.
        aside: A local file whose neighbour takes the note where the output cannot, or "": a full
            disk has no room for saying so.
    """
    try:
        yield
    except FairshardError as error:
        parts = [error.what, error.which, error.remedy]
        note = json_bytes({"exit_code": error.exit_code, "error": parts})
        try:
            store.write_bytes(f"{work}/{_FAILURE}", note)
        except (FairshardError, OSError):
            if aside:
                _beside(aside).write_bytes(note)
        raise


def noted_failure(store: Store, work: str, aside: str = "") -> FairshardError | None:
    """The error that a worker noted, if one did."""
    key = f"{work}/{_FAILURE}"
    if aside and _beside(aside).is_file():
        note = json.loads(_beside(aside).read_bytes())
    elif store.exists(key):
        note = read_json(store, key)
        store.delete(key)
    else:
        return None
    kind = InputError if note["exit_code"] == InputError.exit_code else RunError
    return kind(*note["error"])


def leave_outdated(store: Store, work: str) -> None:
    """Notes that what a run left in the work area is not to be gone on with."""
    store.write_bytes(f"{work}/{_OUTDATED}", json_bytes({"outdated": True}))


def drop_outdated(store: Store, work: str) -> None:
    """Empties a work area that is noted to be outdated."""
    if store.exists(f"{work}/{_OUTDATED}"):
        store.delete_prefix(work)


def _beside(path: str) -> Path:
    return Path(path).with_name(_FAILURE)
