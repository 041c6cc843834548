"""Small files that would cost minutes or gigabytes are failed assets, and soon."""

from __future__ import annotations

import resource
import signal
import struct
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines.features.guard import Guard
from pipelines.media import flatten, images
from pipelines.media.headers import jpeg_scans
from pipelines.media.limits import MAX_SCANS, MediaLimits
from schemas.errors import BadRecord
from tests.media.media_samples import encode, film, picture, png16, png_chunk

LIMITS = MediaLimits(max_bytes=50_000_000, max_pixels=178_956_970)
PROGRESSIVE = encode(picture(), "JPEG", progressive=True)
BASELINE = encode(picture(), "JPEG")


@pytest.fixture
def guard() -> Iterator[Guard]:
    made = Guard()
    yield made
    made.close()


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan stands there so many times."""
    start, end = PROGRESSIVE.rindex(b"\xff\xda"), PROGRESSIVE.rindex(b"\xff\xd9")
    own = jpeg_scans(PROGRESSIVE, 1_000)
    return PROGRESSIVE[:start] + PROGRESSIVE[start:end] * (count - own + 1) + b"\xff\xd9"


def test_scans_are_counted() -> None:
    assert jpeg_scans(BASELINE, 10) == 1
    assert 5 <= jpeg_scans(PROGRESSIVE, 100) <= 12
    for count in (20, MAX_SCANS, 1_000):
        assert jpeg_scans(many_scans(count), 2_000) == count
    assert jpeg_scans(many_scans(1_000), MAX_SCANS) == MAX_SCANS + 1


@given(st.binary(max_size=200), st.integers(1, 4))
def test_what_looks_like_a_scan_elsewhere_is_none(noise: bytes, fill: int) -> None:
    comment = noise + b"\xff\xda\x00\x08" * 200
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    filled = BASELINE[:2] + segment + b"\xff" * fill + BASELINE[3:] + b"\xff\xda\x00\x08" * 200
    assert jpeg_scans(filled, 1_000) == 1


@given(st.binary(max_size=300))
def test_counting_ends_on_any_bytes(data: bytes) -> None:
    assert 0 <= jpeg_scans(b"\xff\xd8" + data, 10) <= 11


def refused(guard: Guard, data: bytes, fmt: str, limits: MediaLimits = LIMITS) -> str:
    with pytest.raises(BadRecord) as caught:
        guard.image(data, fmt, limits)  # type: ignore[arg-type]
    return f"{caught.value.reason}: {caught.value.detail}"


def peak_bytes(guard: Guard) -> int:
    status = Path(f"/proc/{guard.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("count", [MAX_SCANS + 1, 1_000])
def test_a_jpeg_of_many_scans(guard: Guard, count: int) -> None:
    assert (
        refused(guard, many_scans(count), "jpg") == f"media.too_large: more than {MAX_SCANS} scans"
    )
    assert guard.image(PROGRESSIVE, "jpg", LIMITS).facts.progressive


def flat_png(side: int, depth: int, colour: int) -> bytes:
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + (side * channels * depth + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    palette = png_chunk(b"PLTE", bytes(3)) if colour == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + palette
        + png_chunk(b"IDAT", body)
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.long
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (16, 0), (8, 3), (8, 4), (8, 6)])
def test_an_almost_empty_png_costs_nothing(guard: Guard, depth: int, colour: int) -> None:
    """These took three to four gigabytes each."""
    data = flat_png(13_370, depth, colour)
    assert len(data) < 800_000
    assert f"media.too_large: {len(data)} bytes take " in refused(guard, data, "png")
    assert peak_bytes(guard) < 400 * 2**20


@pytest.mark.long
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 3), (8, 6), (16, 0)])
def test_a_picture_below_that_takes_little(guard: Guard, depth: int, colour: int) -> None:
    data = flat_png(5_000, depth, colour)
    assert guard.image(data, "png", LIMITS).facts.width == 5_000
    assert peak_bytes(guard) < 600 * 2**20


class ExhaustedGuard(Guard):
    """A guard whose every child has used up its processor time."""

    started = 0

    def _start(self) -> subprocess.Popen[bytes]:
        process = super()._start()
        self.started += 1
        process.send_signal(signal.SIGXCPU)
        process.wait()
        return process


def test_what_takes_too_much_processor_time_is_not_tried_twice() -> None:
    guard = ExhaustedGuard()
    detail = "media.undecodable: the child used more than 30 s of processor time"
    assert refused(guard, BASELINE, "jpg") == detail
    assert guard.started == 1 and guard.pid is None


def test_the_limits_of_a_child_are_those_of_its_request(guard: Guard) -> None:
    modest = replace(LIMITS, picture_cpu_s=7, picture_memory_bytes=100 * 2**20)
    guard.image(BASELINE, "jpg", modest)
    assert guard.pid is not None
    cpu_s, _ = resource.prlimit(guard.pid, resource.RLIMIT_CPU)
    memory_bytes, _ = resource.prlimit(guard.pid, resource.RLIMIT_AS)
    assert 7 < cpu_s < 7 + 20
    guard.film(film(frames=2), modest)
    assert resource.prlimit(guard.pid, resource.RLIMIT_CPU)[0] > 600
    more = resource.prlimit(guard.pid, resource.RLIMIT_AS)[0] - memory_bytes
    assert more > LIMITS.decode_memory_bytes - 200 * 2**20


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "PA", "I;16", "transparent"])
def test_strips_give_the_same_pixels(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = picture(301, 217)
    if mode == "I;16":
        data = png16((np.arange(301 * 217) * 7 % 65536).reshape(217, 301).astype(np.uint16))
    elif mode == "transparent":
        data = encode(plain.convert("P"), "PNG", transparency=3)
    else:
        image = plain.convert("P") if mode == "PA" else plain.convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        data = encode(image, "PNG", **({"transparency": bytes(range(256))} if mode == "PA" else {}))
    whole = images.decode_for_models(data, "png", 10**6)
    monkeypatch.setattr(flatten, "_STRIP_PIXELS", 301 * 10)
    assert images.decode_for_models(data, "png", 10**6) == whole


def test_large_messages_go_by_the_pipe(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    data = BASELINE + bytes(70 * 2**20)
    roomy = replace(LIMITS, max_bytes=2**30)
    assert guard.image(data, "jpg", roomy).image == guard.image(BASELINE, "jpg", roomy).image


def test_files_of_any_size_arrive_whole(guard: Guard) -> None:
    for seed, side in enumerate((8, 500, 2_000, 9, 1_200)):
        shown = picture(side, side, seed)
        found = guard.image(encode(shown, "PNG", compress_level=1), "png", LIMITS).image
        expected = images.decode_for_models(encode(shown, "PNG"), "png", LIMITS.max_pixels).image
        assert found == expected
