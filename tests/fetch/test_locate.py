"""Where a media_uri may point: only below a root or to a listed host."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fetch.hosts import HttpLocation, is_public, may_reach
from pipelines.fetch.locate import (
    FileLocation,
    S3Location,
    SourcePolicy,
    resolve_media_uri,
)
from schemas.errors import BadRecord, InputError

NOTHING = SourcePolicy()
S3_CATALOGUE = "s3://library/tables"


def assert_refused(uri: str, catalogue: str, policy: SourcePolicy = NOTHING) -> str:
    with pytest.raises(BadRecord) as caught:
        resolve_media_uri(uri, catalogue, policy)
    assert caught.value.reason == "media.not_allowed"
    return caught.value.detail


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.jpg").write_bytes(b"x")
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "library-other").mkdir()
    return folder.resolve()


@pytest.mark.parametrize(
    "uri", ["sub/a.jpg", "./sub/a.jpg", "sub/./a.jpg", "sub//a.jpg", "sub\\a.jpg", ".\\sub\\a.jpg"]
)
def test_relative(library: Path, uri: str) -> None:
    expected = FileLocation(str(library), str(library / "sub/a.jpg"))
    assert resolve_media_uri(uri, str(library), NOTHING) == expected
    assert resolve_media_uri(uri, f"file://{library}", NOTHING) == expected


@pytest.mark.parametrize(
    "name", ["100%.jpg", "a b.jpg", "ärger.jpg", "a..b.jpg", "C:x.jpg", "#1?.jpg"]
)
def test_unusual_names_are_accepted(library: Path, name: str) -> None:
    location = resolve_media_uri(name, str(library), NOTHING)
    assert location == FileLocation(str(library), str(library / name))
    assert resolve_media_uri(name, S3_CATALOGUE, NOTHING) == S3Location("library", f"tables/{name}")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        ".",
        "..",
        "../secret.jpg",
        "sub/../../secret.jpg",
        "sub/..",
        "sub/",
        "%2e%2e/secret.jpg",
        "%252e%252e/secret.jpg",
        "..%2fsecret.jpg",
        "..%5csecret.jpg",
        "..\\secret.jpg",
        "\\sub\\a.jpg",
        "\\\\host\\share\\a.jpg",
        "s3://library\\tables\\a.jpg",
        "a\u2066.jpg",
        "a\u2028.jpg",
        "a\0.jpg",
        "a%00.jpg",
        "a\n.jpg",
        "a\u202e.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file:/etc/passwd",
        "file://host/etc/passwd",
        "file://localhost/etc/passwd",
        "file:///%2e%2e/etc/passwd",
        "file:///a%ff.jpg",
        "ftp://host/a.jpg",
        "gs://bucket/a.jpg",
        "data:image/png;base64,AAAA",
        "s3://other/a.jpg",
        "s3://library",
        "https://example.com/a.jpg",
        "http://example.com/a.jpg",
        "://a",
        "x" * 5000,
    ],
)
def test_uris_outside_the_roots_are_refused(library: Path, uri: str) -> None:
    assert_refused(uri, str(library))
    assert_refused(uri, S3_CATALOGUE)


def test_symlinks_are_followed_before_the_check(library: Path, tmp_path: Path) -> None:
    (library / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (library / "away").symlink_to(tmp_path)
    (library / "loop").symlink_to(library / "loop")
    (library / "in.jpg").symlink_to("sub/a.jpg")
    assert_refused("out.jpg", str(library))
    assert_refused("away/secret.jpg", str(library))
    expected = FileLocation(str(library), str(library / "sub/a.jpg"))
    assert resolve_media_uri("in.jpg", str(library), NOTHING) == expected
    listed = resolve_media_uri("out.jpg", str(library), SourcePolicy(roots=(str(tmp_path),)))
    assert listed == FileLocation(str(tmp_path.resolve()), str(tmp_path.resolve() / "secret.jpg"))
    # A loop is below the root; opening it fails.
    assert isinstance(resolve_media_uri("loop", str(library), NOTHING), FileLocation)


def test_link_is_resolved_at_its_current_target(tmp_path: Path) -> None:
    """A library is moved and its link updated; another library takes its old place."""
    link, library, moved = tmp_path / "link", tmp_path / "library", tmp_path / "moved"
    library.mkdir()
    (library / "a.jpg").write_bytes(b"ours")
    link.symlink_to(library)
    before = FileLocation(str(library.resolve()), str(library.resolve() / "a.jpg"))
    assert resolve_media_uri("a.jpg", str(link), NOTHING) == before
    library.rename(moved)
    link.unlink()
    link.symlink_to(moved)
    library.mkdir()
    (library / "a.jpg").write_bytes(b"theirs")
    after = FileLocation(str(moved.resolve()), str(moved.resolve() / "a.jpg"))
    assert resolve_media_uri("a.jpg", str(link), NOTHING) == after


def test_root_matches_whole_folder_names_only(library: Path, tmp_path: Path) -> None:
    assert_refused(str(tmp_path / "library-other/a.jpg"), str(library))
    assert_refused(str(library), str(library))
    assert_refused("s3://library/tables-other/a.jpg", S3_CATALOGUE)
    location = resolve_media_uri(f"file://{library}/sub/a.jpg", str(library), NOTHING)
    assert location == FileLocation(str(library), str(library / "sub/a.jpg"))


def test_listed_roots_are_accepted(library: Path, tmp_path: Path) -> None:
    policy = SourcePolicy(roots=(f"file://{tmp_path}", "s3://archive/2020"))
    inside = resolve_media_uri(str(tmp_path / "secret.jpg"), S3_CATALOGUE, policy)
    assert isinstance(inside, FileLocation)
    found = resolve_media_uri("s3://archive/2020/x/a.jpg", str(library), policy)
    assert found == S3Location("archive", "2020/x/a.jpg")
    for uri in (
        "s3://archive/2021/a.jpg",
        "s3://archive/2020/../a.jpg",
        "s3://archive/2020//a.jpg",
        "s3://archive/2020/./a.jpg",
        "s3://archive/2020/",
        "s3://user@archive/2020/a.jpg",
        "s3://archive:80/2020/a.jpg",
    ):
        assert_refused(uri, str(library), policy)


@pytest.mark.parametrize("root", ["", "https://x/", "s3://", "s3://b/../c", "file://host/x"])
def test_malformed_roots_are_refused(root: str, library: Path) -> None:
    with pytest.raises(InputError):
        resolve_media_uri(str(library / "a"), str(library), SourcePolicy(roots=(root,)))
        resolve_media_uri("s3://bucket/a", str(library), SourcePolicy(roots=(root,)))


HOSTS = SourcePolicy(
    hosts=("example.com", "cdn.example.com:8443", "http://127.0.0.1:8000", "[2001:db8::1]")
)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://example.com/a.jpg", ("https", "example.com", 443, "/a.jpg")),
        ("HTTPS://EXAMPLE.com:443/a%20b.jpg?x=1", ("https", "example.com", 443, "/a%20b.jpg?x=1")),
        ("https://cdn.example.com:8443", ("https", "cdn.example.com", 8443, "/")),
        ("http://127.0.0.1:8000/a", ("http", "127.0.0.1", 8000, "/a")),
        ("https://[2001:0DB8:0::1]/a", ("https", "2001:db8::1", 443, "/a")),
    ],
)
def test_listed_hosts_are_accepted(uri: str, expected: tuple[str, str, int, str]) -> None:
    location = resolve_media_uri(uri, S3_CATALOGUE, HOSTS)
    assert location == HttpLocation(*expected, private_addresses=("127.0.0.1", "2001:db8::1"))


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/a",
        "https://example.com:444/a",
        "https://example.com:0443/a",
        "https://example.com:99999/a",
        "https://example.com:/a",
        "https://example.com./a",
        "https://sub.example.com/a",
        "https://example.com.evil.org/a",
        "https://example.com@evil.org/a",
        "https://user:pw@example.com/a",
        "https://evil.org#@example.com/a",
        "https://evil.org\\@example.com/a",
        "https://example.com/a#b",
        "https://example.com/../a",
        "https://example.com/%2e%2e/a",
        "https://example.com/a%2fb",
        "https://example.com/a b",
        "https://exämple.com/a",
        "https:///a",
        "https://",
        "https:example.com/a",
        "https://[2001:db8::1/a",
        "https://[2001:db8::1%25eth0]/a",
        "http://127.1:8000/a",
        "http://2130706433:8000/a",
        "http://0x7f000001:8000/a",
        "http://0x7f.0.0.1:8000/a",
        "http://0177.0.0.1:8000/a",
        "http://127.0.0.01:8000/a",
        "http://127.0.0.1.:8000/a",
        "http://localhost:8000/a",
        "http://[::1]:8000/a",
        "http://[::ffff:127.0.0.1]:8000/a",
        "http://127.0.0.1:8001/a",
        "https://127.0.0.1:8000/a",
    ],
)
def test_unlisted_hosts_are_refused(uri: str) -> None:
    assert_refused(uri, S3_CATALOGUE, HOSTS)


@pytest.mark.parametrize(
    "host", ["", "a b", "ftp://x", "http://", "127.1", "x:0", "x:y", "u@x", "x/"]
)
def test_malformed_hosts_are_refused(host: str) -> None:
    with pytest.raises(InputError):
        resolve_media_uri("https://example.com/", S3_CATALOGUE, SourcePolicy(hosts=(host,)))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_private_address_is_accepted_only_if_listed() -> None:
    by_name = HttpLocation("https", "intranet.example", 443, "/", ())
    assert not may_reach("10.0.0.7", by_name)
    assert not may_reach("fe80::1%eth0", by_name)
    listed = HttpLocation("https", "intranet.example", 443, "/", ("10.0.0.7",))
    assert may_reach("10.0.0.7", listed)
    assert not may_reach("10.0.0.8", listed)


@given(st.text(max_size=60))
def test_any_uri_stays_within_the_roots(text: str) -> None:
    try:
        location = resolve_media_uri(text, "/nowhere/library", NOTHING)
    except BadRecord as bad:
        assert bad.reason == "media.not_allowed"
    else:
        assert isinstance(location, FileLocation)
        assert location.path.startswith("/nowhere/library/")
