"""`fairshard scan` reads sixty files that ExifTool made as ExifTool itself reads them."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, cast

import av
import numpy as np
import pytest
from PIL import Image

from pipelines.features.scan import find_media, scan_media
from pipelines.features.scanned import ScannedFile, asset_row

pytestmark = pytest.mark.long

EXIFTOOL = os.environ.get("FAIRSHARD_EXIFTOOL") or shutil.which("exiftool")
FILES = 60
PLUS = "http://ns.useplus.org/ldf/vocab/"
ENDINGS = ("jpg", "png", "tif", "webp", "gif", "mp4", "mov")
CONFIG = """
%Image::ExifTool::UserDefined = (
    'Image::ExifTool::XMP::iptcExt' => {
        AISystemUsed => { }, AISystemVersionUsed => { },
        AIPromptInformation => { }, AIPromptWriterName => { },
    },
    'Image::ExifTool::PLUS::XMP' => { DataMining => { } },
);
1;
"""
# ExifTool's name of each XMP tag, and values to choose from; a list is a tag with several values.
XMP: dict[str, list[object]] = {
    "XMP-dc:Title": ["Küste bei Süderbrarup", "Sea, at dawn", "=cmd()"],
    "XMP-dc:Description": ["PARIS, FRANCE - MAY 3 2020: A march", "Two lines\nof text", "雪"],
    "XMP-dc:Subject": [["sea", "x-ray"], ["a; b", "c,d"], ["один"]],
    "XMP-dc:Creator": [["Anna Müller"], ["José García", "Ola Nordmann"]],
    "XMP-dc:Rights": ["© Anna Müller"],
    "XMP-photoshop:Headline": ["A headline"],
    "XMP-photoshop:Credit": ["Credit/Agency"],
    "XMP-photoshop:Source": ["Source"],
    "XMP-photoshop:Instructions": ["Do not crop"],
    "XMP-photoshop:DateCreated": ["2024:05:06 07:08:09", "2023:12:31", "2022:07", "2021"],
    "XMP-photoshop:City": ["Oslo"],
    "XMP-photoshop:State": ["Viken"],
    "XMP-photoshop:Country": ["Norway"],
    "XMP-iptcCore:Location": ["Harbour"],
    "XMP-iptcCore:CountryCode": ["NOR"],
    "XMP-xmpRights:UsageTerms": ["Editorial use only"],
    "XMP-xmpRights:WebStatement": ["https://example.com/terms"],
    "XMP-iptcExt:PersonInImage": [["Ida Holm"], ["Ida Holm", "Per Dahl"]],
    "XMP-iptcExt:AdditionalModelInformation": ["Sisters"],
    "XMP-iptcExt:ModelAge": [["34"], ["15", "41"]],
    "XMP-iptcExt:DigitalSourceType": [
        "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    ],
    "XMP-iptcExt:AISystemUsed": ["Some System"],
    "XMP-iptcExt:AIPromptInformation": ["a sea at dawn"],
    "XMP-plus:ModelReleaseStatus": ["MR-UMR", "MR-NON"],
    "XMP-plus:ModelReleaseID": [["MR-1"], ["MR-2", "MR-3"]],
    "XMP-plus:PropertyReleaseStatus": ["PR-UPR"],
    "XMP-plus:PropertyReleaseID": [["PR-9"]],
    "XMP-plus:MinorModelAgeDisclosure": ["AG-U14", "AG-A17", "AG-A18", "AG-A25", "AG-UNK"],
    "XMP-plus:ImageSupplierImageID": ["N-4711"],
    "XMP-plus:DataMining": [
        "DMI-PROHIBITED",
        "DMI-PROHIBITED-GENAIMLTRAINING",
        "DMI-ALLOWED",
        "DMI-UNSPECIFIED",
    ],
    "XMP-plus:OtherConstraints": ["Ask us"],
}
IPTC: dict[str, list[object]] = {
    "IPTC:ObjectName": ["An older title"],
    "IPTC:Caption-Abstract": ["An older caption"],
    "IPTC:Keywords": [["old", "words"]],
    "IPTC:By-line": [["Anna Muller"]],
    "IPTC:DateCreated": ["2019:02:03"],
    "IPTC:City": ["Bergen"],
    "IPTC:CopyrightNotice": ["(c) Anna"],
}
EXIF: dict[str, list[object]] = {
    "EXIF:ImageDescription": ["A camera's text"],
    "EXIF:Artist": ["A. Müller"],
    "EXIF:Copyright": ["Anna"],
    "EXIF:DateTimeOriginal": ["2018:01:02 03:04:05"],
}
# Our field for the tags of ExifTool, the place that counts first.
TAGS = {
    "title": ("XMP-dc:Title", "IPTC:ObjectName"),
    "description": ("XMP-dc:Description", "IPTC:Caption-Abstract", "IFD0:ImageDescription"),
    "keywords": ("XMP-dc:Subject", "IPTC:Keywords"),
    "creators": ("XMP-dc:Creator", "IPTC:By-line", "IFD0:Artist"),
    "rights": ("XMP-dc:Rights", "IPTC:CopyrightNotice", "IFD0:Copyright"),
    "headline": ("XMP-photoshop:Headline",),
    "credit": ("XMP-photoshop:Credit",),
    "source": ("XMP-photoshop:Source",),
    "instructions": ("XMP-photoshop:Instructions",),
    "city": ("XMP-photoshop:City", "IPTC:City"),
    "state": ("XMP-photoshop:State",),
    "country": ("XMP-photoshop:Country",),
    "location": ("XMP-iptcCore:Location",),
    "country_code": ("XMP-iptcCore:CountryCode",),
    "usage_terms": ("XMP-xmpRights:UsageTerms",),
    "web_statement": ("XMP-xmpRights:WebStatement",),
    "persons": ("XMP-iptcExt:PersonInImage",),
    "model_info": ("XMP-iptcExt:AdditionalModelInformation",),
    "model_ages": ("XMP-iptcExt:ModelAge",),
    "digital_source_type": ("XMP-iptcExt:DigitalSourceType",),
    "ai_system": ("XMP-iptcExt:AISystemUsed",),
    "ai_prompt": ("XMP-iptcExt:AIPromptInformation",),
    "model_release_status": ("XMP-plus:ModelReleaseStatus",),
    "model_release_ids": ("XMP-plus:ModelReleaseID",),
    "property_release_status": ("XMP-plus:PropertyReleaseStatus",),
    "property_release_ids": ("XMP-plus:PropertyReleaseID",),
    "minor_age": ("XMP-plus:MinorModelAgeDisclosure",),
    "supplier_image_id": ("XMP-plus:ImageSupplierImageID",),
    "data_mining": ("XMP-plus:DataMining",),
    "other_constraints": ("XMP-plus:OtherConstraints",),
}


class Answers(TypedDict):
    """What ExifTool says of one file: values by tag."""

    SourceFile: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Sixty files, in which ExifTool has written tags chosen by a seeded generator."""
    if EXIFTOOL is None:
        pytest.skip("ExifTool is not installed (Debian: libimage-exiftool-perl)")
    root = tmp_path_factory.mktemp("scan")
    (root / "config").write_text(CONFIG)
    media = root / "media"
    (media / "inner").mkdir(parents=True)
    choose = random.Random(17)
    arguments: list[str] = []
    for number in range(FILES):
        end = ENDINGS[number % len(ENDINGS)]
        path = media / ("inner" if number % 5 == 0 else "") / f"f{number:02}.{end}"
        make(path, number)
        pool: dict[str, list[object]] = dict(XMP)
        if end in ("jpg", "tif"):
            pool |= IPTC
        if end in ("jpg", "tif", "png", "webp"):
            pool |= EXIF
        share = choose.choice((0.2, 0.5, 0.9))
        tags = [tag for tag in pool if choose.random() < share] or ["XMP-dc:Title"]
        arguments += [line for tag in tags for line in written(tag, choose.choice(pool[tag]))]
        arguments += ["-codedcharacterset=utf8"] if end in ("jpg", "tif") else []
        arguments += ["-overwrite_original", str(path), "-execute"]
    (root / "arguments").write_text("\n".join(arguments) + "\n", encoding="utf-8")
    common = ["-common_args", "-n", "-E", "-charset", "filename=utf8", "-q"]
    run("-config", str(root / "config"), "-@", str(root / "arguments"), *common)
    yield media


