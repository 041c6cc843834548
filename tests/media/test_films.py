"""Films: codecs, rotation, audio, limits and missing frames."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from pipelines.features.file_facts import film_file_facts
from pipelines.features.guard import Guard, this_guard
from pipelines.media.limits import MediaLimits
from pipelines.media.sniff import sniff_format
from schemas.errors import BadRecord
from schemas.reasons import Reason
from tests.cases.common import case_folder
from tests.media.media_samples import LIMITS, encode, film, picture, turned_film

_SHAPES = ((96, 64), (64, 96))


def red(image: Image.Image, x: int, y: int) -> int:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel[0]


@pytest.fixture(scope="module")
def guard() -> Guard:
    return this_guard()


def test_film_facts(guard: Guard) -> None:
    seen = guard.film(film(), LIMITS)
    assert (seen.codec, seen.pixel_format, seen.bit_depth) == ("h264", "yuv420p", 8)
    assert seen.keyframes_ms == (0, 250, 500, 750)
    assert seen.fps == 24 and seen.audio_codec == ""


@pytest.mark.parametrize("codec", ["mpeg4", "libx265", "libsvtav1", "libvpx-vp9"])
def test_supported_codecs_are_decoded(guard: Guard, codec: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg cannot encode {codec}")
    assert guard.film(film(codec=codec), LIMITS).frames == 24


@pytest.mark.parametrize(
    ("codec", "layout", "name", "bits"),
    [
        ("libx264", "yuv420p", "h264", 8),
        ("prores_ks", "yuv422p10le", "prores", 10),
        ("mjpeg", "yuvj420p", "mjpeg", 8),
        ("mpeg4", "yuv420p", "mpeg4", 8),
        ("mpeg2video", "yuv420p", "mpeg2video", 8),
        ("png", "rgb24", "png", 8),
        ("qtrle", "rgb24", "qtrle", 8),
    ],
)
def test_quicktime_films(guard: Guard, codec: str, layout: str, name: str, bits: int) -> None:
    data = film(codec=codec, layout=layout, container="mov", flags="")
    assert sniff_format(data) == "mov"
    seen = guard.film(data, LIMITS)
    assert (seen.codec, seen.bit_depth) == (name, bits)
    assert (seen.width, seen.height, seen.frames, seen.fps) == (96, 64, 24, Fraction(24))
    assert seen.duration_ms == 1000 and len(seen.samples) == 3
    # The red block moves to the right by a pixel a frame, and starts at the left.
    assert red(seen.samples[0], 12, 16) > 200


def test_quicktime_ends_a_list_with_zeros(guard: Guard) -> None:
    data = film(container="mov", flags="") + bytes(4)
    assert guard.film(data, LIMITS).frames == 24


def test_unlisted_codec_is_refused(guard: Guard) -> None:
    with pytest.raises(BadRecord, match=r"media\.unsupported_format: video codec ffv1; export it"):
        guard.film(_other_film("ffv1", "yuv420p"), LIMITS)


def _other_film(codec: str, layout: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _sound(video: bool) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        picture_stream: Any = container.add_stream("libx264", rate=24) if video else None
        sound: Any = container.add_stream("aac", rate=48000)
        if picture_stream:
            picture_stream.width, picture_stream.height = 64, 48
            picture_stream.pix_fmt = "yuv420p"
            for _ in range(6):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
                container.mux(picture_stream.encode(frame))
            container.mux(picture_stream.encode(None))
        samples = np.zeros((1, 1024), dtype=np.float32)
        block = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        block.sample_rate = 48000
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return out.getvalue()


def test_audio_is_allowed_but_not_alone(guard: Guard) -> None:
    assert guard.film(_sound(video=True), LIMITS).audio_codec == "aac"
    with pytest.raises(BadRecord, match="no video track"):
        guard.film(_sound(video=False), LIMITS)


def test_film_says_what_loaders_may_get_wrong(guard: Guard) -> None:
    data = film(aspect=Fraction(4, 3), codec="mpeg4")
    seen = film_file_facts(guard.film(turned_film(data), LIMITS))
    assert (seen["codec"], seen["audio_codec"], seen["has_alpha"]) == ("mpeg4", "", False)
    assert (seen["pixel_aspect_num"], seen["pixel_aspect_den"]) == (4, 3)
    with av.open(io.BytesIO(data), mode="r") as container:
        sizes = [packet.size for packet in container.demux(video=0)]
    assert seen["bitrate_bps"] == 8 * sum(sizes)  # of one second


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        ((1, 0, 0, 1), 1),
        ((-1, 0, 0, 1), 2),
        ((-1, 0, 0, -1), 3),
        ((1, 0, 0, -1), 4),
        ((0, 1, 1, 0), 5),
        ((0, 1, -1, 0), 6),
        ((0, -1, -1, 0), 7),
        ((0, -1, 1, 0), 8),
    ],
)
def test_display_matrix_is_given_as_a_code_of_exif(
    guard: Guard, matrix: tuple[int, int, int, int], code: int
) -> None:
    """A still with that code, turned by Pillow, lies as the film's frames do."""
    turned = guard.film(turned_film(film(), *matrix), LIMITS)
    assert turned.orientation == code
    still = guard.film(film(), LIMITS).samples[0]
    still.getexif()[0x0112] = code
    upright = np.asarray(ImageOps.exif_transpose(still)).astype(int)
    assert np.abs(np.asarray(turned.samples[0]).astype(int) - upright).max() <= 2


