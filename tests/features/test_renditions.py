"""Renditions: their pixels, their metadata, and what forbids them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.features.fact_rows import facts_row
from pipelines.features.guard import Guard, this_guard
from pipelines.features.prepare import prepare_media
from pipelines.features.renditions import find_form_refusal, find_frame_refusal, needs_rendering
from pipelines.media.formats import Format
from pipelines.media.images import decode_for_models
from pipelines.media.render import RenderSettings, render_picture
from pipelines.rights.resolve import Resolution, resolve_rights
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import NO_TRUST
from schemas.deal import Deal, parse_deal
from schemas.errors import BadRecord
from schemas.features import FactsRow
from schemas.reasons import Reason
from schemas.signal import AssertionKind, Reading
from tests.deals import deal_text
from tests.media.hostile_modes import hostile_modes
from tests.media.media_samples import LIMITS, encode, picture
from tests.signals.file import xmp_builder as build
from tests.signals.strip.dressed import NOTICE, PERSONAL, RIGHTS, SECRETS, Dress, dress

_MOST = 10_000_000
_WHITE = (255, 255, 255)
JPG = RenderSettings("jpg", 95, 0, _WHITE)
SETTINGS = (JPG, RenderSettings("webp", 95, 0, _WHITE), RenderSettings("png", 95, 0, _WHITE))
FLAGGED = [one for one in hostile_modes() if one[3]]
_IDS = [name for name, *_ in FLAGGED]


def _plain(data: bytes) -> np.ndarray:
    """What stock loaders make of a file."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int16)


def _ours(data: bytes, fmt: Format) -> np.ndarray:
    return np.asarray(decode_for_models(data, fmt, _MOST, side=4_096).image).astype(np.int16)


@pytest.mark.parametrize(("name", "fmt", "data", "_"), FLAGGED, ids=_IDS)
def test_loaders_show_a_rendition_as_we_do(name: str, fmt: Format, data: bytes, _: bool) -> None:
    wanted = _ours(data, fmt)
    for settings in SETTINGS:
        made = render_picture(data, fmt, _MOST, settings)
        assert render_picture(data, fmt, _MOST, settings) == made
        assert np.abs(_plain(made) - _ours(made, settings.format)).max() <= 2
        facts = decode_for_models(made, settings.format, _MOST).facts
        assert (facts.plain_differences, facts.mode, facts.bit_depth) == ("", "RGB", 8)
        # The encoders lose some of the noise; no area is turned, mirrored or of another colour.
        lost = 0 if settings.format == "png" else 12
        assert np.abs(_plain(made) - wanted).mean() <= lost, settings.format