def written(tag: str, value: object) -> list[str]:
    """The arguments that write a tag; line ends as ExifTool's `-E` reads them."""
    values = value if isinstance(value, list) else [value]
    return [f"-{tag}={str(one).replace('&', '&amp;').replace(chr(10), '&#xa;')}" for one in values]


def make(path: Path, number: int) -> None:
    picture = Image.new("RGB", (16, 16), (number * 4, 90, 30))
    if path.suffix not in (".mp4", ".mov"):
        picture.save(path)
        return
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        for packet in stream.encode(
            av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
        ):
            film.mux(packet)
        for packet in stream.encode():
            film.mux(packet)


def run(*words: str) -> str:
    ended = subprocess.run([str(EXIFTOOL), *words], capture_output=True, timeout=120, check=False)
    assert not ended.stderr, ended.stderr.decode()
    return ended.stdout.decode()


def read_by_exiftool(folder: Path) -> dict[str, dict[str, object]]:
    config = str(folder.parent / "config")
    said = run("-config", config, "-q", "-j", "-n", "-G1", "-struct", "-r", str(folder))
    files = cast("list[dict[str, object]]", json.loads(said))
    return {Path(str(one["SourceFile"])).relative_to(folder).as_posix(): one for one in files}


def listed(value: object) -> list[str]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [text for one in values if (text := str(one).strip())]


