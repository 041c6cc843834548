"""Films without sound: the picture track stays as it was, and nothing of the sound is left."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest

from pipelines.features.fact_rows import facts_row
from pipelines.features.guard import Guard, this_guard
from pipelines.features.prepare import prepare_media
from pipelines.features.renditions import find_form_refusal, make_rendition, needs_rendering
from pipelines.media.formats import Format
from pipelines.rights.resolve import Resolution
from pipelines.signals.file.trust import NO_TRUST
from schemas.deal import Deal, parse_deal
from schemas.errors import BadRecord, InputError
from schemas.features import FactsRow
from schemas.reasons import Reason
from schemas.signal import AssertionKind
from tests.deals import deal_text
from tests.media.media_samples import LIMITS, film, turned_film

_FILMS = 'profile = "video-text"\nmedia = ["video"]\n'
_FRAMES = 24


def sounding(
    container: str = "mp4", codec: str = "aac", options: str = "", sound_first: bool = False
) -> bytes:
    """A film of a second with noise for its sound, interleaved with the frames."""
    out = io.BytesIO()
    rng = np.random.default_rng(7)
    flags = {"movflags": options} if options else {}
    with av.open(out, mode="w", format=container, options=flags) as file:
        names = [(codec, 48_000), ("mpeg4", _FRAMES)]
        added: dict[str, Any] = {
            name: file.add_stream(name, rate=rate)
            for name, rate in (names if sound_first else reversed(names))
        }
        pictures, sound = added["mpeg4"], added[codec]
        pictures.width, pictures.height, pictures.pix_fmt = 160, 112, "yuv420p"
        sound.layout = "mono"
        for number in range(_FRAMES):
            pixels = np.full((112, 160, 3), 60, dtype=np.uint8)
            pixels[8:40, number : number + 40] = 200
            file.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            noise = rng.integers(-9_000, 9_000, (1, 2_000)).astype(np.int16)
            block = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            block.sample_rate, block.pts = 48_000, number * 2_000
            file.mux(sound.encode(block))
        file.mux(pictures.encode(None))
        file.mux(sound.encode(None))
    return out.getvalue()


def _packets(data: bytes, kind: str) -> list[tuple[int | None, bytes]]:
    with av.open(io.BytesIO(data), mode="r") as container:
        streams = [one for one in container.streams if one.type == kind]
        return [(one.pts, bytes(one)) for one in container.demux(streams) if one.size]


@pytest.fixture(scope="module")
def guard() -> Guard:
    return this_guard()


@pytest.mark.parametrize(
    ("container", "codec", "fmt"), [("mp4", "aac", "mp4"), ("mov", "pcm_s16le", "mov")]
)
@pytest.mark.parametrize("setting", ["keep", "rights-only", "none"])
def test_sound_goes_and_the_pictures_stay(
    guard: Guard, container: str, codec: str, fmt: Format, setting: str
) -> None:
    data = sounding(container, codec)
    assert guard.film(data, LIMITS).audio_codec == codec
    silent = guard.silence(data, fmt, setting, NO_TRUST, LIMITS)
    assert silent == guard.silence(data, fmt, setting, NO_TRUST, LIMITS)
    assert len(silent) == len(data)
    before, after = guard.film(data, LIMITS), guard.film(silent, LIMITS)
    assert after.audio_codec == ""
    assert (after.frames, after.fps, after.duration_ms) == (before.frames, before.fps, 1_000)
    assert _packets(silent, "video") == _packets(data, "video") != []
    assert [one.tobytes() for one in after.samples] == [one.tobytes() for one in before.samples]
    # Nothing of it can be found again, in any frame of 32 bytes.
    heard = b"".join(packet for _, packet in _packets(data, "audio"))
    assert not any(heard[at : at + 32] in silent for at in range(0, len(heard) - 32, 512))


def _renamed(data: bytes, track: int, old: bytes, new: bytes) -> bytes:
    """Returns a film with four bytes replaced in one of its tracks, counted from 0."""
    film = bytearray(data)
    at = -1
    for _ in range(track + 1):
        at = data.index(b"trak", at + 1)
    at = data.index(old, at)
    film[at : at + 4] = new
    return bytes(film)


def _disguises() -> dict[str, bytes]:
    """Films whose sound is not where its handler says; the sound is the second track."""
    plain = sounding()
    handler = plain.index(b"soun", plain.index(b"trak", plain.index(b"trak") + 1))
    said = {name: plain[:handler] + name.encode() + plain[handler + 4 :] for name in _HANDLERS}
    by_entry = _renamed(said["vide"], 1, b"smhd", b"vmhd")
    by_header = _renamed(said["vide"], 1, b"mp4a", b"xyzw")
    return {**said, "by entry": by_entry, "by header": by_header}


_HANDLERS = ("vide", "text", "tmcd", "meta", "hint", "abcd")


@pytest.mark.parametrize("name", [*_HANDLERS, "by entry", "by header"])
def test_sound_under_another_name_goes_too(guard: Guard, name: str) -> None:
    """Whatever the handler says: the header and the entry of the samples say that it is sound."""
    data = _disguises()[name]
    before = guard.film(data, LIMITS)
    # FFmpeg goes by the entry, unless the track calls itself one of pictures.
    assert (before.audio_codec, before.sound) in (("unknown", "unread"), ("aac", "decoded"))
    assert needs_rendering(_facts(data), _deal())
    silent = guard.silence(data, "mp4", "keep", NO_TRUST, LIMITS)
    after = guard.film(silent, LIMITS)
    assert (after.audio_codec, after.sound, after.frames) == ("", "none", _FRAMES)
    heard = b"".join(packet for _, packet in _packets(sounding(), "audio"))
    assert not any(heard[at : at + 32] in silent for at in range(0, len(heard) - 32, 512))


def test_sound_that_comes_first_goes_too(guard: Guard) -> None:
    """The pictures' track has another number afterwards."""
    data = sounding(sound_first=True)
    with av.open(io.BytesIO(data)) as container:
        assert container.streams[0].type == "audio"
    silent = guard.silence(data, "mp4", "keep", NO_TRUST, LIMITS)
    assert _packets(silent, "video") == _packets(data, "video") != []


