"""Files are found whatever way their names are spelled, if only one can be meant."""

from __future__ import annotations

import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.fetch.fetch import fetch
from pipelines.fetch.locate import FileLocation, S3Location, SourcePolicy, resolve_media_uri
from pipelines.storage.s3_client import S3Options, s3_client
from schemas.errors import BadRecord
from tests.fetch.buckets import local_bucket

NOTHING = SourcePolicy()
ODD = "\u202f\u200d\u200c\u200b\ufe0f\xad \u3000é\u0301ñ\u0327ẛ̣가ﬁΩÅ%#?&=+'!~a1-"
SEGMENT = (
    st.text(st.sampled_from(ODD), min_size=1, max_size=6)
    .map(lambda text: f"n{text}.jpg")
    .filter(lambda text: ".." not in text and "%" not in text)
)
Form = Literal["NFC", "NFD"]
BOTH_FORMS: tuple[Form, Form] = ("NFC", "NFD")
FORMS: st.SearchStrategy[Form] = st.sampled_from(BOTH_FORMS)


def read(uri: str, catalogue: Path, policy: SourcePolicy = NOTHING) -> bytes:
    return fetch(resolve_media_uri(uri, str(catalogue), policy), 100)


SEPARATORS = st.sampled_from(["/", "\\", "//"])
_NAMED = given(st.lists(SEGMENT, min_size=1, max_size=3), FORMS, FORMS, SEPARATORS)


@_NAMED
def test_whatever_form_a_name_has(
    segments: list[str], stored: Form, written: Form, separator: str
) -> None:
    check_found(segments, stored, written, separator)


@pytest.mark.slow
@settings(max_examples=10_000)
@_NAMED
def test_ten_thousand_names(
    segments: list[str], stored: Form, written: Form, separator: str
) -> None:
    check_found(segments, stored, written, separator)


def check_found(segments: list[str], stored: Form, written: Form, separator: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        path = root / unicodedata.normalize(stored, "/".join(segments))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"it")
        uri = unicodedata.normalize(written, separator.join(segments))
        assert read(uri, root) == b"it"
        absolute = unicodedata.normalize(written, str(path))
        assert read(absolute, root) == b"it"


def test_a_name_as_given_wins(tmp_path: Path) -> None:
    for form in BOTH_FORMS:
        (tmp_path / unicodedata.normalize(form, "é.jpg")).write_bytes(form.encode())
    for form in BOTH_FORMS:
        assert read(unicodedata.normalize(form, "é.jpg"), tmp_path) == form.encode()


def test_two_names_that_could_be_meant(tmp_path: Path) -> None:
    # Two marks in either order, and a third spelling in the catalogue.
    (tmp_path / "a\u0301\u0327.jpg").write_bytes(b"one")
    (tmp_path / "a\u0327\u0301.jpg").write_bytes(b"other")
    with pytest.raises(BadRecord) as caught:
        read("\xe1\u0327.jpg", tmp_path)
    assert caught.value.reason == "media.not_allowed"
    assert "2 files differ in the Unicode form" in caught.value.detail


def test_a_backslash_in_a_name_and_as_a_separator(tmp_path: Path) -> None:
    (tmp_path / "a\\b.jpg").write_bytes(b"name")
    assert read("a\\b.jpg", tmp_path) == b"name"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").write_bytes(b"folder")
    assert read("a/b.jpg", tmp_path) == b"folder"
    with pytest.raises(BadRecord, match="with a backslash and with a separator"):
        read("a\\b.jpg", tmp_path)
    (tmp_path / "a\\b.jpg").unlink()
    assert read("a\\b.jpg", tmp_path) == b"folder"