def oracle(said: dict[str, object], field: str) -> list[str]:
    for tag in TAGS[field]:
        if found := listed(said.get(tag)):
            return found
    return []


def test_sixty_files_are_read_as_exiftool_reads_them(folder: Path) -> None:
    found = find_media(folder)
    files = {file.name: file for file in scan_media(folder, found)}
    by_exiftool = read_by_exiftool(folder)
    assert len(files) == len(by_exiftool) == FILES
    assert not any(file.problems for file in files.values())
    compared = 0
    for name, file in files.items():
        for field in TAGS:
            wanted = oracle(by_exiftool[name], field)
            got = [value.removeprefix(PLUS) for value in file.values(field)]
            assert got == [value.removeprefix(PLUS) for value in wanted], (name, field)
            compared += bool(wanted)
    assert compared > 600  # the generator wrote something


def test_rows_follow_from_what_exiftool_reads(folder: Path) -> None:
    by_exiftool = read_by_exiftool(folder)
    for file in scan_media(folder, find_media(folder)):
        row, said = asset_row(file, {}), by_exiftool[file.name]
        assert row.get("created_at", "") == day_of(said), file.name
        ids = oracle(said, "model_release_ids") + oracle(said, "property_release_ids")
        assert row.get("release_ids", []) == ids
        assert row.get("grant_train_gen") == grant_of(said), file.name
        assert row.get("minors") == minors_of(said), file.name
        assert row.get("digital_source_type") == source_of(said), file.name
        assert "contributors" not in row and "people_count" not in row
        check_identity(file, row)


def check_identity(file: ScannedFile, row: dict[str, object]) -> None:
    is_film = file.name.endswith((".mp4", ".mov"))
    assert row["media_type"] == ("video" if is_film else "image")
    assert row["asset_id"] == row["media_uri"] == file.name


def day_of(said: dict[str, object]) -> str:
    for tag in ("XMP-photoshop:DateCreated", "IPTC:DateCreated", "ExifIFD:DateTimeOriginal"):
        day = str(said.get(tag, "")).partition(" ")[0].split(":")
        if len(day) == 3:
            return "-".join(day)
    return ""


def grant_of(said: dict[str, object]) -> str | None:
    code = "".join(oracle(said, "data_mining")).removeprefix(PLUS)
    if code.startswith("DMI-PROHIBITED"):
        return "deny"
    return "allow" if code == "DMI-ALLOWED" else None


def minors_of(said: dict[str, object]) -> str | None:
    code = "".join(oracle(said, "minor_age")).removeprefix(PLUS)
    if code in ("AG-U14", "AG-A17") or "15" in oracle(said, "model_ages"):
        return "yes"
    return "no" if code in ("AG-A18", "AG-A25") else None


def source_of(said: dict[str, object]) -> str | None:
    if oracle(said, "ai_system") or oracle(said, "ai_prompt"):
        return "trainedAlgorithmicMedia"
    term = "".join(oracle(said, "digital_source_type")).rpartition("/")[2]
    return term or None
