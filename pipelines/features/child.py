"""The guarded child process, which decodes untrusted media. Run by `guarded_child`."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import av

from pipelines.features.child_films import FILM_ANSWERS
from pipelines.features.child_metadata import METADATA_ANSWERS
from pipelines.features.child_pictures import PICTURE_ANSWERS
from pipelines.features.child_renditions import RENDITION_ANSWERS
from pipelines.features.pipe_messages import (
    Answer,
    Channel,
    Header,
    PipeMessageError,
    SharedMemory,
)
from pipelines.process.identity import end_with_parent
from pipelines.process.priority import keep_ordinary_priority
from schemas.errors import BadRecord
from schemas.reasons import Reason

# The parent kills a child that exceeds its time; this limit is for a child whose parent has died.
_GRACE_S = 30
_ANSWERS = {**FILM_ANSWERS, **PICTURE_ANSWERS, **METADATA_ANSWERS, **RENDITION_ANSWERS}


def _limit(request: Header, size_bytes: int, base_bytes: int) -> None:
    """Limits the resources that this one request may use.

    Args:
        request: The request.
        size_bytes: The size of the file.
        base_bytes: The memory that this process took up at its start.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = int(used.ru_utime + used.ru_stime) + int(request["cpu_s"]) + 1
    memory_bytes = base_bytes + int(request["memory_bytes"]) + 2 * size_bytes
    for kind, soft in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_AS, memory_bytes)):
        hard = resource.getrlimit(kind)[1]
        allowed = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(kind, (allowed, hard))
    signal.setitimer(signal.ITIMER_REAL, int(request["timeout_s"]) + 1 + _GRACE_S)


def _memory_bytes() -> int:
    """Returns the size of this process's address space; 0 on a system without /proc."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _answer(request: Header, data: bytes) -> Answer:
    try:
        return _ANSWERS[request["what"]](request, data)
    except BadRecord as bad:
        return {"bad": [str(bad.reason), bad.detail]}, []
    except MemoryError:
        return {"bad": [Reason.MEDIA_UNDECODABLE, "the decoder ran out of memory"]}, []
    # Any exception that hostile bytes provoke counts as the file's fault; see images.py.
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"[:200].replace("\n", " ")
        return {"bad": [Reason.MEDIA_UNDECODABLE, detail]}, []


def main() -> None:
    """Answers requests until the parent closes the pipe or ends, even in the middle of a file."""
    end_with_parent()
    keep_ordinary_priority()
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries that print would damage the messages
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, resource.getrlimit(kind)[1]))
    av.logging.set_level(av.logging.PANIC)
    shared = SharedMemory(int(sys.argv[1])) if len(sys.argv) > 1 else None
    channel = Channel(0, answers, shared)
    base_bytes = _memory_bytes()
    channel.send({"ready": True})
    while True:
        try:
            request = channel.receive_header()
        except PipeMessageError:
            return
        _limit(request, sum(request["blobs"]), base_bytes)
        (blob,) = channel.receive_blobs(request, sum(request["blobs"]))
        header, blobs = _answer(request, bytes(blob))
        del blob
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(header, blobs)
