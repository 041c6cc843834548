"""Rights metadata in the guarded child: there is always a reading, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.features.guard import Guard
from pipelines.features.reading_json import reading_from_json, reading_to_json
from pipelines.media.formats import FORMATS, Format
from pipelines.media.limits import MediaLimits
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import NO_TRUST, TrustLists
from schemas.rights import Permission, Purpose
from schemas.signal import AssertionKind, FileAssertion, Origin, Reading, ReadingFault, Signal
from tests.media.media_samples import LIMITS, encode, film, picture, png_chunk
from tests.signals.file.c2pa_builder import allowing, denying, identity, plain, sign

SECRET = b"Zoe Quill, Paris"


@pytest.fixture(scope="module")
def live_guard() -> Iterator[Guard]:
    """Yields one child for the tests that do not harm it."""
    guard = Guard()
    yield guard
    guard.close()


def assert_one_fault(reading: Reading, detail: str) -> None:
    (fault,) = reading.faults
    assert not reading.signals and not reading.claims
    assert fault.origin is Origin.FILE and fault.where == "metadata" and detail in fault.detail
    assert len(fault.sha256) == 64


@pytest.mark.parametrize("fmt", FORMATS)
def test_child_reads_the_same_as_the_reader(live_guard: Guard, fmt: Format) -> None:
    for data in (denying(fmt), allowing(fmt), plain(fmt)):
        for trust in (identity().trust, NO_TRUST):
            assert live_guard.signals(data, fmt, trust, LIMITS) == read_embedded(data, fmt, trust)


def test_files_without_metadata_start_no_child() -> None:
    guard = Guard()
    assert not guard.signals(plain("jpg"), "jpg", NO_TRUST, LIMITS)
    assert guard.pid is None


def test_trust_follows_the_request(live_guard: Guard) -> None:
    data = allowing("jpg")
    for trust, value in ((identity().trust, Permission.ALLOW), (NO_TRUST, Permission.UNKNOWN)) * 2:
        reading = live_guard.signals(data, "jpg", trust, LIMITS)
        assert {signal.value for signal in reading.signals} == {value}


def test_new_child_gets_the_trust_lists_again(live_guard: Guard) -> None:
    for _ in range(2):
        reading = live_guard.signals(allowing("jpg"), "jpg", identity().trust, LIMITS)
        assert {signal.value for signal in reading.signals} == {Permission.ALLOW}
        assert live_guard.pid is not None
        os.kill(live_guard.pid, signal.SIGKILL)


def test_reading_and_decoding_share_a_child(live_guard: Guard) -> None:
    assert live_guard.signals(denying("png"), "png", NO_TRUST, LIMITS).signals
    pid = live_guard.pid
    assert live_guard.image(encode(picture(), "PNG"), "png", LIMITS).facts.width == 160
    assert live_guard.signals(denying("png"), "png", NO_TRUST, LIMITS).signals
    assert live_guard.pid == pid


class CrashingReaderGuard(Guard):
    """A guard whose children die at every request."""

    fault = signal.SIGKILL
    started = 0

    def _start(self) -> subprocess.Popen[bytes]:
        process = super()._start()
        self.started += 1
        process.send_signal(self.fault)
        process.wait()
        return process


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGABRT])
def test_metadata_that_crashes_twice_is_a_fault(fault: signal.Signals) -> None:
    guard = CrashingReaderGuard()
    guard.fault = fault
    assert_one_fault(
        guard.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS), f"signal {fault.value}"
    )
    assert guard.started == 2 and guard.pid is None


def test_metadata_that_crashes_once_is_read(live_guard: Guard) -> None:
    live_guard.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS)
    first = live_guard.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()
    assert live_guard.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS).signals
    killer.join()
    assert live_guard.pid != first


def test_slow_metadata_is_a_fault(live_guard: Guard) -> None:
    live_guard.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS)
    assert live_guard.pid is not None
    os.kill(live_guard.pid, signal.SIGSTOP)
    short = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, signals_timeout_s=0.3)
    assert_one_fault(
        live_guard.signals(denying("jpg"), "jpg", NO_TRUST, short), "longer than 0.3 s"
    )
    assert live_guard.signals(denying("jpg"), "jpg", NO_TRUST, LIMITS).signals


def test_too_little_memory_is_a_fault_for_one_file_only(live_guard: Guard) -> None:
    live_guard.close()
    little = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, decode_memory_bytes=1 << 20)
    reading = live_guard.signals(allowing("jpg"), "jpg", identity().trust, little)
    assert reading.faults and not reading.signals
    reading = live_guard.signals(allowing("jpg"), "jpg", identity().trust, LIMITS)
    assert {signal.value for signal in reading.signals} == {Permission.ALLOW}


def test_less_than_the_default_memory_is_enough(live_guard: Guard) -> None:
    live_guard.close()
    limits = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, decode_memory_bytes=2 << 30)
    data = sign(encode(picture(2000, 1500), "JPEG", quality=95), "jpg", [])
    assert live_guard.signals(data, "jpg", identity().trust, limits).claims[0].value == "Trusted"


def test_too_many_statements_are_a_fault(live_guard: Guard) -> None:
    crowd = [
        {
            "label": f"cawg.training-mining.n{number}",
            "data": {"entries": {f"cawg.x{entry}": {"use": "allowed"} for entry in range(200)}},
        }
        for number in range(6)
    ]
    data = sign(plain("jpg"), "jpg", crowd)
    assert_one_fault(live_guard.signals(data, "jpg", NO_TRUST, LIMITS), "statements about rights")


def test_trust_list_refused_by_the_library_is_a_fault(live_guard: Guard) -> None:
    reading = live_guard.signals(denying("jpg"), "jpg", TrustLists("rubbish"), LIMITS)
    assert reading.faults


_READING = Reading(
    (Signal(Origin.FILE, Purpose.INDEX, Permission.DENY, "w", "x", "0" * 64, "", "s"),),
    (FileAssertion(AssertionKind.CREATOR, "\ud800", "x", "0" * 64),),
    (ReadingFault(Origin.SERVER, "x", "d", "0" * 64),),
)


def test_readings_round_trip_through_json() -> None:
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
def test_invalid_reading_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        reading_from_json({**reading_to_json(_READING), **change})
    answer = reading_to_json(_READING)
    del answer["faults"]
    with pytest.raises(KeyError):
        reading_from_json(answer)


class LyingGuard(Guard):
    """A guard whose child has been taken over and invents its answers."""

    def _exchange(self, *_: object) -> tuple[dict[str, Any], list[Any]]:
        return {"reading": {"signals": [{"origin": "file"}], "claims": [], "faults": []}}, []


def test_invalid_answer_from_the_child_is_a_fault() -> None:
    assert_one_fault(
        LyingGuard().signals(denying("jpg"), "jpg", NO_TRUST, LIMITS), "an invalid answer"
    )


def with_thumbnail(data: bytes) -> bytes:
    """Returns a JPEG whose JFIF segment has a thumbnail of 2 x 2 pixels, which is the secret."""
    at = data.index(b"JFIF\0") + 12
    return data[:4] + (16 + 12).to_bytes(2) + data[6:at] + b"\2\2" + SECRET[:12] + data[at + 2 :]


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Returns a PNG with a chunk more."""
    at = data.index(b"IDAT") - 4
    return data[:at] + png_chunk(kind, body) + data[at:]


