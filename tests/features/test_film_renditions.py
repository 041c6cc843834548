"""Renditions of films show the same frames at the same times, and hold nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from pipelines.features.fact_rows import facts_row
from pipelines.features.guard import Guard, this_guard
from pipelines.features.prepare import prepare_media
from pipelines.features.renditions import find_form_refusal, make_rendition, needs_rendering
from pipelines.media.render_film import ENCODERS, FilmSettings, RenderedFilm, missing_encoder
from pipelines.rights.resolve import Resolution
from pipelines.run.renderers import check_renderers
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import NO_TRUST
from schemas.deal import Deal, parse_deal
from schemas.errors import BadRecord, InputError
from schemas.features import FactsRow
from schemas.reasons import Reason
from schemas.signal import AssertionKind
from tests.deals import deal_text
from tests.features.test_soundless import sounding
from tests.media.media_samples import LIMITS, film, in_quicktime, turned_film
from tests.media.numbered_films import number_in, numbered_film, psnr, shown
from tests.media.test_clips import TURNS
from tests.media.test_films import EDITABLE, edited_film

_EVEN = [25 * number for number in range(30)]
_UNEVEN = [0, 20, 40, 200, 220, 240, 600, 700, 701, 1000]
_MIN_PSNR_DB = 34.0
_REMUX = FilmSettings("remux", "vp9", 1 << 31, keeps_sound=True)
_VP9 = FilmSettings("transcode", "vp9", 1 << 31, keeps_sound=True)
_AV1 = replace(_VP9, codec="av1")
_ALL = pytest.mark.parametrize(
    "settings", [_REMUX, _VP9, _AV1], ids=lambda one: f"{one.way} {one.codec}"
)


@pytest.fixture(scope="module")
def guard() -> Guard:
    return this_guard()


def render(data: bytes, settings: FilmSettings, setting: str = "keep") -> RenderedFilm:
    return this_guard().render_film(data, "mp4", settings, setting, NO_TRUST, LIMITS)


def assert_same_film(made: RenderedFilm, data: bytes) -> None:
    """Compares what is shown, and what is measured of both files."""
    before, after = shown(data), shown(made.data)
    assert [time for time, _ in after] == [time for time, _ in before]
    assert [number_in(one) for _, one in after] == [number_in(one) for _, one in before]
    old, new = (this_guard().film(one, LIMITS) for one in (data, made.data))
    assert new.frames == old.frames
    assert old.duration_ms in (new.duration_ms, _length_ms(made.data))
    assert new.fps == old.fps or made.codec == "vp9"
    assert (new.width, new.height) == (made.width, made.height)
    assert (new.codec, new.audio_codec) == (made.codec, made.audio_codec)
    sizes = new.bitrate_bps * new.duration_ms
    assert abs(made.bitrate_bps * old.duration_ms - sizes) <= old.duration_ms + new.duration_ms
    assert made.data[4:8] == b"ftyp" and made.data.index(b"moov") < made.data.index(b"mdat")


def _length_ms(data: bytes) -> int:
    """Returns the length of the picture track; FFmpeg guesses that of VP9's last packet."""
    with av.open(io.BytesIO(data)) as file:
        track = file.streams.video[0]
        return round((track.duration or 0) * (track.time_base or 0) * 1000)


FILMS: dict[str, Callable[[], bytes]] = {
    "even": lambda: numbered_film(_EVEN),
    "variable rate": lambda: numbered_film(_UNEVEN),
    "one frame": lambda: numbered_film([0]),
    "no frames that wait": lambda: numbered_film(_EVEN, codec="mpeg4"),
    "unit of the rate": lambda: numbered_film([1001 * n for n in range(20)], 30_000),
    "odd size": lambda: numbered_film(_EVEN[:9], size=(127, 73), codec="libvpx-vp9"),
    "quicktime": lambda: in_quicktime(numbered_film(_EVEN)),
    "ten bits": lambda: numbered_film(_EVEN[:9], codec="libsvtav1", layout="yuv420p10le"),
}


