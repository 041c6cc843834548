"""Pulling some samples or some members: only their bytes come, each checked."""

from __future__ import annotations

import hashlib
import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.pull.open import open_origin
from pipelines.pull.pull import Pulled, PullRequest, pull
from pipelines.pull.selection import SampleChoice, Selection
from pipelines.storage.tables import parquet_bytes
from schemas.errors import InputError, RunError
from tests.pull.deals import QUICKLY, SIGNER, content, publish
from tests.pull.range_server import range_server

SIZE = 90_000


def members(seed: int, count: int) -> dict[str, bytes]:
    """Names and bytes of the members of a tar, by sample: picture, text, JSON."""
    made = {}
    for n in range(count):
        key = f"k{seed}{n:03d}"
        made[f"{key}.jpg"] = content(seed * 1000 + n, SIZE + n)
        made[f"{key}.txt"] = f"text of {key}".encode()
        made[f"{key}.json"] = b"{}"
    return made


def shard(name: str, contents: dict[str, bytes]) -> dict[str, bytes]:
    """A tar by the standard library, and the table that says where its members are."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in contents.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    packed.seek(0)
    rows: dict[str, dict[str, Any]] = {}
    with tarfile.open(fileobj=packed) as tar:
        for info in tar:
            key, _, ending = info.name.partition(".")
            kind = "media" if ending == "jpg" else ending
            digest = hashlib.sha256(contents[info.name]).hexdigest()
            rows.setdefault(key, {"key": key, "status": "success"})
            rows[key] |= {f"{kind}_offset": info.offset_data, f"{kind}_length": info.size}
            rows[key] |= {f"{kind}_sha256": digest}
            if kind == "media":
                rows[key]["media_member"] = info.name
    table = parquet_bytes(pa.Table.from_pylist(list(rows.values())))
    return {f"shards/{name}.tar": packed.getvalue(), f"shards/{name}.parquet": table}


ONE, TWO = members(1, 6), members(2, 4)


@pytest.fixture
def deal(tmp_path: Path) -> Path:
    publish(tmp_path / "acme", "v0001", {**shard("d-0", ONE), **shard("d-1", TWO)})
    return tmp_path / "acme"


def got(uri: str, folder: Path, choice: SampleChoice | None, **more: Any) -> Pulled:
    selection = Selection(samples=choice, **more)
    request = PullRequest(folder, (SIGNER.vkey,), selection=selection, settings=QUICKLY)
    return pull(open_origin(uri, 2.0), request, datetime.now(UTC), lambda done, total: None)


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def test_texts_alone_come_without_pictures(deal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with range_server(deal.parent) as server:
        uri = f"{server.uri}/acme/v0001/delivery"
        got(uri, copy, SampleChoice(columns=frozenset({"txt", "json"})))
        fetched = sum(
            sum(b - a for a, b in spans) for p, spans in server.spans.items() if "tar" in p
        )
        assert fetched < SIZE * 2
        for name, contents in (("d-0", ONE), ("d-1", TWO)):
            texts = {path: data for path, data in contents.items() if not path.endswith("jpg")}
            assert read(copy / "samples" / f"{name}.tar") == texts
        assert not list((copy / "delivery" / "shards").glob("*.tar"))
        again = got(uri, copy, SampleChoice(columns=frozenset({"txt", "json"})))
        assert again.totals.received_bytes == 0
        assert got(uri, copy, None).removed == []  # whole shards, so that nothing is left of these
    assert not list((copy / "samples").iterdir())


def test_samples_by_key_over_a_poor_line(deal: Path, tmp_path: Path) -> None:
    keys = frozenset({"k1002", "k1005"})
    wanted = {path: data for path, data in ONE.items() if path.partition(".")[0] in keys}
    cut = {"n": 0}

    def plan(path: str, number: int) -> str:
        cut["n"] += path.endswith("tar")
        return "cut" if path.endswith("tar") and cut["n"] < 3 else ""

    with range_server(deal.parent, plan) as server:
        got(f"{server.uri}/acme/v0001/delivery", tmp_path / "copy", SampleChoice(keys))
        assert server.seen["cut"] == 2
        assert sum(server.twice(path) for path in server.spans) == 0
    assert read(tmp_path / "copy" / "samples" / "d-0.tar") == wanted
    assert [path.name for path in (tmp_path / "copy" / "samples").iterdir()] == ["d-0.tar"]


def test_a_sample_that_a_version_removed_goes(deal: Path, tmp_path: Path) -> None:
    copy, source = tmp_path / "copy", str(deal / "v0001" / "delivery")
    got(source, copy, SampleChoice(frozenset({"k1001", "k2001"})))
    mine = copy / "samples" / "mine.tar"
    mine.write_bytes(b"mine")
    less = {path: data for path, data in ONE.items() if not path.startswith("k1001")}
    publish(deal, "v0002", {**shard("d-0", less), **shard("d-1", TWO)})
    newer = str(deal / "v0002" / "delivery")
    with pytest.raises(InputError, match=r"key.*k1001"):
        got(newer, copy, SampleChoice(frozenset({"k1001", "k2001"})))
    got(newer, copy, SampleChoice(frozenset({"k2001"})))
    assert sorted(path.name for path in (copy / "samples").iterdir()) == ["d-1.tar", "mine.tar"]


def test_what_is_not_the_listed_member_is_refused(deal: Path, tmp_path: Path) -> None:
    tar = deal / "v0001" / "delivery" / "shards" / "d-0.tar"
    data = bytearray(tar.read_bytes())
    data[data.index(b"text of k1003")] ^= 1
    tar.write_bytes(data)
    with pytest.raises(RunError, match=r"not the one.*k1003\.txt"):
        got(str(tar.parents[1]), tmp_path / "copy", SampleChoice(columns=frozenset({"txt"})))
    assert not (tmp_path / "copy" / "samples" / "d-0.tar").exists()
    with pytest.raises(InputError, match=r"column.*wav"):
        got(str(tar.parents[1]), tmp_path / "copy", SampleChoice(columns=frozenset({"wav"})))
