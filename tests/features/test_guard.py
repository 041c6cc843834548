"""The guarded child process: its crashes and limits affect only the file that causes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.features.answers import failure_answer, file_answer
from pipelines.features.guard import Guard, this_guard
from pipelines.media.images import decode_and_hash
from pipelines.media.limits import MediaLimits
from pipelines.media.looks import CELLS_BYTES, LOOK_BYTES
from pipelines.media.phash import perceptual_signature
from schemas.errors import BadRecord
from tests.media.media_samples import LIMITS, encode, film, picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def guard() -> Guard:
    return Guard()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_one_child_serves_many_requests(guard: Guard) -> None:
    data = film(frames=6)
    assert guard.film(data, LIMITS).frames == 6
    first = guard.pid
    assert guard.image(encode(picture(), "PNG"), "png", LIMITS).facts.width == 160
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        guard.film(data[:-10], LIMITS)
    assert guard.pid == first is not None
    guard.close()
    assert first is not None and gone(first)


def stopped_child(guard: Guard) -> int:
    """Returns a stopped child, which does not respond, like one in a decoder's endless loop."""
    guard.film(film(frames=2), LIMITS)
    assert guard.pid is not None
    os.kill(guard.pid, signal.SIGSTOP)
    return guard.pid


class CrashingGuard(Guard):
    """A guard whose children die at every request."""

    fault = signal.SIGKILL
    started = 0

    def _start(self) -> subprocess.Popen[bytes]:
        process = super()._start()
        self.started += 1
        process.send_signal(self.fault)
        process.wait()
        return process


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_file_that_crashes_twice_fails(fault: signal.Signals) -> None:
    guard = CrashingGuard()
    guard.fault = fault
    with pytest.raises(BadRecord) as caught:
        guard.film(film(frames=2), LIMITS)
    assert caught.value.reason == "media.undecodable"
    assert caught.value.detail == f"the child crashed: signal {fault.value}"
    assert guard.started == 2 and guard.pid is None


def test_child_that_dies_of_another_cause_fails_no_file(guard: Guard) -> None:
    first = stopped_child(guard)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert guard.film(film(frames=2), LIMITS).frames == 2
    killer.join()
    assert guard.pid != first


def test_child_killed_between_requests_is_replaced(guard: Guard) -> None:
    guard.film(film(frames=2), LIMITS)
    first = guard.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert guard.film(film(frames=2), LIMITS).frames == 2


def test_film_that_takes_too_long_fails(guard: Guard) -> None:
    first = stopped_child(guard)
    hasty = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, decode_timeout_s=0.3)
    with pytest.raises(BadRecord, match=r"media.undecodable: the child took longer than 0.3 s"):
        guard.film(film(frames=2), hasty)
    assert gone(first)
    assert guard.film(film(frames=2), LIMITS).frames == 2


def test_picture_that_takes_too_much_memory_fails(guard: Guard) -> None:
    data = encode(picture(1500, 1000), "PNG", compress_level=1)
    poor = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, decode_memory_bytes=1 << 20)
    with pytest.raises(BadRecord, match=r"media\.undecodable: .*(memory|Memory|crashed)"):
        guard.image(data, "png", poor)
    assert guard.image(data, "png", LIMITS).facts.width == 1500


def test_large_film_that_takes_too_long_fails(guard: Guard) -> None:
    """It goes by the pipe, which a child that reads nothing does not empty."""
    first = stopped_child(guard)
    hasty = MediaLimits(2**30, LIMITS.max_pixels, decode_timeout_s=0.3)
    with pytest.raises(BadRecord, match=r"media.undecodable: the child took longer than 0.3 s"):
        guard.film(film(frames=2) + bytes(70 * 2**20), hasty)
    assert gone(first)


def test_a_request_starts_no_thread(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    guard.film(film(frames=2), LIMITS)
    monkeypatch.delattr(threading.Thread, "start")
    assert guard.image(encode(picture(), "PNG"), "png", LIMITS).facts.width == 160


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_the_child_answers_what_the_decoder_finds(guard: Guard, mode: str) -> None:
    for seed, size in enumerate([(700, 500), (160, 96), (1, 1), (9, 1300)]):
        data = encode(picture(*size, seed).convert(mode), "JPEG", quality=90)
        found = guard.image(data, "jpg", LIMITS)
        assert found == decode_and_hash(data, "jpg", LIMITS.max_pixels, LIMITS.side)
        assert found.signature == perceptual_signature(found.image)


class LyingGuard(Guard):
    """A guard whose child has been taken over and changes its answers."""

    def __init__(self, change: dict[str, Any]) -> None:
        super().__init__()
        self.change = change

    def _exchange(self, *request: Any) -> tuple[dict[str, Any], list[Any]]:
        header, images = super()._exchange(*request)
        return {**header, **self.change}, images


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"signature": {"phash": "0" * 63, "colour": "0" * 96}},
        {"signature": {"phash": "0" * 64, "colour": "z" * 96}},
        {"signature": {"phash": 1, "colour": "0" * 96}},
        {"look": None},
        {"look": {"search": "00" * LOOK_BYTES, "cells": "00"}},
        {"look": {"search": "00", "cells": "00" * CELLS_BYTES}},
        {"look": {"search": "zz" * LOOK_BYTES, "cells": "00" * CELLS_BYTES}},
        {"look": {"search": "00" * LOOK_BYTES, "cells": "00" * CELLS_BYTES}},
        {"look": {"search": "00" * LOOK_BYTES, "cells": "00" * (CELLS_BYTES + 40)}},
        {"facts": {}},
        {"facts": [1]},
        {"sizes": [[1, 1]]},
        {"sizes": 7},
    ],
)
def test_an_invalid_answer_fails_the_picture(change: dict[str, Any]) -> None:
    guard = LyingGuard(change)
    with pytest.raises(BadRecord, match=r"media\.undecodable: the decoder sent an invalid answer"):
        guard.image(encode(picture(), "PNG"), "png", LIMITS)
    guard.close()


@pytest.mark.parametrize("blobs", [[], [b"one", b"two"]])
def test_an_answer_that_is_not_one_file_is_refused(blobs: list[bytes]) -> None:
    with pytest.raises(BadRecord, match="an invalid answer"):
        file_answer(blobs)


@pytest.mark.parametrize("bad", [None, [], ["media.undecodable"], ["no.such", "x"], 7])
def test_an_invalid_failure_is_one_all_the_same(bad: object) -> None:
    assert failure_answer({"bad": bad}).reason == "media.undecodable"


def test_child_does_not_inherit_the_environment(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    guard.film(film(frames=2), LIMITS)
    assert b"do-not-tell" not in Path(f"/proc/{guard.pid}/environ").read_bytes()


def test_child_ends_with_its_parent() -> None:
    program = (
        "import os, signal\n"
        "from tests.media.media_samples import LIMITS, film\n"
        "from pipelines.features.guard import this_guard\n"
        "this_guard().film(film(frames=2), LIMITS)\n"
        "print(this_guard().pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == -signal.SIGKILL
    assert gone(int(run.stdout))


def test_each_thread_has_its_own_child() -> None:
    seen: list[int | None] = []

    def work() -> None:
        this_guard().film(film(frames=2), LIMITS)
        seen.append(this_guard().pid)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 2
    assert all(pid is not None and gone(pid) for pid in seen)
    this_guard().close()