@_ALL
@pytest.mark.parametrize("name", FILMS)
def test_every_frame_is_shown_when_it_was(name: str, settings: FilmSettings) -> None:
    data = FILMS[name]()
    made = render(data, settings)
    assert_same_film(made, data)
    pairs = list(zip(shown(made.data), shown(data), strict=True))
    assert [number_in(one) for (_, one), _ in pairs] == list(range(len(pairs)))
    if settings.way == "remux":
        assert all(np.array_equal(one, other) for (_, one), (_, other) in pairs)
    else:
        assert made.codec == settings.codec
        least = min(psnr(one, other) for (_, one), (_, other) in pairs)
        assert least >= _MIN_PSNR_DB, least


@pytest.mark.parametrize("settings", [_VP9, _AV1], ids=["vp9", "av1"])
def test_encoded_films_are_upright_square_and_small(settings: FilmSettings) -> None:
    oblong = numbered_film(_EVEN[:6], aspect=Fraction(3, 2))  # 128 x 72, shown as 192 x 72
    made = render(turned_film(oblong), replace(settings, side=96))
    found = this_guard().film(made.data, LIMITS)
    assert (found.width, found.height) == (found.stored_width, found.stored_height) == (36, 96)
    assert (found.orientation, found.pixel_aspect, found.bit_depth) == (1, Fraction(1), 8)
    assert found.pixel_format == "yuv420p"
    upright = [np.rot90(pixels, 1) for _, pixels in shown(made.data)]  # as it was stored
    assert [number_in(one) for one in upright] == list(range(6))


@pytest.mark.parametrize("settings", [_VP9, _AV1], ids=["vp9", "av1"])
@pytest.mark.parametrize("matrix", TURNS)
def test_every_turned_film_can_be_encoded(
    settings: FilmSettings, matrix: tuple[int, int, int, int]
) -> None:
    data = numbered_film(_EVEN[:6])
    made = render(turned_film(data, *matrix), settings)
    for (_, before), (_, after) in zip(shown(data), shown(made.data), strict=True):
        upright = np.asarray(Image.fromarray(before).transpose(TURNS[matrix]))
        assert psnr(upright, after) >= _MIN_PSNR_DB


def test_a_copied_film_keeps_its_shape() -> None:
    data = turned_film(numbered_film(_EVEN[:6], aspect=Fraction(3, 2)))
    before, after = (this_guard().film(one, LIMITS) for one in (data, render(data, _REMUX).data))
    assert (after.orientation, after.pixel_aspect) == (6, Fraction(3, 2))
    assert (after.width, after.height) == (before.width, before.height) == (72, 192)


@_ALL
@pytest.mark.parametrize(
    "edit", [(1000, 1024, 1 << 16), (1625, 1024 + 3 * 1536, 1 << 16), (500, 1024 + 12_288, 1 << 16)]
)
def test_what_an_edit_list_hides_stays_hidden(
    settings: FilmSettings, edit: tuple[int, int, int]
) -> None:
    data = edited_film(EDITABLE, edit)
    assert_same_film(render(data, settings), data)


@_ALL
def test_the_same_film_gives_the_same_bytes_in_another_process(settings: FilmSettings) -> None:
    data = numbered_film(_EVEN)
    made = render(data, settings).data
    other = Guard()
    try:
        again = other.render_film(data, "mp4", settings, "keep", NO_TRUST, LIMITS)
    finally:
        other.close()
    assert again.data == made == render(data, settings).data


@_ALL
@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("mov", "pcm_s16le")])
def test_sound_is_kept_or_dropped(settings: FilmSettings, container: str, codec: str) -> None:
    data = sounding(container, codec)
    heard, silent = render(data, settings), render(data, replace(settings, keeps_sound=False))
    assert (heard.audio_codec, silent.audio_codec) == (codec, "")
    assert _sound_packets(heard.data) == _sound_packets(data) != []
    tracks = av.open(io.BytesIO(silent.data)).streams
    assert [track.type for track in tracks] == ["video"]
    sound = b"".join(part for _, part in _sound_packets(data))
    assert not any(sound[at : at + 32] in silent.data for at in range(0, len(sound) - 32, 512))


def _sound_packets(data: bytes) -> list[tuple[int | None, bytes]]:
    with av.open(io.BytesIO(data), "r") as file:
        return [(one.pts, bytes(one)) for one in file.demux(file.streams.audio[0]) if one.size]


