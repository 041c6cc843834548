"""A library made for readers, and a delivery of it for every profile that there is.

Every family has several samples in several shards, pictures and films of several shapes; in each
there are samples that no model may see, with the contributor's title or description for a caption.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.demo.scenes.films import FilmSpec, SceneShot, draw_film_spec, write_film
from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import caption, draw_scene_spec, render
from pipelines.media.formats import FILM_FORMATS, FORMATS, media_type_of, parse_format
from pipelines.profiles import load_profile, profile_names
from pipelines.run.signing_key import demonstration_key, save_key
from schemas.profiles import profile_media
from tests.conformance.tracks import add_tracks, release
from tests.end_to_end.command import AS_OF, fairshard
from tests.media.media_samples import PILLOW_NAMES, encode, in_quicktime
from tests.media.tiff_files import Page, write_tiff

# How each picture is saved. The turned ones' stored size is not the one they are shown at.
PICTURES = {
    "jpg": ("jpeg_plain", "jpeg_turned_6", "jpeg_progressive", "jpeg_grey", "jpeg_444"),
    "png": ("png", "png_alpha", "png_palette", "png16"),
    "webp": ("webp", "webp_lossless", "webp", "webp_lossless"),
    "tif": ("tiff", "tiff_16", "tiff_cmyk", "tiff_grey"),
    "gif": ("gif", "gif", "gif", "gif"),
    "avif": ("avif", "avif_alpha", "avif", "avif"),
}
# What webdataset, `datasets` and Energon do not decode by themselves: they give the bytes.
AS_BYTES = frozenset({"avif"})
FILMS = 4
_SHOT_FRAMES = 12
# Of each family, by number: no model may see these, and the first two have words of their own.
TITLED, DESCRIBED = 0, 1
_SIZES = ((320, 240), (240, 320), (400, 260), (256, 256), (360, 203))
_SEED = 9_001
_WHO = "c-1"
_DEAL = """\
deal_id = "{deal_id}"
buyer = "Readers Ltd"
purposes = ["train_gen"]
territory = ["US"]
starts = 2026-01-01
ends = 2029-01-01
profile = "{profile}"
media = {media}

[rights]
inference = "pack-without"

[select]
min_short_side = 64
dedupe = "exact"

[render]
images = "native"

[models]
clip = "demo"
captioner = "demo"

[price]
pool = "1000.00"
currency = "USD"
agency_share = "0.40"
allocation = "per_asset"

[shards]
target_bytes = "32KiB"
"""


# Profiles whose samples are medium, text and JSON; a profile that is added is among them by itself.
PLAIN = tuple(name for name in profile_names() if not load_profile(name).extras)
# Those with more members, and what their deals say besides.
WITH_MEMBERS = {
    "box-motion": "",
    "first-last-frame": "\n[clips]\nmin_frames = 8\n",
    "human-motion": "",
    "structure-depth": "\n[structure]\nevery = 4\n",
    "structure-video": "\n[structure]\nevery = 2\n",
}
# Those that need files with what is where in a film, and a release of who is shown.
_TRACKED = frozenset({"box-motion", "human-motion", "structure-depth"})
# Those whose samples all are by models, so that some of the library's assets are refused.
_BY_MODELS = ("structure-depth", "structure-video")


@dataclass(frozen=True)
class ReaderLibrary:
    """The catalogue, and the deliveries of it by profile. Tests read it and never change it."""

    root: Path
    profiles: tuple[str, ...] = PLAIN

    def delivery(self, profile: str) -> Path:
        """What the buyer of a profile gets."""
        return self.root / "out" / f"reads-{profile}" / "v0001" / "delivery"

    def manifest(self, profile: str) -> Any:
        """A delivery's manifest."""
        return json.loads((self.delivery(profile) / "MANIFEST.json").read_bytes())


def families(profile: str) -> tuple[str, ...]:
    """The families that a delivery of a profile must have: every format of the media it takes."""
    media = profile_media(profile)
    return tuple(sorted(fmt for fmt in FORMATS if media_type_of(fmt) in media))


# Every plain profile with every family of it.
DELIVERED = [(profile, family) for profile in PLAIN for family in families(profile)]


