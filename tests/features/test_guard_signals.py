"""Rights metadata in the guarded child: whatever becomes of it, there is a reading."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.features.guard import Guard
from pipelines.features.readings import reading_from_json, reading_to_json
from pipelines.media.formats import Format
from pipelines.media.limits import MediaLimits
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import NO_TRUST, TrustLists
from schemas.rights import Purpose, Value
from schemas.signal import Claim, ClaimKind, Fault, Origin, Reading, Signal
from tests.media.media_samples import LIMITS, encode, picture
from tests.signals.file.c2pa_builder import allowing, denying, identity, plain, sign


@pytest.fixture(scope="module")
def warm() -> Iterator[Guard]:
    """One child for the tests that do it no harm."""
    guard = Guard()
    yield guard
    guard.close()


def assert_one_fault(reading: Reading, detail: str) -> None:
    (fault,) = reading.faults
    assert not reading.signals and not reading.claims
    assert fault.origin is Origin.FILE and fault.where == "metadata" and detail in fault.detail
    assert len(fault.sha256) == 64


@pytest.mark.parametrize("fmt", ["jpg", "png", "webp", "mp4"])
def test_the_child_reads_what_a_reader_here_reads(warm: Guard, fmt: Format) -> None:
    for data in (denying(fmt), allowing(fmt), plain(fmt)):
        for trust in (identity().trust, NO_TRUST):
            assert warm.signals(data, fmt, trust, LIMITS) == read_embedded(data, fmt, trust)


def test_plain_files_start_no_child() -> None:
    guard = Guard()
    assert not guard.signals(plain("jpg"), "jpg", NO_TRUST, LIMITS)
    assert guard.pid is None


def test_trust_follows_the_request(warm: Guard) -> None:
    data = allowing("jpg")
    for trust, value in ((identity().trust, Value.ALLOW), (NO_TRUST, Value.UNKNOWN)) * 2:
        reading = warm.signals(data, "jpg", trust, LIMITS)
        assert {signal.value for signal in reading.signals} == {value}


def test_a_new_child_is_told_of_trust_again(warm: Guard) -> None:
    for _ in range(2):
        reading = warm.signals(allowing("jpg"), "jpg", identity().trust, LIMITS)
        assert {signal.value for signal in reading.signals} == {Value.ALLOW}
        assert warm.pid is not None
        os.kill(warm.pid, signal.SIGKILL)


def test_reading_and_decoding_share_a_child(warm: Guard) -> None:
    assert warm.signals(denying("png"), "png", NO_TRUST, LIMITS).signals
    pid = warm.pid
    assert warm.image(encode(picture(), "PNG"), "png", LIMITS).facts.width == 160
    assert warm.signals(denying("png"), "png", NO_TRUST, LIMITS).signals
    assert warm.pid == pid


class CrashingGuard(Guard):
    """A guard whose every child dies as soon as it is asked."""

    fault = signal.SIGKILL
    started = 0

    def _start(self) -> subprocess.Popen[bytes]:
        process = super()._start()
        self.started += 1
        process.send_signal(self.fault)
        process.wait()
        return process


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGABRT])
def test_what_crashes_twice_is_a_fault(fault: signal.Signals) -> None:
    guard = CrashingGuard()
    guard.fault = fault
    assert_one_fault(
        guard.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS), f"signal {fault.value}"
    )
    assert guard.started == 2 and guard.pid is None


def test_what_crashes_once_is_read(warm: Guard) -> None:
    warm.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS)
    first = warm.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert warm.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS).signals
    killer.join()
    assert warm.pid != first


def test_what_is_late_is_a_fault(warm: Guard) -> None:
    warm.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS)
    assert warm.pid is not None
    os.kill(warm.pid, signal.SIGSTOP)
    hasty = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, signals_timeout_s=0.3)
    assert_one_fault(warm.signals(denying("jpg"), "jpg", NO_TRUST, hasty), "longer than 0.3 s")
    assert warm.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS).signals


def test_too_little_memory_is_a_fault_and_no_lasting_one(warm: Guard) -> None:
    warm.close()
    poor = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, decode_memory_bytes=1 << 20)
    reading = warm.signals(allowing("jpg"), "jpg", identity().trust, poor)
    assert reading.faults and not reading.signals
    reading = warm.signals(allowing("jpg"), "jpg", identity().trust, LIMITS)
    assert {signal.value for signal in reading.signals} == {Value.ALLOW}


def test_less_than_the_default_memory_is_enough(warm: Guard) -> None:
    warm.close()
    limits = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, decode_memory_bytes=2 << 30)
    data = sign(encode(picture(2000, 1500), "JPEG", quality=95), "jpg", [])
    assert warm.signals(data, "jpg", identity().trust, limits).claims[0].value == "Trusted"


def test_a_file_that_says_too_much_is_a_fault(warm: Guard) -> None:
    crowd = [
        {
            "label": f"cawg.training-mining.n{number}",
            "data": {"entries": {f"cawg.x{entry}": {"use": "allowed"} for entry in range(200)}},
        }
        for number in range(6)
    ]
    data = sign(plain("jpg"), "jpg", crowd)
    assert_one_fault(warm.signals(data, "jpg", NO_TRUST, LIMITS), "statements about rights")


def test_a_trust_list_that_the_library_refuses_is_a_fault(warm: Guard) -> None:
    reading = warm.signals(denying("jpg"), "jpg", TrustLists("rubbish"), LIMITS)
    assert reading.faults


_READING = Reading(
    (Signal(Origin.FILE, Purpose.INDEX, Value.DENY, "w", "x", "0" * 64, "", "s"),),
    (Claim(ClaimKind.CREATOR, "\ud800", "x", "0" * 64),),
    (Fault(Origin.SERVER, "x", "d", "0" * 64),),
)


def test_readings_survive_json() -> None:
    assert reading_from_json(reading_to_json(_READING)) == _READING


@pytest.mark.parametrize(
    "change",
    [
        {"signals": [1]},
        {"signals": [{}]},
        {"signals": None},
        {"claims": [{"kind": "creator", "value": 1, "where": "", "sha256": ""}]},
        {"claims": [{"kind": "king", "value": "", "where": "", "sha256": ""}]},
        {"claims": [{"kind": "creator", "value": "", "where": "", "sha256": "", "more": ""}]},
        {"faults": [{"origin": "file"}]},
    ],
)
def test_what_is_no_reading_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        reading_from_json({**reading_to_json(_READING), **change})
    answer = reading_to_json(_READING)
    del answer["faults"]
    with pytest.raises(KeyError):
        reading_from_json(answer)


class LyingGuard(Guard):
    """A guard whose child was taken over and makes its answers up."""

    def _exchange(self, *_: object) -> tuple[dict[str, Any], list[Any]]:
        return {"reading": {"signals": [{"origin": "file"}], "claims": [], "faults": []}}, []


def test_nonsense_from_the_child_is_a_fault() -> None:
    assert_one_fault(LyingGuard().signals(denying("jpg"), "jpg", NO_TRUST, LIMITS), "nonsense")
