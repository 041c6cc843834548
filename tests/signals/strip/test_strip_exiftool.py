"""Files with metadata written by ExifTool, and ExifTool's own view of what is left."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from pipelines.media.formats import Format
from pipelines.signals.file.embedded import read_embedded
from pipelines.signals.file.trust import NO_TRUST
from pipelines.signals.strip.strip import strip_metadata
from schemas.signal import personal_kinds_of
from tests.media.media_samples import film
from tests.signals.strip.dressed import NOTICE, plain

EXIFTOOL = shutil.which("exiftool")
pytestmark = [
    pytest.mark.skipif(EXIFTOOL is None, reason="ExifTool is not installed"),
    pytest.mark.long,
]
RIGHTS = {
    "XMP-dc:Rights": NOTICE,
    "XMP-xmpRights:UsageTerms": "By agreement only",
    "XMP-xmpRights:WebStatement": "https://agency.example/terms",
    "XMP-plus:LicensorName": "Example Agency",
    "XMP-plus:LicensorEmail": "rights@agency.example",
    "XMP-iptcExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
}
PERSONAL = {
    "XMP-dc:Creator": "Zoe Quill",
    "XMP-iptcCore:CreatorWorkEmail": "zoe@studio.example",
    "XMP-aux:SerialNumber": "SN4815",
    "XMP-iptcExt:PersonInImage": "Ida Falk",
    "XMP-exif:GPSLatitude": "51.5",
}
STILL = {
    "IFD0:Artist": "Zoe Quill",
    "IFD0:Copyright": NOTICE,
    "ExifIFD:SerialNumber": "SN4815",
    "ExifIFD:OwnerName": "Zoe Quill",
    "GPS:GPSLatitude": "51.5",
    "GPS:GPSLatitudeRef": "N",
}
IPTC = {"IPTC:By-line": "Zoe Quill", "IPTC:CopyrightNotice": NOTICE, "IPTC:Contact": "Main St"}
FILM = {"Keys:Author": "Zoe Quill", "ItemList:Artist": "Zoe Quill", "UserData:Author": "Zoe Quill"}
TAGS: dict[Format, dict[str, str]] = {
    "jpg": {**RIGHTS, **PERSONAL, **STILL, **IPTC},
    "png": {**RIGHTS, **PERSONAL, **STILL},
    "webp": {**RIGHTS, **PERSONAL, **STILL},
    "mp4": {**RIGHTS, **PERSONAL, **FILM},
}
# What describes the file and the picture, and not who made it.
_OF_THE_FILE = (
    *("File:", "System:", "ExifTool:", "JFIF:", "PNG:", "PNG-pHYs:", "RIFF:", "Composite:"),
    *("Track", "QuickTime:", "SourceFile"),
)


def exiftool(*words: str) -> str:
    done = subprocess.run(
        [str(EXIFTOOL), *words], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(fmt: Format, path: Path) -> bytes:
    """A file with metadata of all groups."""
    if fmt == "mp4":
        path.write_bytes(film(frames=3))
    else:
        out = io.BytesIO()
        plain(fmt, Random(3)).save(out, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[fmt])
        path.write_bytes(out.getvalue())
    words = [f"-{name}={value}" for name, value in TAGS[fmt].items()]
    exiftool("-overwrite_original", "-charset", "utf8", "-m", *words, str(path))
    return path.read_bytes()


def tags(path: Path) -> dict[str, str]:
    """Every tag but those that describe the file."""
    [found] = json.loads(exiftool("-j", "-a", "-G1", "-ee", "-n", str(path)))
    return {name: str(value) for name, value in found.items() if not name.startswith(_OF_THE_FILE)}


@pytest.mark.parametrize("fmt", TAGS)
def test_exiftool_finds_nothing_or_rights_alone(fmt: Format, tmp_path: Path) -> None:
    path = tmp_path / f"a.{fmt}"
    data = written(fmt, path)
    before = tags(path)
    assert {"XMP-dc:Creator", "XMP-dc:Rights"} <= before.keys()
    assert {"name", "contact", "gps", "serial_number", "person"} == personal_kinds_of(
        read_embedded(data, fmt, NO_TRUST)
    )
    path.write_bytes(strip_metadata(data, fmt, "none", 1, NO_TRUST))
    assert tags(path) == {}
    path.write_bytes(strip_metadata(data, fmt, "rights-only", 1, NO_TRUST))
    after = tags(path)
    kept = {name: value for name, value in TAGS[fmt].items() if value == NOTICE or name in RIGHTS}
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}
    structure = {"XMP-x:XMPToolkit", "IFD0:Orientation", "IPTC:CodedCharacterSet"}
    assert after.keys() - kept.keys() <= structure, after
