"""Removing the metadata of TIFFs: pixels stay where they are, and everything else becomes zeros."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from pipelines.media.images import decode_for_models
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import NO_TRUST
from pipelines.signals.strip.kept import CannotStripError
from pipelines.signals.strip.strip import strip_metadata
from schemas.rights import Permission
from schemas.signal import personal_kinds_of
from tests.media.media_samples import encode, picture
from tests.media.tiff_files import (
    ASCII,
    BYTE,
    LONG,
    SHORT,
    UNDEFINED,
    Entry,
    Order,
    Page,
    write_tiff,
)
from tests.signals.file import xmp_builder as build
from tests.signals.strip.dressed import NOTICE, PERSONAL, RIGHTS, SECRETS

PIXELS = np.asarray(picture(60, 40))
SETTINGS = ("none", "rights-only")


def dressed(rng: Random, orientation: int = 1) -> Page:
    packet = build.packet("".join(one for one in (*RIGHTS, *PERSONAL) if rng.random() < 0.5))
    sets = build.iim((1, 90, b"\x1b%G"), (2, 80, SECRETS["name"].encode()))
    entries: dict[int, Entry] = {
        270: (ASCII, f"mail {SECRETS['email']}".encode() + b"\0"),
        315: (ASCII, SECRETS["name"].encode() + b"\0"),
        700: (BYTE, packet),
        33432: (ASCII, NOTICE.encode() + b"\0"),
        33723: (UNDEFINED, sets + build.iim((2, 116, NOTICE.encode()))),
        34377: (BYTE, build.photoshop(0x0404, sets)),
        37510: (UNDEFINED, b"ASCII\0\0\0" + SECRETS["phone"].encode()),
        50000: (ASCII, SECRETS["serial"].encode() + b"\0"),
    }
    chosen = {tag: entry for tag, entry in entries.items() if rng.random() < 0.7}
    turned: dict[int, Entry] = {274: (SHORT, [orientation])} if orientation != 1 else {}
    return Page(PIXELS, entries=chosen | turned)


def strip(data: bytes, setting: str, orientation: int = 1) -> bytes:
    return strip_metadata(data, "tif", setting, orientation, NO_TRUST)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(24))
def test_nothing_personal_stays_and_the_picture_is_the_same(seed: int, setting: str) -> None:
    rng = Random(seed)
    orders: tuple[Order, ...] = ("<", ">")
    order, orientation = rng.choice(orders), rng.randint(1, 8)
    big = order == "<" and rng.random() < 0.5
    small = Page(PIXELS[::4, ::4], entries={254: (LONG, [1])})
    page = dressed(rng, orientation)
    pages = (page, small) if rng.random() < 0.5 else (page,)
    data = write_tiff(*pages, order=order, big=big)
    try:
        stripped = strip(data, setting, orientation)
    except CannotStripError as error:
        # Only the name of a prompt's writer says that a generator made it.
        assert setting == "rights-only" and "source_type" in str(error)
        return
    before, after = (decode_for_models(one, "tif", 10**7, 512) for one in (data, stripped))
    assert before.image == after.image
    assert after.facts.orientation == orientation
    for secret in SECRETS.values():
        assert secret.encode() not in stripped
    reading = read_embedded(stripped, "tif", NO_TRUST)
    assert personal_kinds_of(reading) == set() and not reading.faults
    denied = {
        (one.purpose, one.said)
        for one in read_embedded(data, "tif", NO_TRUST).signals
        if one.value is Permission.DENY
    }
    kept = {(one.purpose, one.said) for one in reading.signals if one.value is Permission.DENY}
    assert kept == (denied if setting == "rights-only" else set())
    assert (NOTICE.encode() in stripped) <= (setting == "rights-only")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (write_tiff(Page(PIXELS), Page(PIXELS)), "several pages"),
        (encode(picture(), "TIFF", compression="jpeg"), "strips of the TIFF may hold metadata"),
        (write_tiff(Page(PIXELS, entries={266: (ASCII, b"Zoe Quill\0")})), "should be a number"),
        (write_tiff(Page(PIXELS))[:-60], "directories of the TIFF|outside the file"),
    ],
)
def test_what_cannot_be_done_for_certain_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(CannotStripError, match=said):
        strip(data, "none")
