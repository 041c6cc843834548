"""A deal of the profile `structure-video`: embeddings of the frames that their rows say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset

from pipelines.features.guard import this_guard
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import parse_model
from tests.media.media_samples import LIMITS, turned_film
from tests.media.numbered_shots import film_of_shots

from .small_library import SmallLibrary, in_process

pytestmark = pytest.mark.slow

_FILMS = {
    "a-0": film_of_shots([40, 41]),
    "a-1": film_of_shots([9], [0, 20, 40, 200, 220, 240, 600, 700, 701]),
    "a-2": turned_film(film_of_shots([12])),
    "a-3": film_of_shots([2]),
}
_FRAMES = {"a-0": 81, "a-1": 9, "a-2": 12, "a-3": 2}
_EVERY = 3
_TERMS = """
[structure]
every = 3

[select]
min_short_side = 64
blank = "accept"
dedupe = "none"
"""


def deal_of(made: SmallLibrary, deal_id: str, terms: str) -> str:
    head, price, tail = made.deal.replace('"small"', f'"{deal_id}"').partition("\n[price]")
    return f'{head}profile = "structure-video"\nmedia = ["video"]\n{price}{tail}{terms}'


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = SmallLibrary(tmp_path_factory.mktemp("structure"))
    for name, data in _FILMS.items():
        (made.folder / "catalogue" / f"{name}.mp4").write_bytes(data)
        words: dict[str, Any] = {"title": f"Film {name}"}
        made.add(1, media_uri=f"{name}.mp4", media_type="video", **words)
    made.deal = deal_of(made, "small", _TERMS)
    done = made.package()
    assert done.code == 0, done.err
    return made


def delivery(made: SmallLibrary, deal_id: str = "small") -> Path:
    return made.out / deal_id / "v0001" / "delivery"


def samples(folder: Path, by: str = "title") -> dict[str, dict[str, Any]]:
    """What webdataset reads, by the last three characters of a field: the members decoded."""
    tars = [str(path) for path in sorted(folder.glob("shards/*.tar"))]
    source = webdataset.WebDataset(tars, shardshuffle=False).decode()
    return {str(one["json"][by])[-3:]: one for one in source}


def test_each_row_is_the_embedding_of_its_frame(packaged: SmallLibrary) -> None:
    """Compared with the model's answer to the frame alone, read by its number."""
    found, encoder = samples(delivery(packaged)), load_encoder(parse_model("demo"))
    assert sorted(found) == sorted(_FILMS)
    for name, one in found.items():
        told, vectors = one["json"], one["frames.npy"]
        numbers = range(0, _FRAMES[name], _EVERY)
        assert vectors.dtype == np.float16
        assert vectors.shape == (len(numbers), told["embedding_dimensions"])
        assert (told["embedding_rows"], told["embedding_every"]) == (len(numbers), _EVERY)
        assert told["clip_model"] == encoder.identity
        for row in {0, len(numbers) // 2, len(numbers) - 1}:
            [image] = this_guard().frame_images(_FILMS[name], [numbers[row]], LIMITS)
            [alone] = encoder.embed_images([image])
            assert np.abs(vectors[row].astype(float) - alone).max() < 2e-3
    first, last = (found["a-0"]["frames.npy"][at].astype(float) for at in (0, -1))
    assert first @ last < 0.999  # another shot


def test_the_tables_have_the_fields(packaged: SmallLibrary) -> None:
    rows: list[Any] = pq.read_table(delivery(packaged) / "samples.parquet").to_pylist()
    assert sorted(row["embedding_rows"] for row in rows) == [1, 3, 4, 27]
    assert {row["embedding_every"] for row in rows} == {_EVERY}
    assert all(row["extra_members"][0]["ending"] == "frames.npy" for row in rows)


def test_another_deal_takes_what_is_stored(
    packaged: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same members, and no file more in the store."""
    stored = sorted((packaged.out / "agency" / "features").glob("frames-*/*"))
    assert len(stored) == len(_FILMS)
    deal = packaged.folder / "second.toml"
    deal.write_text(packaged.deal.replace('"small"', '"second"'), encoding="utf-8")
    words = ("package", "--catalogue", packaged.folder / "catalogue", "--deal", deal)
    monkeypatch.setattr("pipelines.steps.frame_vectors.embed_frames", None)
    done = in_process(
        *words, "--out", packaged.out, "--as-of", "2026-06-30", "--workers", 1, "--quiet"
    )
    assert done.code == 0, done.err
    assert sorted((packaged.out / "agency" / "features").glob("frames-*/*")) == stored
    before, after = samples(delivery(packaged)), samples(delivery(packaged, "second"))
    for name, one in before.items():
        assert np.array_equal(one["frames.npy"], after[name]["frames.npy"])


def test_verify_accepts_it_and_finds_changed_members(
    packaged: SmallLibrary, tmp_path: Path
) -> None:
    assert in_process("verify", delivery(packaged), "--allow-unpinned").code == 0
    copy = tmp_path / "delivery"
    shutil.copytree(delivery(packaged), copy)
    tar = next(copy.glob("shards/*.tar"))
    data = bytearray(tar.read_bytes())
    data[data.index(b"\x93NUMPY") + 200] ^= 1
    tar.write_bytes(data)
    done = in_process("verify", copy, "--allow-unpinned")
    assert done.code == 1 and "frames.npy" in done.out + done.err