def _with_cover(data: bytes) -> bytes:
    """Adds a track with a cover picture before the film's own."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mp4") as file:
        cover: Any = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        track = file.add_stream_from_template(source.streams.video[0])
        blank = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), format="rgb24")
        file.mux([*cover.encode(blank), *cover.encode(None)])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = track
                file.mux(packet)
    return out.getvalue()


@_ALL
def test_a_cover_picture_is_left_out(settings: FilmSettings) -> None:
    data = _with_cover(numbered_film(_EVEN[:8]))
    assert len(av.open(io.BytesIO(data)).streams) == 2
    made = render(data, settings, "none")
    assert len(av.open(io.BytesIO(made.data)).streams) == 1
    assert_same_film(made, data)


def test_what_mp4_cannot_hold_is_not_copied() -> None:
    data = numbered_film(_EVEN[:4], codec="prores_ks", container="mov", layout="yuv422p10le")
    with pytest.raises(BadRecord, match=r'prores pictures cannot be copied .* films = "transcode"'):
        render(data, _REMUX)
    assert_same_film(render(data, _VP9), data)


@_ALL
def test_a_damaged_film_is_not_rendered(settings: FilmSettings) -> None:
    data = film(flags="faststart")
    with pytest.raises(BadRecord, match=r"rendition\.not_made"):
        render(data[: len(data) * 3 // 4], settings)


def test_too_large_frames_and_too_little_time() -> None:
    data = numbered_film(_EVEN)
    small = replace(LIMITS, max_pixels=1_000)
    with pytest.raises(BadRecord, match="128 x 72 pixels; the limit is 1000"):
        this_guard().render_film(data, "mp4", _VP9, "keep", NO_TRUST, small)
    hasty = replace(LIMITS, render_film_s=0.001)
    with pytest.raises(BadRecord, match="longer than"):
        this_guard().render_film(data, "mp4", _VP9, "keep", NO_TRUST, hasty)
    little = replace(LIMITS, decode_memory_bytes=1 << 20)
    with pytest.raises(BadRecord, match=r"rendition\.not_made"):
        this_guard().render_film(data, "mp4", _AV1, "keep", NO_TRUST, little)


def _told(data: bytes) -> bytes:
    """Adds user data with a copyright notice, a place and a name behind a film's tracks."""
    texts = {b"cprt": b"Copyright Agency", b"\xa9xyz": b"+48.85+2.35/", b"\xa9ART": b"Ann Example"}
    inner = b""
    for kind, text in texts.items():
        payload = len(text).to_bytes(2) + b"\x15\xc7" + text
        if kind == b"cprt":
            payload = bytes(4) + b"\x15\xc7" + text + b"\0"
        inner += (8 + len(payload)).to_bytes(4) + kind + payload
    box = (8 + len(inner)).to_bytes(4) + b"udta" + inner
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4])
    assert at + size == len(data)  # the index is last, so that nothing moves
    return data[:at] + (size + len(box)).to_bytes(4) + data[at + 4 :] + box


@_ALL
def test_metadata_go_as_the_deal_says(settings: FilmSettings) -> None:
    data = _told(numbered_film(_EVEN[:6]))
    kept = {one: render(data, settings, one).data for one in ("keep", "rights-only", "none")}
    for text, places in (
        (b"Copyright Agency", {"keep", "rights-only"}),
        (b"+48.85", {"keep"}),
        (b"Ann Example", {"keep"}),
    ):
        assert {one for one, made in kept.items() if text in made} == places
    texts = [read_embedded(one, "mp4", NO_TRUST).claims for one in (data, kept["rights-only"])]
    notices = [
        {
            claim.value
            for claim in claims
            if claim.kind is AssertionKind.TEXT and "Copy" in claim.value
        }
        for claims in texts
    ]
    assert notices[0] == notices[1]
    for made in kept.values():
        assert this_guard().film(made, LIMITS).frames == 6


_FILMS = 'profile = "video-text"\nmedia = ["video"]\n'


def _deal(section: str, top: str = _FILMS) -> Deal:
    return parse_deal(
        f"{top}{deal_text()}\n[select]\nmin_short_side = 64\n[render]\n{section}\n", "deal.toml"
    )