def test_rotated_film_is_decoded_upright(guard: Guard) -> None:
    plain, turned = (guard.film(data, LIMITS) for data in (film(), turned_film(film())))
    assert (turned.width, turned.height) == (64, 96)
    assert (turned.stored_width, turned.stored_height) == (96, 64)
    # The red block is in the upper left; a quarter turn clockwise moves it to the upper right.
    before, after = plain.samples[0], turned.samples[0]
    assert after.size == (64, 96)
    for x, y in ((10, 16), (60, 40), (90, 60)):
        assert after.getpixel((63 - y, x)) == before.getpixel((x, y))


def test_pixel_limit_applies_to_films(guard: Guard) -> None:
    small = MediaLimits(LIMITS.max_bytes, max_pixels=96 * 64 - 1)
    with pytest.raises(BadRecord, match=r"media\.too_large: 96 x 64 pixels"):
        guard.film(film(), small)


def test_film_samples_are_small(guard: Guard) -> None:
    seen = guard.film(film(), MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, side=48))
    assert [image.size for image in seen.samples] == [(48, 32)] * 3
    five = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, sample_frames=5)
    assert len(guard.film(film(), five).samples) == 5


def test_frames_missing_from_the_middle_are_detected(guard: Guard) -> None:
    """The data of several frames is overwritten with zeros; the index still lists them."""
    data = bytearray(film(frames=48, gop=12, flags=""))
    start = data.index(b"mdat") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    data[start + length // 3 : start + 2 * length // 3] = bytes(2 * length // 3 - length // 3)
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        guard.film(bytes(data), LIMITS)


def test_picture_is_not_accepted_as_a_film(guard: Guard) -> None:
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        guard.film(encode(picture(), "PNG"), LIMITS)


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((-1, 0, 0, 1), Image.Transpose.FLIP_LEFT_RIGHT),
        ((1, 0, 0, -1), Image.Transpose.FLIP_TOP_BOTTOM),
        ((-1, 0, 0, -1), Image.Transpose.ROTATE_180),
        ((0, -1, 1, 0), Image.Transpose.ROTATE_90),
        ((0, 1, -1, 0), Image.Transpose.ROTATE_270),
        ((0, 1, 1, 0), Image.Transpose.TRANSPOSE),
        ((0, -1, -1, 0), Image.Transpose.TRANSVERSE),
    ],
)
def test_turned_and_mirrored_films_are_seen_as_displayed(
    guard: Guard, matrix: tuple[int, int, int, int], turn: Image.Transpose
) -> None:
    plain, turned = (guard.film(data, LIMITS) for data in (film(), turned_film(film(), *matrix)))
    assert [own.transpose(turn) for own in plain.samples] == list(turned.samples)
    assert (turned.width, turned.height) == turned.samples[0].size
    assert (turned.stored_width, turned.stored_height) == (96, 64)


