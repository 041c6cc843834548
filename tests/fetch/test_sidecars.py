"""Sidecars are found beside a medium under every name that programs give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.fetch.locate import FileLocation, S3Location
from pipelines.fetch.sidecar_names import ObjectFolders
from pipelines.fetch.sidecars import read_sidecars
from pipelines.storage.s3_client import s3_client
from tests.fetch.buckets import local_bucket

NAMES = st.text(st.sampled_from("aZé0 ._-(ß"), min_size=1, max_size=8).filter(
    lambda name: name.strip(". ") != ""
)


def found(folder: Path, name: str) -> list[str]:
    location = FileLocation(str(folder), f"{folder}/{name}")
    return [sidecar.name for sidecar in read_sidecars(location, ObjectFolders())]


@pytest.mark.parametrize(
    "sidecar",
    ["IMG.xmp", "IMG.jpg.xmp", "img.xmp", "IMG.XMP", "Img.Jpg.Xmp", "IMG.JPG.XMP"],
)
def test_a_sidecar_is_found_in_any_case(tmp_path: Path, sidecar: str) -> None:
    (tmp_path / "IMG.jpg").write_bytes(b"x")
    (tmp_path / sidecar).write_bytes(b"said")
    (tmp_path / "IMG2.xmp").write_bytes(b"of another")
    (tmp_path / "IMG.xmp.bak").write_bytes(b"no sidecar")
    assert found(tmp_path, "IMG.jpg") == [sidecar]


def test_two_sidecars_are_both_read_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.xmp").write_bytes(b"")
    (tmp_path / "a.jpg.xmp").write_bytes(b"said")
    location = FileLocation(str(tmp_path), f"{tmp_path}/a.jpg")
    sidecars = read_sidecars(location, ObjectFolders())
    assert [(one.name, one.data, one.fault) for one in sidecars] == [
        ("a.jpg.xmp", b"said", ""),
        ("a.xmp", b"", ""),
    ]


def test_a_sidecar_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.xmp").mkdir()
    (tmp_path / "a.jpg.xmp").symlink_to(tmp_path / "elsewhere")
    location = FileLocation(str(tmp_path), f"{tmp_path}/a.jpg")
    assert all(sidecar.fault for sidecar in read_sidecars(location, ObjectFolders()))
    assert len(read_sidecars(location, ObjectFolders())) == 2


def test_a_sidecar_that_came_later_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    os.utime(tmp_path, (1, 1))
    assert found(tmp_path, "a.jpg") == []
    (tmp_path / "a.xmp").write_bytes(b"said")
    assert found(tmp_path, "a.jpg") == ["a.xmp"]


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(NAMES, st.booleans(), st.data())
def test_any_name_in_any_case(
    tmp_path_factory: pytest.TempPathFactory, stem: str, whole: bool, draw: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("media")
    medium = f"{stem}.jpg"
    sidecar = f"{medium if whole else stem}.xmp"
    changes = (sidecar.upper(), sidecar.lower(), sidecar.swapcase(), sidecar.title(), sidecar)
    name = draw.draw(st.sampled_from(changes))
    (folder / name).write_bytes(b"said")
    assert found(folder, medium) == [name]


def test_sidecars_in_a_bucket() -> None:
    with local_bucket("media") as options:
        client = s3_client(options)
        for key in ("m/IMG.jpg", "m/img.XMP", "m/IMG.jpg.xmp", "m/deep/IMG.xmp", "IMG.xmp"):
            client.put_object(Bucket="media", Key=key, Body=key.encode())
        folders = ObjectFolders()
        sidecars = read_sidecars(S3Location("media", "m/IMG.jpg"), folders, options)
        assert [(one.name, one.data) for one in sidecars] == [
            ("IMG.jpg.xmp", b"m/IMG.jpg.xmp"),
            ("img.XMP", b"m/img.XMP"),
        ]
        top = read_sidecars(S3Location("media", "IMG.jpg"), folders, options)
        assert [one.name for one in top] == ["IMG.xmp"]
