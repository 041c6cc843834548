"""Energon, mlcroissant and clip-retrieval, through the files that we publish for them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipelines.media.formats import FILM_FORMATS
from pipelines.storage.columns import values_of
from tests.conformance.adapters import READERS_PYTHON, everything, family_of, need, run_reader
from tests.conformance.library import AS_BYTES, ReaderLibrary, families
from tests.conformance.test_readers import EVERY_FAMILY, EVERY_PROFILE, rows_of


@EVERY_FAMILY
def test_energon_makes_typed_samples(library: ReaderLibrary, profile: str, name: str) -> None:
    """By the family's metadataset: captioned pictures, films that can be decoded, or bytes."""
    read = run_reader("energon_reader.py", "megatron.energon", everything(library), "typed")
    found = read[str(library.delivery(profile))][name]
    rows = rows_of(family_of(library, profile, name))
    if name in FILM_FORMATS or name in AS_BYTES:
        medium = "bytes" if name in AS_BYTES else "AVDecoder"
        fields = {name: medium, "txt": "str", "json": "dict"}
        assert found == {row["key"]: fields for row in rows}
        return
    # Energon does not turn pictures by their EXIF, hence the stored sizes.
    assert found == {
        row["key"]: {
            "size": [3, row["original_height"], row["original_width"]],
            "caption": row["caption"],
        }
        for row in rows
    }


@EVERY_PROFILE
def test_energon_prepares_the_same(library: ReaderLibrary, profile: str, tmp_path: Path) -> None:
    """Its own `prepare` over our tars comes to the counts, offsets and rows that we publish."""
    need("megatron.energon")
    delivery = library.delivery(profile)
    (tmp_path / "shards").mkdir()
    tars = sorted((delivery / "shards").glob("*.tar"))
    for tar in tars:
        shutil.copy(tar, tmp_path / "shards")
    options = ["--non-interactive", "--no-progress", "--num-workers", "1"]
    options += ["--split-parts", "train:shards/.*", "--sample-type", "CrudeWebdataset"]
    options += ["--media-metadata-by-extension"]
    prepare = [str(READERS_PYTHON.with_name("energon")), "prepare", *options, str(tmp_path)]
    subprocess.run(prepare, check=True, capture_output=True)
    for tar in tars:
        index = f"shards/{tar.name}.idx"
        assert (tmp_path / index).read_bytes() == (delivery / index).read_bytes()
    made, ours = tmp_path / ".nv-meta", delivery / ".nv-meta"
    info = ".info.json"
    assert json.loads((made / info).read_bytes()) == json.loads((ours / info).read_bytes())
    assert database(made / "index.sqlite") == database(ours / "index.sqlite")


def database(path: Path) -> list[list[Any]]:
    """Everything in an index, whatever the order in which it was put there."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as index:
        assert index.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [
            sorted(index.execute("SELECT type, name FROM sqlite_master")),
            sorted(index.execute("SELECT * FROM samples")),
            sorted(index.execute("SELECT * FROM sample_parts")),
            sorted(index.execute("SELECT * FROM media_metadata")),
            # When it was prepared is left out of ours, whose bytes must repeat.
            sorted(index.execute("SELECT filter_id, strategy, patterns FROM media_filters")),
        ]


@EVERY_PROFILE
def test_mlcroissant_validates_and_reads(library: ReaderLibrary, profile: str) -> None:
    read = run_reader("croissant_reader.py", "mlcroissant", everything(library))
    printed = read[str(library.delivery(profile))]
    assert printed["issues"] == []
    assert printed["record_sets"] == list(families(profile))
    files = {file["path"]: file["sha256"] for file in library.manifest(profile)["files"]}
    shown = {path for path in files if path.startswith("shards/")}
    shown = {path for path in shown if path.endswith((".tar", ".parquet"))}
    assert printed["files"] == {path: files[path] for path in shown}
    for name in families(profile):
        rows = rows_of(family_of(library, profile, name))
        described = [{key: row[key] for key in row if key != "captions"} for row in rows]
        assert printed["records"][name] == described


@EVERY_PROFILE
def test_clip_retrieval_reads_the_embeddings(library: ReaderLibrary, profile: str) -> None:
    """Every vector with its own sample's facts, though some shards have no embeddings."""
    read = run_reader("clip_retrieval_reader.py", "embedding_reader", everything(library))
    delivery = library.delivery(profile)
    shards = library.manifest(profile)["shards"]
    samples = {
        row["key"]: row
        for name in families(profile)
        for row in rows_of(family_of(library, profile, name))
    }
    seen = [key for key, row in samples.items() if row["caption_model"]]
    for kind in ("img_emb", "text_emb"):
        printed = read[str(delivery)][kind]
        assert printed["count"] == len(seen) < len(samples)
        assert sorted(row["key"] for row in printed["rows"]) == sorted(seen)
        vectors: dict[str, str] = {}
        for number in range(len(shards)):
            metadata = delivery / "metadata" / f"metadata_{number}.parquet"
            if not metadata.exists():
                assert not (delivery / kind / f"{kind}_{number}.npy").exists()
                continue
            matrix = np.load(delivery / kind / f"{kind}_{number}.npy")
            assert matrix.dtype == np.float16 and matrix.shape[1] == printed["dimension"]
            keys = values_of(pq.read_table(metadata)["key"], str)
            digests = (
                hashlib.sha256(one.tobytes()).hexdigest() for one in matrix.astype(np.float32)
            )
            vectors |= dict(zip(keys, digests, strict=True))
        for row in printed["rows"]:
            sample = samples[row["key"]]
            assert {name: row[name] for name in ("shard", "caption", "clip_score")} == {
                name: sample[name] for name in ("shard", "caption", "clip_score")
            }
            assert row["image_path"] == f"{row['shard']}.tar/{sample['media_member']}"
            assert row["vector"] == vectors[row["key"]]
    assert len(list((delivery / "img_emb").iterdir())) < len(shards)