@pytest.mark.parametrize(
    ("aspect", "width"),
    [(Fraction(32, 27), 114), (Fraction(4, 3), 128), (Fraction(8, 9), 85), (Fraction(1), 96)],
)
def test_pixels_that_are_not_square_are_stretched(
    guard: Guard, aspect: Fraction, width: int
) -> None:
    seen = guard.film(film(aspect=aspect), LIMITS)
    assert (seen.width, seen.height) == (width, 64)
    assert (seen.stored_width, seen.stored_height) == (96, 64)
    assert {sample.size for sample in (*seen.samples, *seen.shot_samples)} == {(width, 64)}
    turned = guard.film(turned_film(film(aspect=aspect)), LIMITS)
    assert (turned.width, turned.height) == (64, width)
    assert turned.samples[0].size == (64, width)


def test_pixels_that_make_too_wide_a_picture(guard: Guard) -> None:
    few = MediaLimits(LIMITS.max_bytes, 96 * 64 + 100)
    assert guard.film(film(), few).width == 96
    with pytest.raises(BadRecord, match=r"media\.too_large: 192 x 64"):
        guard.film(film(aspect=Fraction(2)), few)


@pytest.mark.parametrize("name", ["1.mp4", "2.mp4", "3.mp4"])
def test_the_shared_films_with_cover_pictures(guard: Guard, name: str) -> None:
    data = (case_folder("23-cover-art") / "catalogue" / "media" / name).read_bytes()
    seen = guard.film(data, LIMITS)
    assert (seen.width, seen.height, seen.frames > 10) == (640, 480, True)


def test_the_shared_film_of_oblong_pixels(guard: Guard) -> None:
    folder = case_folder("11-anamorphic") / "catalogue" / "media"
    seen = guard.film((folder / "1.mp4").read_bytes(), LIMITS)
    assert (seen.width, seen.height) == (853, 480)
    assert {sample.size for sample in seen.samples} == {(512, 288)}


def test_the_shared_film_that_is_mirrored(guard: Guard) -> None:
    folder = case_folder("12-decoding") / "catalogue" / "media"
    plain, mirrored = (
        guard.film((folder / name).read_bytes(), LIMITS) for name in ("rot.mp4", "hflip.mp4")
    )
    flipped = [own.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for own in plain.samples]
    assert list(mirrored.samples) == flipped


def edited_film(data: bytes, *edits: tuple[int, int, int]) -> bytes:
    """Replaces a film's edit list: of each edit its duration, start and rate; its index is last."""
    at = data.index(b"edts") - 4
    old = int.from_bytes(data[at : at + 4])
    entries = b"".join(struct.pack(">Iii", *edit) for edit in edits)
    elst = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    new = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
    out = bytearray(data[:at] + new + data[at + old :])
    for parent in (b"moov", b"trak"):
        size = out.index(parent) - 4
        grown = int.from_bytes(out[size : size + 4]) + len(new) - old
        out[size : size + 4] = grown.to_bytes(4)
    return bytes(out)


EDITABLE = film(frames=48, flags="")
_FIRST = 1024  # media time of the first frame, behind the frames that are decoded before it
_SECOND = 12_288  # ticks of the film's time base
_RATE = 1 << 16