def test_background_and_size_are_the_settings() -> None:
    clear = Image.new("RGBA", (400, 200), (255, 0, 0, 0))
    settings = RenderSettings("png", 95, 100, (16, 32, 48))
    made = Image.open(io.BytesIO(render_picture(encode(clear, "PNG"), "png", _MOST, settings)))
    assert (made.size, made.mode) == ((100, 50), "RGB")
    assert made.getcolors() == [(5_000, (16, 32, 48))]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_scaled_decode_stays_near_a_full_one(orientation: int) -> None:
    """A JPEG is decoded at a reduced scale; the reference decodes all of it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = picture(48, 36).resize((1_200, 900), Image.Resampling.BICUBIC)
    data = encode(image, "JPEG", quality=92, exif=exif.tobytes())
    made = _plain(render_picture(data, "jpg", _MOST, replace(JPG, longest_side=500)))
    full = Image.open(io.BytesIO(data)).convert("RGB").resize((500, 375), Image.Resampling.BICUBIC)
    upright = _upright(full, orientation)
    assert made.shape == upright.shape
    difference = np.abs(made - upright)
    assert difference.mean() <= 1 and np.quantile(difference, 0.999) <= 12


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    return turns[orientation](np.asarray(image).astype(np.int16))


@pytest.fixture(scope="module")
def guard() -> Guard:
    return this_guard()


def _dressed(fmt: Format, rights: tuple[int, ...] = (0, 1, 4, 5)) -> bytes:
    """A picture that lies on its side by EXIF and XMP, with rights and personal data."""
    packet = build.packet(
        "".join(RIGHTS[at] for at in rights) + "".join(PERSONAL),
        'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"',
    )
    exif: dict[int, Any] = {0x013B: SECRETS["name"], 0x8298: NOTICE, 0x0112: 6}
    return dress(fmt, picture(), Dress(exif, packet))


def _rights_of(data: bytes, fmt: Format) -> set[tuple[str, ...]]:
    reading = read_embedded(data, fmt, NO_TRUST)
    signals = {(one.purpose, one.value, one.said) for one in reading.signals}
    of_rights = (AssertionKind.LICENCE, AssertionKind.ALTERATION, AssertionKind.COPYRIGHT)
    return signals | {(one.kind, one.value) for one in reading.claims if one.kind in of_rights}


@pytest.mark.parametrize("fmt", ["jpg", "png", "webp"])
@pytest.mark.parametrize("target", SETTINGS, ids=lambda one: one.format)
def test_metadata_are_kept_as_the_deal_says(
    guard: Guard, fmt: Format, target: RenderSettings
) -> None:
    data = _dressed(fmt)
    for setting in ("keep", "refuse", "rights-only", "none"):
        made = guard.render(data, fmt, target, setting, NO_TRUST, LIMITS)
        assert made == guard.render(data, fmt, target, setting, NO_TRUST, LIMITS)
        # Neither EXIF nor XMP turns it again, whichever of them a loader reads.
        image = Image.open(io.BytesIO(made))
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == (96, 160)
        keeps_all = setting in ("keep", "refuse")
        assert (SECRETS["name"].encode() in made) == keeps_all
        if setting == "none":
            assert NOTICE.encode() not in made
        else:
            assert _rights_of(made, target.format) == _rights_of(data, fmt) != set()


def test_statement_that_cannot_be_carried_refuses_the_rendition(guard: Guard) -> None:
    wear = Dress(texts=(("Copyright", "Example Agency, no AI training"),))
    data = dress("png", picture(), wear)
    with pytest.raises(BadRecord, match=r"rendition\.not_made: a statement about rights"):
        guard.render(data, "png", JPG, "keep", NO_TRUST, LIMITS)


def test_picture_that_no_encoder_takes_is_no_rendition(guard: Guard) -> None:
    data = encode(Image.new("RGB", (20_000, 4)), "PNG")
    webp = RenderSettings("webp", 95, 0, _WHITE)
    with pytest.raises(BadRecord, match=r"rendition\.not_made"):
        guard.render(data, "png", webp, "keep", NO_TRUST, LIMITS)


def _deal(section: str) -> Deal:
    return parse_deal(f"{deal_text()}\n[render]\n{section}\n", "deal.toml")


def _facts(data: bytes) -> FactsRow:
    return facts_row(prepare_media(data, "a", "image", None, replace(LIMITS, guard_images=False)))


_TURNED = next(data for name, _, data, _ in FLAGGED if name == "orientation_6")


def test_only_what_needs_it_is_rendered() -> None:
    flagged, plain = _facts(_TURNED), _facts(encode(picture(), "JPEG"))
    needed = {
        'images = "native"': (False, False),
        'images = "refuse"': (False, False),
        'images = "flagged"': (True, False),
        'images = "auto"': (True, False),
        'images = "all"': (True, True),
        'images = "flagged"\nlongest_side = 600': (True, False),
    }
    for section, wanted in needed.items():
        deal = _deal(section)
        assert (needs_rendering(flagged, deal), needs_rendering(plain, deal)) == wanted
    large = _facts(encode(picture(700, 30), "JPEG"))
    assert needs_rendering(large, _deal('images = "flagged"\nlongest_side = 600'))
    assert not needs_rendering(large, _deal('images = "flagged"\nlongest_side = 700'))


@pytest.mark.parametrize(
    ("licence", "constraints", "target", "forbidding"),
    [
        ("", {}, "jpg", ""),
        ("CC-BY-4.0", {}, "jpg", ""),
        ("CC-BY-ND-4.0", {}, "jpg", "CC-BY-ND-4.0"),
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MFT",)}, "jpg", ""),  # the type is kept
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MFT",)}, "png", "IF-MFT"),
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MFN", "IF-MID")}, "jpg", ""),
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MMD",)}, "jpg", "IF-MMD"),
        ("", {AssertionKind.ALTERATION: ("AL-CRP", "AL-FLP")}, "jpg", ""),
        ("", {AssertionKind.ALTERATION: ("AL-CLR", "AL-CRP")}, "jpg", "AL-CLR"),
        ("", {AssertionKind.ALTERATION: ("AL-XYZ",)}, "jpg", "AL-XYZ"),
    ],
)
def test_licence_and_constraints_forbid(
    licence: str, constraints: dict[AssertionKind, tuple[str, ...]], target: str, forbidding: str
) -> None:
    deal = _deal(f'images = "flagged"\nformat = "{target}"')
    row: Any = {"licence_code": licence}
    resolution = _resolution(constraints)
    found = find_form_refusal(row, _facts(_TURNED), resolution, deal)
    if forbidding:
        detail = f"needed because of orientation; forbidden by {forbidding}"
        assert found == (Reason.RENDITION_NOT_ALLOWED, detail)
    else:
        assert found is None
    # What needs no rendition is delivered, whatever is forbidden.
    assert find_form_refusal(row, _facts(encode(picture(), "JPEG")), resolution, deal) is None


@pytest.mark.parametrize(
    ("licence", "constraints", "forbidding"),
    [
        ("", {}, ""),
        ("CC-BY-4.0", {AssertionKind.ALTERATION: ("AL-CRP", "AL-FLP")}, ""),
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MFN", "IF-MID")}, ""),
        ("CC-BY-ND-4.0", {}, "CC-BY-ND-4.0"),
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MFT",)}, "IF-MFT"),
        ("", {AssertionKind.FILE_CONSTRAINT: ("IF-MMD",)}, "IF-MMD"),
        ("", {AssertionKind.ALTERATION: ("AL-CLR",)}, "AL-CLR"),
    ],
)
def test_what_forbids_frames_of_a_film(
    licence: str, constraints: dict[AssertionKind, tuple[str, ...]], forbidding: str
) -> None:
    """A frame has neither the film's metadata nor its file type."""
    row: Any = {"licence_code": licence}
    found = find_frame_refusal(row, _resolution(constraints))
    detail = f"needed because of frames of the film; forbidden by {forbidding}"
    assert found == ((Reason.RENDITION_NOT_ALLOWED, detail) if forbidding else None)


def test_deal_can_refuse_what_loaders_show_otherwise() -> None:
    row: Any = {"licence_code": ""}
    found = find_form_refusal(row, _facts(_TURNED), _resolution({}), _deal('images = "refuse"'))
    assert found == (Reason.PICTURE_NOT_PLAIN, "shown otherwise because of orientation")


def _resolution(constraints: dict[AssertionKind, tuple[str, ...]]) -> Resolution:
    row: Any = {"contributors": [], "agreements": [], "people_count": 0, "licence_code": None}
    row |= {"digital_source_type": None, "inference": True, "asset_id": "a"}
    found = resolve_rights(row, Reading(), _deal('images = "flagged"'), date(2026, 7, 1))
    return replace(found, constraints=found.constraints | constraints)


def test_bytes_are_those_of_a_known_encoder() -> None:
    """Fails where another version of a codec is installed: raise the renderer's version then."""
    image = Image.fromarray(np.arange(48 * 32 * 3, dtype=np.uint32).reshape(32, 48, 3).astype("u1"))
    made = render_picture(encode(image, "PNG"), "png", _MOST, JPG)
    assert hashlib.sha256(made).hexdigest()[:16] == "b975ec80b92fcc19"