def _facts(data: bytes, name: str = "a.mp4") -> FactsRow:
    return facts_row(prepare_media(data, name, "video", None, LIMITS))


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('films = "remux"', "films=remux film-v1 av-"),
        ('films = "remux"\naudio = "drop"', "films=remux audio=drop film-v1 av-"),
        ('films = "transcode"', "films=transcode codec=vp9 film-v1 av-"),
        (
            'films = "transcode"\nfilm_codec = "av1"\nfilm_longest_side = 96',
            "films=transcode codec=av1 longest_side=96 film-v1 av-",
        ),
    ],
)
def test_a_row_says_what_was_made(section: str, told: str) -> None:
    class Context:
        deal, limits, trust = _deal(f"{section}"), LIMITS, NO_TRUST

    data = sounding("mov")
    facts = _facts(data, "a.mov")
    assert needs_rendering(facts, Context.deal)
    row = make_rendition(data, "d" * 64, "mov", facts, Context())
    assert (row["problem"], row["format"]) == ("", "mp4")
    assert row["rendition"].startswith(told)
    assert row["audio_codec"] == ("" if "drop" in section else "aac")
    assert (row["width"], row["height"]) == ((96, 67) if "96" in section else (160, 112))
    assert (
        row["codec"]
        == {"remux": "mpeg4", "transcode": Context.deal.render.film_codec}[
            Context.deal.render.films
        ]
    )


def test_long_films_are_not_encoded_again() -> None:
    class Context:
        deal, limits, trust = (
            _deal('films = "transcode"'),
            replace(LIMITS, render_film_ms=999),
            NO_TRUST,
        )

    data = sounding()
    row = make_rendition(data, "d" * 64, "mp4", _facts(data), Context())
    assert row["problem"].startswith("the film is 1 s long; at most 1 s are encoded again")


@pytest.mark.parametrize(
    ("codes", "licence", "fmt", "forbidding"),
    [
        ({AssertionKind.FILE_CONSTRAINT: ("IF-MMD",)}, "", "mp4", "IF-MMD"),
        ({AssertionKind.FILE_CONSTRAINT: ("IF-MFT",)}, "", "mov", "IF-MFT"),
        ({AssertionKind.FILE_CONSTRAINT: ("IF-MFT",)}, "", "mp4", ""),
        ({AssertionKind.ALTERATION: ("AL-CLR", "AL-CRP")}, "", "mp4", "AL-CLR"),
        ({AssertionKind.ALTERATION: ("AL-FLP",)}, "", "mp4", ""),
        ({}, "CC-BY-ND-4.0", "mp4", "CC-BY-ND-4.0"),
    ],
)
@pytest.mark.parametrize("films", ["remux", "transcode"])
def test_what_the_owner_forbids_is_not_done(
    films: str, codes: dict[AssertionKind, tuple[str, ...]], licence: str, fmt: str, forbidding: str
) -> None:
    nothing = {AssertionKind.FILE_CONSTRAINT: (), AssertionKind.ALTERATION: ()}
    resolution = Resolution((), "", (), True, "", {**nothing, **codes})
    facts: FactsRow = {**_facts(film()), "format": fmt}
    row: Any = {"licence_code": licence}
    found = find_form_refusal(row, facts, resolution, _deal(f'films = "{films}"'))
    if not forbidding:
        assert found is None
    else:
        detail = f'needed because of render.films = "{films}"; forbidden by {forbidding}'
        assert found == (Reason.RENDITION_NOT_ALLOWED, detail)


@pytest.mark.parametrize(
    ("section", "top", "message"),
    [
        ('films = "remux"', "", 'films = "remux" is for films'),
        ('film_codec = "av1"', _FILMS, 'is used only with films = "transcode"'),
        ('films = "remux"\nfilm_longest_side = 900', _FILMS, 'only with films = "transcode"'),
        ('films = "transcode"\nfilm_longest_side = 1', _FILMS, "less than select.min_short_side"),
        ('films = "transcode"\nfilm_codec = "h264"', _FILMS, "film_codec"),
    ],
)
def test_deals_that_contradict_themselves_are_refused(section: str, top: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _deal(section, top)


def test_a_missing_encoder_is_noticed_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    deal = _deal('films = "transcode"\nfilm_codec = "av1"')
    check_renderers(deal)
    assert {missing_encoder(codec) for codec in ENCODERS} == {""}
    monkeypatch.setattr("av.codecs_available", {"libvpx-vp9"})
    with pytest.raises(InputError, match="film_codec = 'av1' needs libsvtav1"):
        check_renderers(deal)
    check_renderers(_deal('films = "transcode"'))
