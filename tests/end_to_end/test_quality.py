"""A deal's `[quality]` and `rights.faces` from the pixels to the decisions and the delivery."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageFilter

from pipelines.features.guard import Guard
from pipelines.media.limits import MediaLimits
from pipelines.vision import demo_network
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import parse_model
from pipelines.vision.prompts import PROMPTS
from tests.end_to_end.small_library import SmallLibrary

BLURRED, PORTRAIT, PLAIN = "a-1", "a-2", "a-3"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A library with a blurred picture and an upright one, delivered without the blurred one."""
    folder = tmp_path_factory.mktemp("quality")
    library = SmallLibrary(folder)
    library.add(4, side=600)
    blurred = folder / "catalogue" / "1.jpg"
    with Image.open(blurred) as image:
        image.filter(ImageFilter.GaussianBlur(9)).save(blurred, quality=95)
    upright = folder / "catalogue" / "2.jpg"
    with Image.open(upright) as image:
        image.crop((0, 0, 520, 600)).resize((600, 900)).save(upright, quality=95)
    library.deal += '[quality]\nmin_sharpness = "0.3"\naspects = ["1:1", "4:3"]\n'
    assert library.package().code == 0
    return library


def decisions(library: SmallLibrary, deal: str = "small") -> dict[str, dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in sorted((library.out / deal / "v0001" / "agency" / "decisions").glob("*.parquet")):
        found += pq.read_table(path).to_pylist()
    return {row["asset_id"]: row for row in found}


def samples(library: SmallLibrary, deal: str = "small") -> list[dict[str, Any]]:
    path = library.out / deal / "v0001" / "delivery" / "samples.parquet"
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def test_what_the_deal_does_not_take_is_refused(measured: SmallLibrary) -> None:
    found = decisions(measured)
    assert found[BLURRED]["reasons"] == ["select.blurred"]
    assert found[BLURRED]["detail"].endswith(", at least 0.3 required")
    assert found[PORTRAIT]["reasons"] == ["select.aspect"]
    assert found[PORTRAIT]["detail"] == "600 x 900 is nearest to 2:3, which is not listed"
    assert {found[name]["outcome"] for name in ("a-0", PLAIN)} == {"delivered"}


def test_samples_have_the_measures(measured: SmallLibrary) -> None:
    rows = samples(measured)
    assert len(rows) == 2
    for row in rows:
        assert row["sharpness_milli"] >= 300 and 0 < row["brightness_milli"] < 1000
        assert row["faces"] is row["nsfw_milli"] is row["watermark"] is None
        shard = measured.out / "small" / "v0001" / "delivery" / "shards" / f"{row['shard']}.tar"
        start, length = row["json_offset"], row["json_length"]
        sample = json.loads(shard.read_bytes()[start : start + length])
        for name in ("sharpness_milli", "brightness_milli", "shadows_milli", "highlights_milli"):
            assert sample[name] == row[name]
        assert sample["faces"] == sample["nsfw_milli"] == sample["text_area_milli"] == -1
        assert sample["watermark"] == "unknown"


def test_other_deals_use_the_stored_measures(measured: SmallLibrary, tmp_path: Path) -> None:
    library = measured.copied_to(tmp_path / "again")
    library.deal = library.deal.replace('"small"', '"second"').replace('"0.3"', '"0.01"')
    nothing = {"decoded": 0, "embedded": 0, "captioned": 0}
    assert library.package("--json").json["computed"] == nothing
    assert decisions(library, "second")[BLURRED]["outcome"] == "delivered"
    shutil.rmtree(next((library.out / "agency" / "features").glob("measures-*")))
    library.deal = library.deal.replace('"second"', '"third"')
    measured_again = {**nothing, "decoded": len(library.rows)}
    assert library.package("--json").json["computed"] == measured_again
    first, second = (
        sorted((row["media_sha256"], row["sharpness_milli"]) for row in samples(library, deal))
        for deal in ("second", "third")
    )
    assert first == second and len(first) == 3


@pytest.mark.slow
def test_scores_by_prompts_are_those_of_the_delivered_embeddings(tmp_path: Path) -> None:
    """With a model that is not the demonstration model, if only by its name."""
    model = tmp_path / "model"
    model.mkdir()
    config = demo_network.config()
    config["text_cfg"] = {
        **cast("dict[str, object]", config["text_cfg"]),
        "tokenizer_kwargs": {"bpe_path": str(demo_network.VOCABULARY)},
    }
    (model / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    weights = demo_network.FOLDER / demo_network.WEIGHTS_NAME
    shutil.copy(weights, model / "open_clip_model.safetensors")
    library = SmallLibrary(tmp_path)
    library.add(4, side=600)
    library.deal += f'[models]\nclip = "local-dir:{model}"\nprecision = "fp32"\n'
    assert library.package().code == 0
    rows = samples(library)
    delivery = library.out / "small" / "v0001" / "delivery"
    vectors = np.load(next(delivery.glob("img_emb/*.npy"))).astype(np.float64)
    prompts = tomllib.loads(PROMPTS.read_text())
    encoder = load_encoder(parse_model(f"local-dir:{model}"))
    for name in ("nsfw", "aesthetics"):
        cosines = {}
        for side in ("yes", "no"):
            mean = encoder.embed_texts(prompts[name][side]).astype(np.float64).mean(axis=0)
            cosines[side] = vectors @ mean / np.linalg.norm(mean)
        share = 1 / (1 + np.exp(100 * (cosines["no"] - cosines["yes"])))
        found = [row[f"{name}_milli"] for row in sorted(rows, key=lambda row: row["embedding_row"])]
        assert np.allclose(found, 1000 * share, atol=15)  # vectors are delivered in 16 bits
    scores = sorted(row["nsfw_milli"] for row in rows)
    library.deal = library.deal.replace('"small"', '"strict"')
    library.deal += f'[quality]\nmax_nsfw = "0.{scores[1]:03}"\n'
    nothing = {"decoded": 0, "embedded": 0, "captioned": 0}
    assert library.package("--json").json["computed"] == nothing
    refused = [
        row for row in decisions(library, "strict").values() if row["outcome"] != "delivered"
    ]
    assert {row["reasons"][0] for row in refused} == {"select.nsfw"}
    assert len(refused) == sum(score > scores[1] for score in scores) > 0


@pytest.mark.parametrize("setting", ["report", "refuse"])
def test_faces_that_nobody_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """A detector is put in the place of the real one, which is not part of every install."""

    def faces(_: Guard, image: Image.Image, limits: MediaLimits) -> int:
        return 2 if image.getpixel((0, 0)) == reference else 0

    monkeypatch.setattr("pipelines.run.inspectors.faces_model", lambda: "faces-test")
    monkeypatch.setattr(Guard, "faces", faces)
    library = SmallLibrary(tmp_path)
    library.add(2, side=600)
    shown = Image.new("RGB", (680, 600), (200, 30, 40))
    shown.paste((20, 200, 90), (100, 100, 500, 300))
    shown.save(tmp_path / "catalogue" / "1.png")
    library.rows[1]["media_uri"] = "1.png"
    reference = shown.getpixel((0, 0))
    assert library.package().code == 0
    library.deal = library.deal.replace('"small"', '"faces"')
    library.deal = library.deal.replace("[price]", f'[rights]\nfaces = "{setting}"\n\n[price]')
    ended = library.package("--json")
    # They are stored, and decoded again for the detector.
    assert ended.json["computed"] == {"decoded": 2, "embedded": 0, "captioned": 0, "inspected": 2}
    shutil.rmtree(library.out)
    library.deal = library.deal.replace('"faces"', '"small"', 1)
    ended = library.package()
    assert ended.code == 0
    words = " ".join(ended.out.split())
    assert "2 captioned, 2 searched for faces or text for the first time; 0 from" in words
    shown_more = "1 asset shows more faces than people_count says" in " ".join(ended.out.split())
    counts = json.loads((library.agency / "counts.json").read_text())
    assert shown_more is (counts["faces"]["more_than_declared"] == 1) is (setting == "report")
    assert counts["faces"]["counted"] == (2 if setting == "report" else 1)
    found = decisions(library)
    assert found["a-0"]["outcome"] == "delivered"
    assert found["a-1"]["outcome"] == ("refused" if setting == "refuse" else "delivered")
    if setting == "refuse":
        assert found["a-1"]["reasons"] == ["conflict.faces"]
        assert found["a-1"]["detail"] == "2 faces found, people_count is 0"
    signals = [
        row
        for path in (library.agency / "signals").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    [said] = [row for row in signals if row["kind"] == "faces"]
    assert (said["asset_id"], said["origin"], said["said_by"]) == ("a-1", "picture", "faces-test")
    assert said["value"] == "2 faces found, people_count is 0"
    counted = {row["media_sha256"]: row["faces"] for row in samples(library)}
    assert sorted(counted.values()) == ([0] if setting == "refuse" else [0, 2])
