"""Nothing by which a person of the catalogue could be found is in what a buyer gets."""

from __future__ import annotations

import gzip
import json
import re
import struct
import tarfile
import zlib
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.command import Demo, fairshard
from tests.end_to_end.names import PNG, found_in

# What people are known by, and what the agency calls its assets and agreements.
NAMES = {
    "contributors": ["contributor_id", "display_name", "payee_ref"],
    "releases": ["release_id", "subject_ref", "witness_ref"],
    "agreements": ["agreement_ref"],
    "assets": ["asset_id", "media_uri"],
}
DELIVERED_TEXT = ["title", "description", "keywords", "category"]
HEX = re.compile("[0-9a-f]{,8}")
MOST_LEFT_OUT = 4


def names_of(demo: Demo) -> set[str]:
    """Returns the names, ids and references of the demo's catalogue that can be searched for.

    Left out is what is also in the text that is delivered, and what may as well be in a digest.
    """
    found: set[str] = set()
    for table, columns in NAMES.items():
        read = pq.read_table(demo.catalogue / f"{table}.parquet", columns=columns)
        for column in read.columns:
            found |= {value for value in column.to_pylist() if value}
    assets = pq.read_table(demo.catalogue / "assets.parquet", columns=DELIVERED_TEXT)
    texts = json.dumps(assets.to_pylist(), ensure_ascii=False)
    left_out = {name for name in found if name in texts or HEX.fullmatch(name)}
    assert len(left_out) <= MOST_LEFT_OUT, left_out
    return found - left_out


@pytest.mark.parametrize("deal_id", ["demo-main", "demo-images", "demo-strict"])
def test_no_name_is_in_the_tables_and_papers(demo: Demo, deal_id: str) -> None:
    assert found_in(demo.delivery(deal_id), names_of(demo), media=False) == {}


def test_the_agencys_side_has_them(demo: Demo) -> None:
    names = names_of(demo)
    assert len(found_in(demo.agency("demo-main"), names)) > 200


def test_no_name_is_in_the_media_of_a_deal_that_strips_them(demo: Demo, tmp_path: Path) -> None:
    deal = demo.deal("demo-main").read_text(encoding="utf-8")
    assert "[rights]" not in deal
    stripped = tmp_path / "deal.toml"
    stripped.write_text(deal + '\n[rights]\npersonal_data = "none"\n')
    demo.copy_features(tmp_path / "out")
    words = demo.package("demo-main", tmp_path / "out", "--workers", 1)
    words[words.index(demo.deal("demo-main"))] = stripped
    ended = fairshard(*words)
    assert ended.code == 0, ended.err
    delivery = tmp_path / "out" / "demo-main" / "v0001" / "delivery"
    assert found_in(delivery, names_of(demo)) == {}


def test_the_search_finds_names_wherever_they_are(tmp_path: Path) -> None:
    name = "Zoë Quillfeather"
    chunk = b"Author\0\0" + zlib.compress(name.encode())
    png = PNG + struct.pack(">I4s", len(chunk), b"zTXt") + chunk + bytes(4)
    planted = {
        "plain.txt": b"by " + name.encode(),
        "wide.bin": b"\0" + name.encode("utf-16-be"),
        "escaped.json": json.dumps([name]).encode(),
        "uri.txt": quote(name).encode(),
        "packed.gz": gzip.compress(name.encode()),
    }
    for path, data in planted.items():
        (tmp_path / path).write_bytes(data)
    pq.write_table(pa.table({"text": [f"by {name}"]}), tmp_path / "table.parquet")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        member = tarfile.TarInfo("1.png")
        member.size = len(png)
        tar.addfile(member, BytesIO(png))
    places = found_in(tmp_path, {name, "somebody else"})
    assert places == {name: {*planted, "table.parquet", "shard.tar 1.png"}}


@pytest.mark.long
def test_no_name_is_in_a_runs_log(demo: Demo, tmp_path: Path) -> None:
    """Nor a caption, an address or a key; at the level `debug`, assets' ids are."""
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    demo.copy_features(out)
    words = ("--workers", 1, "--log-json", log, "--log-level", "debug")
    ended = fairshard(*demo.package("demo-strict", out, *words))
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    without_ids = [{key: value for key, value in line.items() if key != "asset"} for line in lines]
    said = json.dumps(without_ids, ensure_ascii=False)
    assets = pq.read_table(demo.catalogue / "assets.parquet", columns=["title", "description"])
    texts = {text for column in assets.columns for text in column.to_pylist() if text}
    secret = demo.signing_key.read_text(encoding="utf-8").rpartition("+")[2].strip()
    private = names_of(demo) | texts | {secret, str(tmp_path), str(demo.root)}
    private = {text for text in private if len(text) > 3}  # "f" is in every log
    assert len(private) > 200 and {text for text in private if text in said} == set()
    assert any("asset" in line for line in lines) and "@" not in said and "://" not in said
