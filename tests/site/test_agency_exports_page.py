"""docs/agency-exports.md: its example is checked and packaged as written, and ends as it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.catalogue.mapping import load_toml, parse_document
from pipelines.catalogue.preset import build_on, load_preset
from pipelines.cli import main
from tests.site.pages import DOCS, files_of, steps_of

PAGE = "agency-exports.md"


def outcomes() -> dict[str, list[str]]:
    """The reasons of each asset, as the page says; none if it is delivered."""
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    refused = re.findall(r"^\| (\w+\.jpg) \| refused: `([\w.]+)` \|$", text, re.MULTILINE)
    delivered = re.findall(r"^\| (\w+\.jpg) \| delivered \|$", text, re.MULTILINE)
    return {name: [code] for name, code in refused} | {name: [] for name in delivered}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, and pictures that differ from each other."""
    root = tmp_path_factory.mktemp("page")
    for name, text in files_of(PAGE).items():
        if name != "mapping.toml":  # the last example, which is no file of the first
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    photos = root / "library" / "photos"
    photos.mkdir()
    noise = np.random.default_rng(1)
    for name in outcomes():
        pixels = noise.integers(0, 255, (12, 16, 3), np.uint8)
        picture = Image.fromarray(pixels).resize((640, 480), Image.Resampling.BICUBIC)
        picture.save(photos / name, quality=90)
    return root


@pytest.mark.long
def test_each_asset_is_decided_as_the_page_says(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    check = shlex.split(steps_of(PAGE)[0].command)[1:]
    assert check[0] == "check"
    main([*check, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["proposals"] == ["march.jpg: place 'OSLO, NORWAY', date 2023-05-17"]
    assert {fact["what"] for fact in said["unknown"]} >= {"assets.minors", "releases"}
    assert said["reading"]["rows"]["consents"]["by_default_with_a_no"] == 1
    assert len(outcomes()) == 4
    for name, codes in outcomes().items():
        words = ["explain", name, *check[1:], "--no-fetch", "--json"]
        assert main(words) == 0
        [row] = json.loads(capsys.readouterr().out)["rows"]
        assert [reason["code"] for reason in row["reasons"]] == codes


@pytest.mark.slow
def test_its_commands_end_in_a_delivery(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for step in steps_of(PAGE):
        program, *words = shlex.split(step.command)
        assert program == "fairshard"
        assert main([*words, "--quiet"]) == 0
    [delivery] = (folder / "out" / "licence-2026").glob("v*")
    decisions = [pq.read_table(path) for path in (delivery / "agency" / "decisions").iterdir()]
    found = {
        row["asset_id"]: list(row["reasons"]) for table in decisions for row in table.to_pylist()
    }
    assert found == outcomes()


def test_the_mapping_of_the_last_part_is_read() -> None:
    text = files_of(PAGE)["mapping.toml"].encode()
    document = load_toml(text, PAGE)
    preset = load_preset(str(document.pop("preset")))
    for whole in (document, build_on(preset.document(), document)):
        own = parse_document(whole, text, PAGE).for_table("assets")
        assert own.derived.editorial_captions and dict(own.derived.first)["description"]