def test_texts_and_timecodes_stay(guard: Guard) -> None:
    """They are not sound, and nothing says that they are."""
    data = _renamed(_renamed(_disguises()["tmcd"], 1, b"smhd", b"gmhd"), 1, b"mp4a", b"tmcd")
    assert guard.film(data, LIMITS).audio_codec == ""


def test_film_keeps_its_matrix(guard: Guard) -> None:
    turned = turned_film(sounding())
    silent = guard.silence(turned, "mp4", "keep", NO_TRUST, LIMITS)
    assert guard.film(silent, LIMITS).orientation == 6


def test_fragmented_film_is_refused(guard: Guard) -> None:
    data = sounding(options="frag_keyframe+empty_moov")
    with pytest.raises(BadRecord, match=r"rendition\.not_made: .*fragmented"):
        guard.silence(data, "mp4", "keep", NO_TRUST, LIMITS)


def test_sound_that_shares_bytes_with_pictures_is_refused(guard: Guard) -> None:
    """Its table of chunks points at those of the pictures, which would be overwritten."""
    data = bytearray(sounding())
    tables = []
    at = data.find(b"stco")
    while at >= 0:
        tables.append(at + 12)
        at = data.find(b"stco", at + 4)
    pictures, sound = tables
    data[sound : sound + 4] = data[pictures : pictures + 4]
    with pytest.raises(BadRecord, match=r"rendition\.not_made"):
        guard.silence(bytes(data), "mp4", "keep", NO_TRUST, LIMITS)


def _deal(section: str = 'audio = "drop"', top: str = _FILMS) -> Deal:
    return parse_deal(f"{top}{deal_text()}\n[render]\n{section}\n", "deal.toml")


def _facts(data: bytes) -> FactsRow:
    return facts_row(prepare_media(data, "a.mp4", "video", None, LIMITS))


def test_only_films_with_sound_are_changed() -> None:
    heard, silent = _facts(sounding()), _facts(film())
    assert needs_rendering(heard, _deal()) and not needs_rendering(silent, _deal())
    assert not needs_rendering(heard, _deal('audio = "keep"'))
    assert not needs_rendering(heard, _deal('images = "all"', _FILMS))


def test_rendition_says_what_was_done() -> None:
    class Context:
        deal, limits, trust = _deal(), LIMITS, NO_TRUST

    data = sounding()
    row = make_rendition(data, "d" * 64, "mp4", _facts(data), Context())
    assert (row["problem"], row["format"], row["bytes"]) == ("", "mp4", len(data))
    assert row["rendition"] == "audio=drop soundless-v1"
    assert (row["width"], row["height"]) == (160, 112)


def test_no_derivatives_forbids_it() -> None:
    row: Any = {"licence_code": "CC-BY-ND-4.0"}
    nothing: dict[AssertionKind, tuple[str, ...]] = {
        AssertionKind.FILE_CONSTRAINT: (),
        AssertionKind.ALTERATION: (),
    }
    resolution = Resolution((), "", (), True, "", nothing)
    detail = "needed because of aac sound; forbidden by CC-BY-ND-4.0"
    found = find_form_refusal(row, _facts(sounding()), resolution, _deal())
    assert found == (Reason.RENDITION_NOT_ALLOWED, detail)
    # The metadata and the type of a film stay.
    kept = replace(
        resolution,
        constraints={**nothing, AssertionKind.FILE_CONSTRAINT: ("IF-MFT", "IF-MMD")},
    )
    free: Any = {"licence_code": ""}
    assert find_form_refusal(free, _facts(sounding()), kept, _deal()) is None


def test_deal_without_films_has_no_sound_to_drop() -> None:
    with pytest.raises(InputError, match='audio = "drop" is for films'):
        _deal(top="")
