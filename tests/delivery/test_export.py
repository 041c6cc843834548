"""`fairshard export`: the same bytes in another format, or nothing."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from pipelines.delivery import export, export_mds, export_samples
from pipelines.delivery.export_mds import read_mds
from pipelines.format.manifest import manifest_bytes, sign_manifest
from tests.format.test_manifest import SIGNER, unsigned

FORMATS = ("lance", "mds", "parquet")
Members = dict[str, tuple[bytes, bytes, bytes]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def members(first: int, count: int) -> Members:
    """Returns samples: media of any bytes, and texts beyond ASCII."""
    made: Members = {}
    for at in range(first, first + count):
        text = f"a caption {at} – Größe \U0001f600"
        data = json.dumps({"key": f"{at:024x}", "caption": text}, ensure_ascii=False)
        made[f"{at:024x}"] = (bytes([at, 0, 255]) * (at * 700), text.encode(), data.encode())
    return made


def extra_data(key: str, ending: str) -> bytes:
    """Returns an extra member of a sample: bytes that are no text."""
    return bytes([int(key, 16), 0, 255]) + ending.encode() * int(key, 16)


def write_shard(
    folder: Path, name: str, samples: Members, removed: bool, extras: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Writes a tar and its table with the standard library, and returns its record."""
    tar, rows = io.BytesIO(), []
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for key, parts in samples.items():
            row: dict[str, Any] = {"key": key, "shard": name, "status": "success", "width": 640}
            if extras:
                row["extra_members"] = []
            of = dict(zip(("jpg", "txt", "json"), parts, strict=True))
            for ending in ("jpg", *extras, "txt", "json"):
                what = {"jpg": "media"}.get(ending, ending)
                data = of[ending] if ending in of else extra_data(key, ending)
                info = tarfile.TarInfo(f"{key}.{ending}")
                info.size = len(data)
                place: dict[str, int | str] = {"offset": file.fileobj.tell() + 512}
                place |= {"length": len(data), "sha256": sha256(data)}
                if ending in of:
                    row |= {f"{what}_{field}": value for field, value in place.items()}
                else:
                    row["extra_members"].append({"ending": ending, **place})
                file.addfile(info, io.BytesIO(data))
            rows.append(row | {"media_member": f"{key}.jpg", "sha256": row["media_sha256"]})
    if removed:
        rows.append(rows[0] | {"key": "removed-0-0", "status": "removed"})
    (folder / f"shards/{name}.tar").write_bytes(tar.getvalue())
    pq.write_table(pa.Table.from_pylist(rows), folder / f"shards/{name}.parquet")
    return {
        **{"name": name, "family": "jpg", "samples": len(samples)},
        **{"bytes": len(tar.getvalue()), "sha256": sha256(tar.getvalue())},
    }


def sign(folder: Path, shards: list[dict[str, Any]], profile: str = "image-text") -> Path:
    files: list[dict[str, Any]] = [
        {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size}
        | {"sha256": sha256(path.read_bytes())}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "MANIFEST.json"
    ]
    end = {
        **{"shards": len(shards), "samples": sum(one["samples"] for one in shards)},
        **{"files": len(files), "bytes": sum(int(file["bytes"]) for file in files)},
    }
    deal = json.loads(unsigned().deal.model_dump_json()) | {"profile": profile}
    manifest = sign_manifest(unsigned(shards=shards, files=files, end=end, deal=deal), SIGNER)
    (folder / "MANIFEST.json").write_bytes(manifest_bytes(manifest))
    return folder


SAMPLES = {"s-0": members(1, 5), "s-1": members(6, 3)}
ALL = SAMPLES["s-0"] | SAMPLES["s-1"]


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    folder = tmp_path / "delivery"
    (folder / "shards").mkdir(parents=True)
    (folder / "rights").mkdir()
    (folder / "rights/terms.json").write_bytes(b"{}")
    shards = [
        write_shard(folder, name, samples, removed=name == "s-1")
        for name, samples in SAMPLES.items()
    ]
    return sign(folder, shards)


def run(delivery: Path, kind: str, out: Path, *more: str) -> int:
    options = ["--vkey", SIGNER.vkey] if not more else list(more)
    return main(["export", str(delivery), "--to", kind, "--out", str(out), "--quiet", *options])


def exported_rows(kind: str, out: Path) -> list[dict[str, Any]]:
    """Reads an export with the format's own library, or for MDS by the format's description."""
    rows: list[dict[str, Any]]
    if kind == "lance":
        import lance

        rows = lance.dataset(str(out / "samples.lance")).to_table().to_pylist()
    elif kind == "parquet":
        rows = pq.read_table(out / "samples").to_pylist()
    else:
        rows = list(mds_rows(out / "samples"))
    assert len({row["key"] for row in rows}) == len(rows)
    for row in rows:
        assert row["media_sha256"] == sha256(row["media"])
    return rows