def with_long_header(data: bytes) -> bytes:
    """Returns an extended WebP whose header is longer than it should be."""
    size = (10 + len(SECRET)).to_bytes(4, "little")
    body = b"WEBPVP8X" + size + bytes(4) + (159).to_bytes(3, "little") + (95).to_bytes(3, "little")
    body += SECRET + data[12:]
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def with_handler_name(data: bytes) -> bytes:
    """Returns a film without any box for text, whose track has a name."""
    at = data.index(b"VideoHandler")
    named = data[:at] + SECRET[:12] + data[at + 12 :]
    return named.replace(b"udta", b"trex").replace(b"meta", b"trex").replace(b"free", b"mdat")


@pytest.mark.parametrize(
    ("fmt", "data"),
    [
        ("jpg", with_thumbnail(encode(picture(), "JPEG"))),
        ("png", with_chunk(encode(picture(), "PNG"), b"sPLT", SECRET + b"\0\x08")),
        ("png", with_chunk(encode(picture(), "PNG"), b"tIME", SECRET[:7])),
        ("webp", with_long_header(encode(picture(), "WEBP", lossless=True))),
        ("mp4", with_handler_name(film(frames=2))),
    ],
)
def test_what_parts_without_metadata_can_hide_is_removed(
    live_guard: Guard, fmt: Format, data: bytes
) -> None:
    assert SECRET[:7] in data
    for setting in ("none", "rights-only"):
        stripped = live_guard.strip(data, fmt, setting, 1, NO_TRUST, LIMITS)
        assert SECRET[:7] not in stripped
