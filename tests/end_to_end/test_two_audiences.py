"""A delivery contains nothing that the buyer must not learn, and keys are private to the agency."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.media.formats import media_type_of, parse_format
from pipelines.profiles import profile_for
from pipelines.storage.columns import values_of
from schemas.profiles import profile_schema
from schemas.shard_table import SHARD_TABLE_SCHEMA
from tests.end_to_end.command import DEALS, Demo, tree

_TEXT = {".json", ".md", ".csv", ".txt", ".vkey", ""}


def texts(delivery: Path) -> Iterator[tuple[str, str]]:
    """Yields everything readable in a delivery except the media; Parquet also as values."""
    for path in sorted(delivery.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(delivery).as_posix()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield name, json.dumps(table.to_pylist(), ensure_ascii=False, default=str)
            yield name, str(table.schema)
            # The raw bytes contain statistics and dictionaries.
            yield name, path.read_bytes().decode("utf-8", "replace")
        elif path.suffix == ".tar":
            yield from members(path, name)
        else:
            yield name, path.read_bytes().decode("utf-8", "replace")


def members(tar: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yields the headers and text members of a tar."""
    data, at = tar.read_bytes(), 0
    while data[at]:
        member = data[at : at + 100].rstrip(b"\0").decode()
        length = int(data[at + 124 : at + 135], 8)
        yield f"{name}:{member}", data[at : at + 512].decode("utf-8", "replace")
        if member.endswith((".json", ".txt")):
            yield f"{name}:{member}", data[at + 512 : at + 512 + length].decode()
        at += 512 + length + -length % 512


@pytest.mark.parametrize("deal_id", DEALS)
def test_delivery_names_nobody(demo: Demo, deal_id: str) -> None:
    key = demo.key
    people = pq.read_table(demo.catalogue / "contributors.parquet")
    titles = str(pq.read_table(demo.catalogue / "assets.parquet")["title"].to_pylist())
    # Short words would be found by chance in any base64, and some hostile ids are also titles.
    secret = {name for name in key["roles"] if len(name) > 3}
    for column in ("contributor_id", "display_name", "payee_ref"):
        secret |= {name for name in people[column].to_pylist() if name and len(name) > 3}
    secret |= {str(demo.root), str(demo.root.resolve()), str(Path.home()), "DEMO-0"}
    secret |= {answer["path"] for answer in key["media"].values() if answer["path"]}
    secret = {word for word in secret if word not in titles}
    assert len(secret) > demo.key["rows"]
    answer = key["deals"][deal_id]
    money = [
        answer["agency_minor"],
        answer["pool_minor"],
        *(most for paid in answer["payouts"].values() for most in paid.values()),
    ]
    # A number counts only by itself, not as part of a longer one or after a decimal point.
    amounts = "|".join(str(amount) for amount in money if amount > 99_999)
    pattern = re.compile(rf"(?<![0-9.])({amounts})(?![0-9])")
    found = []
    for name, text in texts(demo.delivery(deal_id)):
        found += [(name, word) for word in secret if word in text]
        found += [(name, match[0]) for match in pattern.finditer(text)]
    assert not found


@pytest.mark.parametrize("deal_id", DEALS)
def test_samples_have_one_schema(demo: Demo, deal_id: str) -> None:
    """Loaders infer columns and types from the first samples."""
    types: dict[str, set[str]] = {}
    for tar in sorted(demo.delivery(deal_id).glob("shards/*.tar")):
        for name, text in members(tar, tar.name):
            if name.endswith(".json") and text.startswith("{"):
                value = json.loads(text)
                fmt = parse_format(tar.name.split("-")[-2])
                profile = profile_for(demo.manifest(deal_id)["deal"]["profile"], media_type_of(fmt))
                assert profile is not None
                schema = profile_schema(profile.name)
                jsonschema.Draft202012Validator(schema).validate(value)
                for field, item in value.items():
                    types.setdefault(field, set()).add(type(item).__name__)
    assert types and all(len(kinds) == 1 for kinds in types.values()), types
    assert not types.keys() & {"asset_id", "contributors", "contributor_id"}


@pytest.mark.parametrize("deal_id", DEALS)
def test_tables_and_vectors_are_in_the_order_of_the_tar(demo: Demo, deal_id: str) -> None:
    delivery = demo.delivery(deal_id)
    seen: set[str] = set()
    for index, shard in enumerate(demo.manifest(deal_id)["shards"]):
        table = pq.read_table(delivery / "shards" / f"{shard['name']}.parquet")
        assert table.schema.equals(SHARD_TABLE_SCHEMA)
        keys = values_of(table["key"], str)
        assert len(keys) == shard["samples"] and keys == sorted(keys)
        assert not seen & set(keys)
        seen |= set(keys)
        metadata = pq.read_table(delivery / "metadata" / f"metadata_{index}.parquet")
        assert metadata["key"].to_pylist() == keys
        for folder in ("img_emb", "text_emb"):
            vectors = np.load(delivery / folder / f"{folder}_{index}.npy")
            assert vectors.dtype == np.float16 and vectors.shape[0] == len(keys)
            lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
            assert np.allclose(lengths, 1, atol=2e-3)
        pictures, words = (
            np.load(delivery / folder / f"{folder}_{index}.npy").astype(np.float64)
            for folder in ("img_emb", "text_emb")
        )
        scores = table["clip_score"].to_numpy()
        assert np.allclose((pictures * words).sum(axis=1), scores, atol=5e-3)


def test_signing_key_is_readable_only_by_its_owner(demo: Demo) -> None:
    assert stat.S_IMODE(demo.signing_key.stat().st_mode) == 0o600
    private = demo.signing_key.read_bytes().strip().split(b"+", 4)[-1]
    assert len(private) > 40
    for name in tree(demo.out):
        if demo.out / name != demo.signing_key:
            assert private not in (demo.out / name).read_bytes(), name