def test_another_spelling_leads_out_no_more_than_the_name_itself(tmp_path: Path) -> None:
    library, outside = tmp_path / "library", tmp_path / "outside"
    for folder in (library, outside):
        folder.mkdir()
    (outside / "a.jpg").write_bytes(b"secret")
    (library / unicodedata.normalize("NFD", "é")).symlink_to(outside)
    with pytest.raises(BadRecord) as caught:
        read("é/a.jpg", library)
    assert caught.value.reason == "media.not_allowed"
    allowed = SourcePolicy(roots=(str(outside),))
    with pytest.raises(BadRecord):
        read("é/a.jpg", library, SourcePolicy())
    (library / "b").symlink_to(outside)
    assert read("b\\a.jpg", library, allowed) == b"secret"
    with pytest.raises(BadRecord):
        read("b\\a.jpg", library)


def test_a_missing_file_stays_missing(tmp_path: Path) -> None:
    (tmp_path / "e.jpg").write_bytes(b"x")
    for uri in ("é.jpg", "a\\é.jpg", "é/é.jpg"):
        assert isinstance(resolve_media_uri(uri, str(tmp_path), NOTHING), FileLocation)
        with pytest.raises(BadRecord) as caught:
            read(uri, tmp_path)
        assert caught.value.reason == "media.unavailable"


def test_a_folder_that_gets_a_new_file(tmp_path: Path) -> None:
    """What was read of a folder before does not hide what is put there later."""
    (tmp_path / "other.jpg").write_bytes(b"x")
    with pytest.raises(BadRecord):
        read("é.jpg", tmp_path)
    shutil.copy(tmp_path / "other.jpg", tmp_path / unicodedata.normalize("NFD", "é.jpg"))
    assert read("é.jpg", tmp_path) == b"x"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    with local_bucket("names") as options:
        yield options


def put(s3: S3Options, key: str) -> None:
    s3_client(s3).put_object(Bucket="names", Key=key, Body=key.encode())


def get(s3: S3Options, uri: str, prefix: str) -> str:
    location = resolve_media_uri(uri, f"s3://names/{prefix}", NOTHING)
    assert isinstance(location, S3Location)
    return fetch(location, 100, s3).decode()


@pytest.mark.parametrize(
    ("key", "uri"),
    [
        ("a\u202fb.jpg", "a\u202fb.jpg"),
        ("a\u200db.jpg", "a\u200db.jpg"),
        ("e\u0301.jpg", "\xe9.jpg"),
        ("\xe9.jpg", "e\u0301.jpg"),
        ("e\u0301/\xe9.jpg", "\xe9/\xe9.jpg"),
        ("x/1.jpg", "x\\1.jpg"),
        ("x\\2.jpg", "x\\2.jpg"),
        ("x/3.jpg", "x//3.jpg"),
        ("x/e\u0301.jpg", "x\\\xe9.jpg"),
    ],
)
def test_names_in_a_bucket(s3: S3Options, key: str, uri: str) -> None:
    prefix = f"case-{abs(hash((key, uri)))}"
    put(s3, f"{prefix}/{key}")
    assert get(s3, uri, prefix) == f"{prefix}/{key}"


def test_two_objects_that_could_be_meant(s3: S3Options) -> None:
    for key in ("two/a\\b.jpg", "two/a/b.jpg"):
        put(s3, key)
    with pytest.raises(BadRecord) as caught:
        get(s3, "a\\b.jpg", "two")
    assert caught.value.reason == "media.not_allowed"
    with pytest.raises(BadRecord, match="NoSuchKey"):
        get(s3, "é.jpg", "two")


def test_the_prefix_is_left_as_it_is(s3: S3Options) -> None:
    put(s3, "e\u0301/a.jpg")
    with pytest.raises(BadRecord, match="NoSuchKey"):
        get(s3, "a.jpg", "\xe9")


def test_a_file_with_other_capitals_is_named(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "Küste.JPG").write_bytes(b"x")
    with pytest.raises(BadRecord, match=r"the folder has 'Küste\.JPG', and capitals matter"):
        read("2024/Küste.jpg", tmp_path.resolve())
    for missing in ("2024/other.jpg", "2025/Küste.jpg"):
        with pytest.raises(BadRecord) as caught:
            read(missing, tmp_path.resolve())
        assert "capitals" not in str(caught.value)