def exported(kind: str, out: Path) -> Members:
    return {
        row["key"]: (row["media"], row["txt"].encode(), row["json"].encode())
        for row in exported_rows(kind, out)
    }


def mds_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Reads MDS as its documentation has it, without the code under test."""
    index = json.loads((folder / "index.json").read_bytes())
    assert index["version"] == 2
    for shard in index["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        assert sha256(data) == shard["raw_data"]["hashes"]["sha256"]
        names = shard["column_names"]
        assert names == sorted(names) and int.from_bytes(data[:4], "little") == shard["samples"]
        for at in range(shard["samples"]):
            start, end = (
                int.from_bytes(data[place : place + 4], "little")
                for place in (4 + 4 * at, 8 + 4 * at)
            )
            row, place = {}, start + 4 * len(names)
            for number, name in enumerate(names):
                head = start + 4 * number
                size = int.from_bytes(data[head : head + 4], "little")
                value = data[place : place + size]
                row[name] = (
                    value if shard["column_encodings"][number] == "bytes" else value.decode()
                )
                place += size
            assert place == end
            yield row


@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip(
    delivery: Path,
    tmp_path: Path,
    kind: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "lance":
        pytest.importorskip("lance")
    monkeypatch.setattr(export_samples, "_BATCH_BYTES", 6_000)
    monkeypatch.setattr(export_mds, "_SHARD_BYTES", 9_000)
    monkeypatch.setattr(export, "_FILE_BYTES", 9_000)
    out = tmp_path / "out"
    assert run(delivery, kind, out) == 0
    assert "8 samples of acme/v0001" in capsys.readouterr().out
    assert exported(kind, out) == ALL
    manifest = (delivery / "MANIFEST.json").read_bytes()
    assert (out / "source-manifest.json").read_bytes() == manifest
    assert (out / "rights/terms.json").read_bytes() == b"{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["delivery", "out"]
    assert run(delivery, kind, out) == 2
    assert "destination already exists" in capsys.readouterr().err
    if kind == "mds":
        assert len(list(out.glob("samples/*.mds"))) > 2
        assert {sample.key for sample in read_mds(out / "samples")} == ALL.keys()
    if kind == "parquet":
        assert len(list(out.glob("samples/*.parquet"))) > 2
        assert pq.read_table(out / "samples")["width"].to_pylist() == [640] * 8


EXTRAS = ("poses.json", "reference.png")


@pytest.fixture
def with_extras(tmp_path: Path) -> Path:
    folder = tmp_path / "delivery"
    (folder / "shards").mkdir(parents=True)
    shards = [
        write_shard(folder, name, samples, removed=name == "s-1", extras=EXTRAS)
        for name, samples in SAMPLES.items()
    ]
    return sign(folder, shards, "human-motion")


@pytest.mark.parametrize("kind", FORMATS)
def test_extra_members_are_columns(
    with_extras: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "lance":
        pytest.importorskip("lance")
    monkeypatch.setattr(export_samples, "_BATCH_BYTES", 6_000)
    monkeypatch.setattr(export_mds, "_SHARD_BYTES", 9_000)
    out = tmp_path / "out"
    assert run(with_extras, kind, out) == 0
    assert exported(kind, out) == ALL
    for row in exported_rows(kind, out):
        for column, ending in (("poses_json", "poses.json"), ("reference_png", "reference.png")):
            assert row[column] == extra_data(row["key"], ending)
            assert row[f"{column}_sha256"] == sha256(row[column])
        assert "extra_members" not in row


def _move(extra: dict[str, Any]) -> dict[str, Any]:
    return extra | {"offset": extra["offset"] + 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda own: [own[0], _move(own[1])], "reference.png: sha256"),
        (lambda own: own[::-1], "extra members reference.png, poses.json, its profile"),
        (lambda own: own[:1], "has the extra members poses.json, its profile"),
        (lambda own: [own[0], own[1] | {"offset": 2**40}], "lies outside its tar"),
    ],
)
def test_extra_members_that_are_wrong_are_refused(
    with_extras: Path, tmp_path: Path, change: Any, said: str, capsys: Any
) -> None:
    path = with_extras / "shards/s-0.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[0]["extra_members"] = change(rows[0]["extra_members"])
    pq.write_table(pa.Table.from_pylist(rows), path)
    shards = json.loads((with_extras / "MANIFEST.json").read_bytes())["shards"]
    sign(with_extras, shards, "human-motion")
    assert run(with_extras, "parquet", tmp_path / "out") == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_export_whose_extra_member_differs_is_not_kept(
    with_extras: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    encode = export_mds._encode
    monkeypatch.setattr(export_mds, "_encode", lambda row: encode({**row, "poses_json": b"x"}))
    assert run(with_extras, "mds", tmp_path / "out") == 1
    assert "differs from the delivery" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: _flip(folder / "shards/s-1.tar", 600), "media: sha256"),
        (lambda folder: _flip(folder / "shards/s-0.parquet", 40), "s-0.parquet: sha256"),
        (lambda folder: (folder / "shards/s-1.tar").unlink(), "s-1.tar: missing"),
        (lambda folder: (folder / "shards/s-1.tar").write_bytes(b""), "media: sha256"),
        (lambda folder: _flip(folder / "rights/terms.json", 0), "terms.json: sha256"),
        (lambda folder: _flip(folder / "MANIFEST.json", 9), "manifest is not sound"),
    ],
)
def test_damage_leaves_nothing(
    delivery: Path, tmp_path: Path, kind: str, damage: Any, said: str, capsys: Any
) -> None:
    if kind == "lance":
        pytest.importorskip("lance")
    damage(delivery)
    assert run(delivery, kind, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert said in error and "unexpected" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["delivery"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"media_offset": -5}, "lies outside its tar"),
        ({"json_offset": 2**40}, "lies outside its tar"),
        ({"txt_length": -1}, "lies outside its tar"),
        ({"key": f"{2:024x}"}, "occurs twice"),
        ({"status": "removed"}, "4 samples, the manifest says 5"),
    ],
)
def test_a_signed_table_that_is_wrong_is_refused(
    delivery: Path, tmp_path: Path, change: dict[str, Any], said: str, capsys: Any
) -> None:
    path = delivery / "shards/s-0.parquet"
    rows = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist([rows[0] | change, *rows[1:]]), path)
    shards = json.loads((delivery / "MANIFEST.json").read_bytes())["shards"]
    sign(delivery, shards)
    assert run(delivery, "parquet", tmp_path / "out") == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_signer_must_be_known(delivery: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert run(delivery, "mds", out, "--json") == 2
    assert "not known who made this delivery" in capsys.readouterr().err
    assert run(delivery, "mds", out, "--allow-unpinned", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["samples"], said["vkey"], said["format"]) == (8, SIGNER.vkey, "mds")


@pytest.mark.parametrize("place", ["s3://bucket/x", "delivery", "delivery/x", "no/such/folder"])
def test_where_it_cannot_go(delivery: Path, tmp_path: Path, place: str, capsys: Any) -> None:
    before = sorted(tmp_path.rglob("*"))
    out = place if "://" in place else str(tmp_path / place)
    options = ["--to", "mds", "--out", out, "--vkey", SIGNER.vkey]
    assert main(["export", str(delivery), *options]) == 2
    assert capsys.readouterr().err.startswith("fairshard export: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_killed_export_left_is_removed(delivery: Path, tmp_path: Path) -> None:
    left = tmp_path / ".out.unfinished/samples"
    left.mkdir(parents=True)
    (left / "shard.00000.mds").write_bytes(b"half")
    (tmp_path / ".out.lock").touch()
    (tmp_path / "out").mkdir()  # empty
    assert run(delivery, "mds", tmp_path / "out") == 0
    assert exported("mds", tmp_path / "out") == ALL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["delivery", "out"]


def test_an_export_that_differs_is_not_kept(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """As a disk that loses bytes would make it."""
    encode = export_mds._encode
    for change, said in (
        ({"txt": "x"}, "differs from the delivery"),
        ({"key": "other"}, "differs from the delivery"),
    ):
        changed = change
        monkeypatch.setattr(export_mds, "_encode", lambda row: encode(row | changed))  # noqa: B023
        assert run(delivery, "mds", tmp_path / "out") == 1
        assert said in capsys.readouterr().err
    write = export_mds.write_mds
    monkeypatch.setattr(export_mds, "_encode", encode)

    def write_less(batches: Iterator[pa.RecordBatch], _: pa.Schema, to: Path) -> None:
        to.mkdir()
        write((batch.slice(1) for batch in batches), to)

    short = export.ExportFormat("samples", write_less, read_mds)
    monkeypatch.setitem(export.FORMATS, "mds", short)
    assert run(delivery, "mds", tmp_path / "out") == 1
    assert "lacks samples" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["delivery"]


def test_lance_that_is_missing_is_named(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "lance", None)
    assert run(delivery, "lance", tmp_path / "out") == 2
    assert "pip install 'fairshard[export]'" in capsys.readouterr().err