@pytest.mark.parametrize(
    ("edits", "frames", "ms", "shades"),
    [
        pytest.param([(2000, _FIRST, _RATE)], 48, 2000, (1, 4, 7), id="whole"),
        pytest.param([(1000, _FIRST, _RATE)], 24, 1000, (1, 2, 3), id="first half"),
        pytest.param([(1000, _FIRST + _SECOND, _RATE)], 24, 1000, (5, 6, 7), id="second half"),
        # The keyframe before the cut is decoded and not shown.
        pytest.param(
            [(1625, _FIRST + 3 * _SECOND // 8, _RATE)], 39, 1625, None, id="within a group"
        ),
        pytest.param([(500, -1, _RATE), (1000, _FIRST, _RATE)], 24, 1000, (1, 2, 3), id="delayed"),
        pytest.param(
            [(500, _FIRST + _SECOND, _RATE), (500, _FIRST, _RATE)], 24, 1000, None, id="swapped"
        ),
    ],
)
def test_edit_lists_are_followed(
    guard: Guard,
    edits: list[tuple[int, int, int]],
    frames: int,
    ms: int,
    shades: tuple[int, ...] | None,
) -> None:
    seen = guard.film(edited_film(EDITABLE, *edits), LIMITS)
    assert (seen.frames, seen.duration_ms, seen.fps) == (frames, ms, Fraction(24))
    if shades is not None:
        found = tuple(round(red(image, 90, 60) / 10) for image in seen.samples)
        assert found == shades


def test_frames_that_an_edit_list_hides_must_be_there_too(guard: Guard) -> None:
    """The places of the last frames lie behind the end of the file."""
    data = bytearray(edited_film(EDITABLE, (1000, _FIRST, _RATE)))
    table = data.index(b"stsz") + 16
    last = int.from_bytes(data[table - 4 : table]) - 1
    assert last == 47
    data[table + 4 * last : table + 4 * last + 4] = (1 << 24).to_bytes(4)
    with pytest.raises(BadRecord, match=r"media\.undecodable: only 47 of 48 frames"):
        guard.film(bytes(data), LIMITS)


def timed_film(times: list[int], unit: int) -> bytes:
    """Makes a film whose frames are shown at given times, in units of so many a second."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"video_track_timescale": str(unit)}) as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, unit)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, unit)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("times", "unit", "fps"),
    [
        ([25 * n for n in range(20)], 600, Fraction(24)),
        ([round(Fraction(600 * 1001 * n, 30_000)) for n in range(90)], 600, Fraction(30_000, 1001)),
        ([round(Fraction(1000 * n, 30)) for n in range(30)], 1000, Fraction(30)),
        ([0, 20, 40, 200, 220, 240, 600, 700], 600, Fraction(20, 3)),  # eight frames in 1.2 s
    ],
)
def test_frame_rates_are_exact_or_an_average(
    guard: Guard, times: list[int], unit: int, fps: Fraction
) -> None:
    seen = guard.film(timed_film(times, unit), LIMITS)
    assert seen.fps == fps and seen.frames == len(times)


@pytest.mark.parametrize("size", [(97, 65), (33, 21), (95, 64)])
def test_odd_sizes_are_shown_whole(guard: Guard, size: tuple[int, int]) -> None:
    if "libvpx-vp9" not in av.codecs_available:
        pytest.skip("this build of FFmpeg cannot encode films of odd sizes")
    seen = guard.film(film(*size, codec="libvpx-vp9"), LIMITS)
    assert (seen.width, seen.height) == size
    assert {image.size for image in (*seen.samples, *seen.shot_samples)} == {size}


def test_a_film_whose_frames_change_their_size_is_refused(guard: Guard) -> None:
    """A loader would give frames of two shapes, and one width and height would be wrong."""
    out = io.BytesIO()
    parts = [film(*size, 6, container="mov", codec="mjpeg", layout="yuvj420p") for size in _SHAPES]
    with av.open(out, "w", format="mov") as file:
        target, at = None, 0
        for part in parts:
            with av.open(io.BytesIO(part), "r") as source:
                track = source.streams.video[0]
                target = target or file.add_stream_from_template(track)
                for packet in source.demux(track):
                    if packet.size:
                        packet.pts = packet.dts = 512 * at
                        packet.stream = target
                        file.mux(packet)
                        at += 1
    with pytest.raises(BadRecord, match="frame 6 has 64 x 96 pixels, the first 96 x 64") as bad:
        guard.film(out.getvalue(), LIMITS)
    assert bad.value.reason is Reason.MEDIA_UNSUPPORTED_FORMAT