def make_library(root: Path, profiles: Iterable[str] = PLAIN) -> None:
    """Draws the library and packages a deal for every profile, by the real command."""
    profiles = tuple(profiles)
    tracked = not _TRACKED.isdisjoint(profiles)
    films = list(_films(root / "catalogue", tracked=tracked))
    rows = [*_pictures(root / "catalogue"), *films]
    signed = {"contributor_id": _WHO, "given_at": "2025-01-01T00:00:00Z", "value": "allow"}
    tables: dict[str, list[dict[str, Any]]] = {
        "assets": rows,
        "contributors": [{"contributor_id": _WHO, "country": "US", "currency": "USD"}],
        "consents": [{**signed, "purpose": "all", "agreement_ref": "a-1"}],
    }
    if tracked:
        names = [name for row in films for name in row["release_ids"]]
        tables["releases"] = [release(name, f"Person of {name}") for name in names]
    for name, table_rows in tables.items():
        lines = "".join(json.dumps(row) + "\n" for row in table_rows)
        (root / "catalogue" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    save_key(root / "key", demonstration_key(_SEED))
    for profile in profiles:
        deal = root / f"{profile}.toml"
        media = json.dumps(sorted(profile_media(profile)))
        text = _DEAL.format(deal_id=f"reads-{profile}", profile=profile, media=media)
        if profile in _BY_MODELS:
            text = text.replace('"pack-without"', '"require"')
        deal.write_text(text + WITH_MEMBERS.get(profile, ""), encoding="utf-8")
        ended = fairshard(
            *("package", "--catalogue", root / "catalogue", "--deal", deal, "--out", root / "out"),
            *("--as-of", AS_OF, "--key", root / "key", "--workers", 1, "--quiet", "--json"),
        )
        assert ended.code == 0, ended.err


def _pictures(folder: Path) -> Iterator[dict[str, Any]]:
    for family, kinds in PICTURES.items():
        (folder / "media" / family).mkdir(parents=True)
        for number, kind in enumerate(kinds):
            seed = _SEED + 100 * len(family) + ord(family[0]) + number
            scene = draw_scene_spec(seed)
            image = render(scene, *_SIZES[number])
            path = f"media/{family}/{number}.{family}"
            (folder / path).write_bytes(_saved(image, family, kind, seed, caption(scene)))
            yield _row(family, number, path, caption(scene))


def _saved(image: Image.Image, family: str, kind: str, seed: int, words: str) -> bytes:
    if family in ("jpg", "png", "webp"):
        return save_picture(image, kind, seed, words, b"")
    if kind == "tiff_16":
        return write_tiff(Page(np.asarray(image).astype(np.uint16) * 257, bits=16))
    modes = {"tiff_cmyk": "CMYK", "tiff_grey": "L", "avif_alpha": "RGBA"}
    packed = {"compression": "tiff_lzw"} if family == "tif" else {}
    return encode(image.convert(modes.get(kind, "RGB")), PILLOW_NAMES[family], **packed)


def _films(folder: Path, *, tracked: bool) -> Iterator[dict[str, Any]]:
    """Films of one shot and of several; those that no model may see have one.

    With tracks, each has boxes, depth, the poses of a person, and that person's release.
    """
    for family in FILM_FORMATS:
        (folder / "media" / family).mkdir(parents=True)
    for number in range(FILMS):
        drawn = draw_film_spec(_SEED + number)
        scenes = [draw_scene_spec(_SEED + 10 * number + at) for at in range(max(1, number))]
        shots = tuple(SceneShot(scene, _SHOT_FRAMES) for scene in scenes)
        for family in ("mp4", "mov"):
            path = f"media/{family}/{number}.{family}"
            size, seed = (drawn.width, drawn.height), drawn.seed
            if family == "mov":
                size, seed = size[::-1], seed + 1
            write_film(folder / "film.mp4", FilmSpec(seed, shots, *size, drawn.rate))
            data = (folder / "film.mp4").read_bytes()
            (folder / path).write_bytes(in_quicktime(data) if family == "mov" else data)
            (folder / "film.mp4").unlink()
            row = _row(family, number, path, caption(scenes[0]))
            if tracked:
                row |= add_tracks(folder, path, _SHOT_FRAMES * len(shots), size)
                row |= {"people_count": 1, "release_ids": [f"r-{family}-{number}"]}
            yield row


def _row(family: str, number: int, path: str, words: str) -> dict[str, Any]:
    no_model = number in (TITLED, DESCRIBED)
    return {
        "asset_id": f"{family}-{number}",
        "media_uri": path,
        "media_type": media_type_of(parse_format(family)),
        "contributors": [{"contributor_id": _WHO, "share_bp": 10_000}],
        "licence_model": "RF",
        "licence_class": "creative",
        "status": "active",
        # Beyond ASCII, since readers decode it.
        "title": None if number == DESCRIBED else f"{words} – № {number} “{family}”",
        "description": words,
        "keywords": [family, "drawn"][:number],
        "created_at": None if number == TITLED else f"2024-05-{number + 1:02}",
        "people_count": 0,
        "minors": False,
        "property": False,
        "sensitive": False,
        "digital_source_type": "digitalCapture",
        **({"grant_inference": "deny"} if no_model else {}),
    }
