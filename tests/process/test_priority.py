"""No encoder raises the priority of the child in which it runs, nor of the tests' own process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.features.guard import Guard
from pipelines.media.render_film import FilmSettings, missing_encoder
from pipelines.signals.file.trust import NO_TRUST
from tests.media.media_samples import LIMITS, film

_AV1 = FilmSettings("transcode", "av1", 1 << 31, keeps_sound=True)


def policies(pid: int) -> set[int]:
    """Returns the scheduling policies of a process's threads."""
    return {os.sched_getscheduler(int(one.name)) for one in Path(f"/proc/{pid}/task").iterdir()}


@pytest.mark.skipif(missing_encoder("av1") != "", reason="this build has no AV1 encoder")
def test_encoding_av1_keeps_ordinary_priority() -> None:
    guard = Guard()
    try:
        guard.render_film(film(), "mp4", _AV1, "keep", NO_TRUST, LIMITS)
        assert guard.pid is not None and policies(guard.pid) == {os.SCHED_OTHER}
    finally:
        guard.close()


def test_what_tests_encode_keeps_ordinary_priority() -> None:
    film(codec="libsvtav1")
    assert policies(os.getpid()) == {os.SCHED_OTHER}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise a priority")
def test_priority_cannot_be_raised() -> None:
    with pytest.raises(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
