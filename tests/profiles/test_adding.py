"""The example profile in docs/profiles.md works, by itself and in a delivery."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import webdataset

import pipelines.profiles
import schemas.profiles
from pipelines.profiles import load_profile, profile_names
from pipelines.profiles.base import SampleError, schema_text
from tests.end_to_end.command import Demo, environment, tables
from tests.profiles.rows import common_of, picture_row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "profiles.md"


def example() -> str:
    """Returns the module that the page shows."""
    [text] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert isinstance(text, str)
    return text


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Adds the example's module to the profiles, with a separate folder of schemas."""
    (tmp_path / "square_image.py").write_text(example(), encoding="utf-8")
    monkeypatch.setattr(
        pipelines.profiles, "__path__", [*pipelines.profiles.__path__, str(tmp_path)]
    )
    monkeypatch.setattr(schemas.profiles, "FOLDER", tmp_path)
    load_profile.cache_clear()
    schemas.profiles.profile_schema.cache_clear()
    yield tmp_path
    load_profile.cache_clear()
    schemas.profiles.profile_schema.cache_clear()
    sys.modules.pop("pipelines.profiles.square_image", None)


def test_a_profile_needs_only_a_module_and_a_schema(added: Path) -> None:
    assert "square-image" in profile_names()
    profile = load_profile("square-image")
    (added / "square-image.json").write_text(schema_text(profile), encoding="utf-8")
    assert schemas.profiles.profile_names() == ("square-image",)
    assert schemas.profiles.profile_media("square-image") == {"image": "square-image"}

    square, wide = picture_row(width=600, height=540), picture_row(width=600, height=400)
    sample = profile.make_sample({**common_of(square), "width": 600, "height": 540}, square)
    carried = sample.model_dump(mode="json")
    assert carried["lost_bp"] == 1000
    schema = schemas.profiles.profile_schema("square-image")
    jsonschema.Draft202012Validator(schema).validate(carried)
    assert profile.parse_sample(json.dumps(carried).encode()) == sample

    assert profile.find_unmet(square) is None
    unmet = profile.find_unmet(wide)
    assert unmet is not None
    assert (unmet.reason, unmet.detail) == ("profile.unmet", "600 x 400 is far from a square")
    with pytest.raises(SampleError, match="lost_bp"):
        profile.make_sample(common_of(wide), wide)


def test_a_deal_can_use_the_example_profile(demo: Demo, tmp_path: Path) -> None:
    """In a copy of the program, its schema is generated and a delivery is made and verified."""
    program, out = tmp_path / "program", tmp_path / "out"
    for part in ("pipelines", "schemas", "docs"):
        shutil.copytree(ROOT / part, program / part)
    (program / "pipelines/profiles/square_image.py").write_text(example(), encoding="utf-8")
    deal = demo.deal("demo-images").read_text(encoding="utf-8")
    assert deal.count('"image-text"') == deal.count('"demo-images"') == 1
    deal = deal.replace('"image-text"', '"square-image"').replace('"demo-images"', '"squares"')
    (tmp_path / "deal.toml").write_text(deal, encoding="utf-8")
    demo.copy_features(out)
    package = demo.package("demo-images", out, "--workers", 1)
    where = package.index(demo.deal("demo-images"))
    package[where] = tmp_path / "deal.toml"

    delivery = out / "squares" / "v0001" / "delivery"
    steps: tuple[list[object], ...] = (
        ["pipelines.report.reference"],  # what `make schemas` runs
        ["pipelines.cli", *package],
        ["pipelines.cli", "verify", delivery, "--quiet"],
    )
    for step in steps:
        done = subprocess.run(
            [sys.executable, "-m", *map(str, step)],
            cwd=program,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    schema = json.loads((program / "schemas/profiles/square-image.json").read_text())
    tars = [str(path) for path in sorted(delivery.glob("shards/*.tar"))]
    check = jsonschema.Draft202012Validator(schema)
    found = {}
    for sample in webdataset.WebDataset(tars, shardshuffle=False):
        carried = json.loads(sample["json"])
        check.validate(carried)
        found[carried["media_sha256"]] = carried["lost_bp"]
    # The delivery has exactly those assets of the same deal with another profile that are
    # square enough.
    other = tables(demo.delivery("demo-images") / "shards").to_pylist()
    lost = {row["media_sha256"]: _lost_bp(row["width"], row["height"]) for row in other}
    assert found and found == {key: part for key, part in lost.items() if part <= 2_000}
    decisions = tables(out / "squares" / "v0001" / "agency" / "decisions").to_pylist()
    refused = [row["detail"] for row in decisions if "profile.unmet" in row["reasons"]]
    assert len(refused) >= len(lost) - len(found) > 0
    assert all("is far from a square" in detail for detail in refused)


def _lost_bp(width: int, height: int) -> int:
    return 10_000 - 10_000 * min(width, height) // max(width, height)
