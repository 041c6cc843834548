"""Media files have the properties of their style, and broken files are really broken."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from pipelines.demo.media_jobs import draw_file
from pipelines.demo.plan import FILM_FILES, PlannedAsset, make_plan
from pipelines.demo.roles.broken_files import BROKEN_STYLES, FORBIDDEN_URIS, save_broken
from pipelines.demo.roles.instances import ROLES
from pipelines.demo.scenes.icc import srgb_profile, wide_profile
from pipelines.demo.scenes.picture_files import make_lookalike, save_picture
from pipelines.demo.scenes.png import BOMB_SIDE
from pipelines.demo.scenes.render import caption, draw_scene_spec, render
from pipelines.demo.scenes.xmp import SPELLINGS, RightsStatement, xmp_packet

SEED = 77
SIZE = (240, 180)
XMP = xmp_packet(RightsStatement("ALLOWED", "digitalArt", "A & B", "one < two", "element"))


def _scene() -> Image.Image:
    return render(draw_scene_spec(SEED), *SIZE)


def _saved(file: str) -> Image.Image:
    data = save_picture(_scene(), file, SEED, caption(draw_scene_spec(SEED)), XMP)
    image = Image.open(BytesIO(data))
    image.load()
    return image


def _distance(image: Image.Image, other: Image.Image) -> float:
    """Returns the mean difference of two pictures, in grey levels."""
    pair = [np.asarray(one.convert("RGB"), dtype=np.float64) for one in (image, other)]
    return float(np.abs(pair[0] - pair[1]).mean())


PLAIN_STYLES = sorted(
    {role.file_style for role in ROLES if role.file_style}
    - BROKEN_STYLES
    - set(FORBIDDEN_URIS)
    - {"missing", *FILM_FILES}
)


@pytest.mark.parametrize("file", PLAIN_STYLES)
def test_every_style_decodes_to_the_scene_and_is_reproducible(file: str) -> None:
    upright = ImageOps.exif_transpose(_saved(file))
    assert upright.size == SIZE
    if file == "png16_grey":
        levels = np.asarray(upright, dtype=np.uint16) >> 8
        assert _distance(Image.fromarray(levels.astype(np.uint8)), _scene().convert("L")) == 0
    elif file == "jpeg_grey":
        assert _distance(upright, _scene().convert("L")) < 4
    elif file == "png16":
        assert _distance(upright, _scene()) <= 1
    elif file not in ("jpeg_icc_wide", "png_alpha"):
        assert _distance(upright, _scene()) < 6
    again = save_picture(_scene(), file, SEED, caption(draw_scene_spec(SEED)), XMP)
    first = save_picture(_scene(), file, SEED, caption(draw_scene_spec(SEED)), XMP)
    assert again == first


@pytest.mark.parametrize(
    ("file", "mode", "format_name"),
    [
        ("jpeg_cmyk", "CMYK", "JPEG"),
        ("jpeg_grey", "L", "JPEG"),
        ("png_alpha", "RGBA", "PNG"),
        ("png_palette", "P", "PNG"),
        ("png16_grey", "I;16", "PNG"),
        ("webp", "RGB", "WEBP"),
    ],
)
def test_styles_have_their_mode(file: str, mode: str, format_name: str) -> None:
    image = _saved(file)
    assert (image.mode, image.format) == (mode, format_name)


@pytest.mark.parametrize(("file", "colour"), [("png16", 2), ("png16_grey", 0)])
def test_deep_files_have_sixteen_bits_and_use_the_lower_ones(file: str, colour: int) -> None:
    data = save_picture(_scene(), file, SEED, "", b"")
    assert struct.unpack(">IIBB", data[16:26]) == (*SIZE, 16, colour)
    if file == "png16_grey":
        values: npt.NDArray[np.uint16] = np.asarray(Image.open(BytesIO(data)), dtype=np.uint16)
        assert len(np.unique(values % 256)) > 200


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_rotated_pictures_have_the_stored_size_and_orientation(orientation: int) -> None:
    image = _saved(f"jpeg_turned_{orientation}")
    assert image.getexif()[0x0112] == orientation
    assert image.size == (SIZE if orientation == 3 else SIZE[::-1])
    if orientation == 3:
        assert _distance(image, _scene()) > 6


def test_profiles_are_valid_and_the_wide_one_is_wide() -> None:
    for profile, name in ((srgb_profile(), "sRGB"), (wide_profile(), "Demo Wide RGB")):
        opened = ImageCms.getOpenProfile(BytesIO(profile))
        assert name in ImageCms.getProfileDescription(opened)
        assert struct.unpack(">I", profile[:4])[0] == len(profile)
    assert _saved("jpeg_icc_srgb").info["icc_profile"] == srgb_profile()
    wide = _saved("jpeg_icc_wide")
    assert wide.info["icc_profile"] == wide_profile()
    srgb = ImageCms.getOpenProfile(BytesIO(srgb_profile()))
    back = ImageCms.profileToProfile(wide, ImageCms.getOpenProfile(BytesIO(wide_profile())), srgb)
    assert back is not None
    # Ignoring the profile gives other colours; applying it gives the scene's.
    assert _distance(back, _scene()) < 3 < _distance(wide, _scene())


def test_jpeg_styles_have_the_properties_that_they_name() -> None:
    assert _saved("jpeg_progressive").info.get("progressive")
    assert not _saved("jpeg_444").info.get("progressive")
    full = _saved("jpeg_444")
    assert isinstance(full, JpegImagePlugin.JpegImageFile)
    assert JpegImagePlugin.get_sampling(full) == 0
    samplings, sizes = set(), set()
    for seed in range(12):
        data = save_picture(_scene(), "jpeg_plain", seed, "", b"")
        image = Image.open(BytesIO(data))
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        samplings.add(JpegImagePlugin.get_sampling(image))
        sizes.add(len(data))
    assert {0, 2} <= samplings
    assert len(sizes) > 6


@pytest.mark.parametrize("file", ["jpeg_xmp", "png_xmp", "webp_xmp"])
def test_rights_statements_are_in_the_file(file: str) -> None:
    data = save_picture(_scene(), file, SEED, "", XMP)
    assert data.count(XMP) == 1
    image = Image.open(BytesIO(data))
    image.load()
    found = image.info["xmp"] if file != "png_xmp" else image.info["XML:com.adobe.xmp"].encode()
    assert found == XMP
    if file == "jpeg_xmp":
        assert b"http://ns.adobe.com/xap/1.0/\0" + XMP in data


@pytest.mark.parametrize("file", ["jpeg_plain", "png", "webp"])
def test_copyright_is_in_the_exif(file: str) -> None:
    assert "Demo Agency" in str(_saved(file).getexif()[0x8298])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_well_formed_xml_with_the_same_meaning(spelling: str) -> None:
    from xml.etree import ElementTree

    statement = RightsStatement("PROHIBITED", "digitalArt", 'A "&" B', "one < two", spelling)
    root = ElementTree.fromstring(xmp_packet(statement).decode())
    plus = "{http://ns.useplus.org/ldf/xmp/1.0/}DataMining"
    rdf = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
    said = [element.get(plus) for element in root.iter() if element.get(plus)]
    said += [e.text or e.get(rdf) for e in root.iter(plus)]
    assert said == ["http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"]


def test_rights_statements_agree_with_the_rows(tmp_path: Path) -> None:
    plan = make_plan(0, 360)
    seen = set()
    for asset in plan.assets:
        if asset.role.name not in ("ai_generated", "grant_denied") or asset.role.name in seen:
            continue
        seen.add(asset.role.name)
        (tmp_path / asset.path).parent.mkdir(parents=True, exist_ok=True)
        draw_file(tmp_path, asset)
        data = (tmp_path / asset.path).read_bytes()
        assert (b"digitalsourcetype/trainedAlgorithmicMedia" in data) == (
            asset.role.name == "ai_generated"
        )
        assert (b"DMI-PROHIBITED-GENAIMLTRAINING" in data) == (asset.role.name == "grant_denied")
    assert len(seen) == 2


def _broken(file: str) -> bytes:
    return save_broken(_scene(), file, SEED, "")


@pytest.mark.parametrize("file", ["cut_jpeg", "cut_png", "cut_webp"])
def test_truncated_files_have_a_valid_start_and_cannot_be_decoded(file: str) -> None:
    with pytest.raises(OSError, match=r"truncated|decode|broken|WebP"):
        Image.open(BytesIO(_broken(file))).load()
    magic = {"cut_jpeg": b"\xff\xd8\xff", "cut_png": b"\x89PNG", "cut_webp": b"RIFF"}
    assert _broken(file).startswith(magic[file])


@pytest.mark.parametrize(
    ("file", "starts"),
    [
        ("bmp_named_gif", b"BM"),
        ("float_tiff", b"II*\0"),
        ("png_named_jpg", b"\x89PNG"),
        ("jpeg_called_film", b"\xff\xd8\xff"),
        ("text_named_jpg", b"<html>"),
    ],
)
def test_misnamed_files_have_the_format_of_their_bytes(file: str, starts: bytes) -> None:
    assert _broken(file).startswith(starts)


def test_the_empty_file_is_empty() -> None:
    assert _broken("empty") == b""


def test_the_bomb_is_a_small_file_with_a_huge_picture() -> None:
    data = _broken("bomb")
    assert len(data) < 1_000_000
    assert struct.unpack(">II", data[16:24]) == (BOMB_SIDE, BOMB_SIDE)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(BytesIO(data))


def _first(file: str) -> PlannedAsset:
    return next(asset for asset in make_plan(0, 360).assets if asset.file_style == file)


def test_films_decode_completely_except_the_truncated_one(tmp_path: Path) -> None:
    for name in ("film", "cut_film"):
        asset = _first(name)
        (tmp_path / asset.path).parent.mkdir(parents=True, exist_ok=True)
        facts = draw_file(tmp_path, asset)
        assert facts.size_bytes == (tmp_path / asset.path).stat().st_size
        assert facts.duration_ms is not None
        decoded = 0
        with av.open(str(tmp_path / asset.path)) as container:
            stream = container.streams.video[0]
            promised = stream.frames
            assert (stream.width, stream.height) == (facts.width, facts.height)
            try:
                decoded = sum(1 for _ in container.decode(stream))
            except av.FFmpegError:
                assert name == "cut_film"
        assert (decoded == promised) == (name == "film")


def test_look_alikes_differ_slightly() -> None:
    original = render(draw_scene_spec(SEED), 800, 600)
    resized, cropped = make_lookalike(original, "resized"), make_lookalike(original, "cropped")
    assert resized.size == (640, 480)
    assert cropped.size == (784, 588)
    assert _distance(resized.resize((80, 60)), original.resize((80, 60))) < 3
    assert _distance(cropped.resize((80, 60)), original.resize((80, 60))) < 8
    assert make_lookalike(original, "same") is original
