"""Counts the requests that this process sends to S3, by kind; each attempt counts."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from pipelines.storage.progress import report_progress

#: Beginning of the name of a progress line's step that states how many requests were sent.
REQUESTS = "requests "
_lock = threading.Lock()
_sent: Counter[str] = Counter()


def count_requests(client: Any) -> None:
    """Counts from now on what a boto3 client sends; a retry is a further request."""
    client.meta.events.register("before-send.s3", _note)


def _note(event_name: str, **_: object) -> None:
    with _lock:
        _sent[event_name.rpartition(".")[2]] += 1


def take_request_counts() -> dict[str, int]:
    """Returns how many requests of each kind were sent since the last call, by S3's names."""
    with _lock:
        taken = dict(sorted(_sent.items()))
        _sent.clear()
    return taken


def report_requests(path: str) -> None:
    """Appends to a progress file how many requests of each kind were sent since the last call.

    Args:
        path: The file, or "" for none.
    """
    if path:
        for kind, sent in take_request_counts().items():
            report_progress(path, f"{REQUESTS}{kind}", sent)
