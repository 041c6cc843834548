"""Tar bytes equal those of the reference writer, and GNU tar, Python and webdataset read them."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.format.tar import BLOCK, END, Digests, Member, TarWriter, header
from tests.format.tar_oracle import slow_header, slow_tar

KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=40)
EXTENSIONS = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8), min_size=1, max_size=3
).map(".".join)
SIZES = st.one_of(
    st.integers(0, 3000),
    st.sampled_from([0, 1, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 10_240]),
    st.sampled_from([16_383, 16_384, 16_385, 200_000]),  # where pieces are no longer joined
)


@st.composite
def members(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Draws the members of a tar: unique names, and random bytes that may look like headers."""
    names = draw(st.lists(st.tuples(KEYS, EXTENSIONS).map(".".join), unique=True, max_size=8))
    found = []
    for name in names:
        size = draw(SIZES)
        kind = draw(st.sampled_from(["random", "zero", "header"]))
        if kind == "random":
            data = draw(st.randoms(use_true_random=False)).randbytes(size)
        elif kind == "zero":
            data = bytes(size)
        else:
            data = (header("a.txt", 1) * (size // BLOCK + 1))[:size]
        found.append((name, data))
    return found


def write(
    items: Iterable[tuple[str, bytes]], chunk: int = 700, digests: Digests = Digests.ALL
) -> tuple[bytes, list[Member]]:
    sink = io.BytesIO()
    tar = TarWriter(sink, digests)
    for name, data in items:
        pieces = (data[at : at + chunk] for at in range(0, len(data), chunk))
        tar.add(name, len(data), pieces)
    placed = tar.close()
    data = sink.getvalue()
    assert tar.size == len(data)
    if Digests.TAR in digests:
        assert tar.sha256 == hashlib.sha256(data).hexdigest()
    if Digests.MD5 in digests:
        assert tar.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()
    return data, placed


@pytest.mark.long
@settings(deadline=None)
@given(members(), st.integers(1, 300), st.integers(300, 300_000))
def test_the_bytes_equal_those_of_the_reference_writer(
    items: list[tuple[str, bytes]], small: int, large: int
) -> None:
    slow = slow_tar(items)
    assert write(items, large) == slow
    if sum(len(data) for _, data in items) < 50_000:
        assert write(items, small) == slow
    without = [Member(item.name, item.offset, item.length, "") for item in slow[1]]
    assert write(items, large, Digests.NONE) == (slow[0], without)
    assert write(items, large, Digests.MEMBERS) == slow
    assert write(items, large, Digests.TAR | Digests.MD5) == (slow[0], without)


def test_a_known_tar_has_a_known_digest() -> None:
    """The format is an interface, so this digest may never change."""
    data, _ = write([("0f3a.jpg", bytes(range(256)) * 5), ("0f3a.txt", b""), ("0f3a.json", b"{}")])
    assert len(data) == 4608
    assert hashlib.sha256(data).hexdigest() == (
        "2d9244debe28f9caac23f79e18ddf1ba7c34c47c75bdd0651d5b3ba33b85dd46"
    )


@pytest.mark.long
@settings(deadline=None)
@given(members())
def test_python_reads_what_was_written(items: list[tuple[str, bytes]]) -> None:
    data, placed = write(items)
    assert len(data) % BLOCK == 0 and data.endswith(END)
    for (name, content), member in zip(items, placed, strict=True):
        assert member.name == name
        assert data[member.offset : member.offset + member.length] == content
        assert member.sha256 == hashlib.sha256(content).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as source:
        found = source.getmembers()
        assert [item.name for item in found] == [name for name, _ in items]
        for item, (_, content) in zip(found, items, strict=True):
            assert source.extractfile(item).read() == content  # type: ignore[union-attr]
            assert item.isreg() and item.type == tarfile.REGTYPE and not item.pax_headers
            assert (item.mtime, item.uid, item.gid, item.mode) == (0, 0, 0, 0o644)
            assert (item.uname, item.gname, item.linkname) == ("", "", "")


@pytest.mark.long
@settings(deadline=None)
@given(members())
def test_webdataset_reads_what_was_written(items: list[tuple[str, bytes]]) -> None:
    # It imports torch, for which other processes that collect this module need not wait.
    from webdataset.tariterators import tar_file_iterator

    data, _ = write(items)
    files = [(item["fname"], bytes(item["data"])) for item in tar_file_iterator(io.BytesIO(data))]
    assert files == items


@given(st.lists(KEYS, unique=True, min_size=1, max_size=6), st.binary(max_size=600))
def test_webdataset_groups_samples_by_key(keys: list[str], content: bytes) -> None:
    from webdataset.tariterators import group_by_keys, tar_file_iterator

    parts = {"jpg": content, "txt": b"caption", "json": b"{}"}
    data, _ = write([(f"{key}.{end}", part) for key in keys for end, part in parts.items()])
    stream = ({**item, "__url__": "x"} for item in tar_file_iterator(io.BytesIO(data)))
    samples: list[dict[str, Any]] = list(group_by_keys(stream))
    assert [sample["__key__"] for sample in samples] == keys
    for sample in samples:
        assert {end: bytes(sample[end]) for end in parts} == parts


@pytest.mark.long
@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar command")
@settings(max_examples=20, deadline=None)
@given(items=members())
def test_gnu_tar_reads_what_was_written(
    items: list[tuple[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, _ = write(items)
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    path.write_bytes(data)
    # GNU tar must list the expected modes, owners, sizes, times and names.
    options = ["--full-time", "--numeric-owner", "--utc"]
    listed = subprocess.run(
        ["tar", *options, "-tvf", str(path)], capture_output=True, text=True, check=True
    )
    assert listed.stderr == ""
    rows = [line.split(None, 5) for line in listed.stdout.splitlines()]
    expected = [
        ["-rw-r--r--", "0/0", str(len(content)), "1970-01-01", "00:00:00", name]
        for name, content in items
    ]
    assert rows == expected
    for name, content in items:
        got = subprocess.run(
            ["tar", "-xOf", str(path), "--", name], capture_output=True, check=True
        )
        assert got.stdout == content


def test_a_header_has_the_specified_fields() -> None:
    block = header("0123456789abcdef.json", 0o1234567)
    assert len(block) == BLOCK
    assert block[:100] == b"0123456789abcdef.json" + bytes(79)
    assert block[100:108] == b"0000644\0"
    assert block[108:116] == block[116:124] == b"0000000\0"
    assert block[124:136] == b"00001234567\0"
    assert block[136:148] == b"00000000000\0"
    assert block[148:156] == b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
    assert block[156:157] == b"0"
    assert block[157:257] == bytes(100)
    assert block[257:265] == b"ustar\x0000"
    assert block[265:329] == bytes(64)
    assert block[329:345] == b"0000000\0" * 2
    assert block[345:] == bytes(167)


@given(st.tuples(KEYS, EXTENSIONS).map(".".join), st.integers(0, 8**11 - 1))
def test_python_parses_every_header(name: str, length: int) -> None:
    assert header(name, length) == slow_header(name, length)
    item = tarfile.TarInfo.frombuf(header(name, length), "ascii", "strict")
    assert (item.name, item.size, item.chksum) == (name, length, item.chksum)


def test_a_name_may_have_at_most_100_bytes() -> None:
    longest = "k" * 96 + ".jpg"
    data, _ = write([(longest, b"x")])
    with tarfile.open(fileobj=io.BytesIO(data)) as source:
        assert source.getnames() == [longest]
    with pytest.raises(ValueError, match="not a valid member name"):
        header("k" + longest, 1)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "a", "a.", ".jpg", "a..jpg", "A.jpg", "a.JPG", "a b.jpg", "ä.jpg", "a.jpé"),
        *("/a.jpg", "a/b.jpg", "../a.jpg", "a\\b.jpg", "a\0.jpg", "a.jpg\n", "a.jpg\0", "a.j-g"),
        *("\u0661.jpg", "a.\u0661", "a.jpg ", "٣.jpg", "a.b_c"),
    ],
)
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid member name"):
        header(name, 1)


@pytest.mark.parametrize("length", [-1, 8**11, 8**12])
def test_lengths_that_do_not_fit_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        header("a.jpg", length)


@given(st.binary(max_size=900), st.integers(-3, 3).filter(bool))
def test_data_of_another_length_than_announced_is_refused(content: bytes, off: int) -> None:
    announced = len(content) + off
    if announced < 0:
        return
    with pytest.raises(ValueError, match=f"{len(content)} bytes received, expected {announced}"):
        TarWriter(io.BytesIO()).add("a.jpg", announced, [content])
