"""docs/contributing/add-a-profile.md, followed: its tests, then a delivery of the new profile."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import webdataset

from tests.contributing.follow import check_style, copy_program, edit, python, run_all
from tests.end_to_end.command import Demo, tables

pytestmark = pytest.mark.slow  # a copy of the program is changed and checked

PAGE = "add-a-profile.md"
MOST_LOST_BP = 3_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program in which the page was followed."""
    program = copy_program(tmp_path_factory.mktemp("profile") / "program")
    check_style(program, edit(PAGE, program))
    _, printed = run_all(PAGE, program)
    assert " passed" in printed
    return program


def test_a_deal_may_name_it(program: Path, demo: Demo, tmp_path: Path) -> None:
    out = tmp_path / "out"
    deal = demo.deal("demo-images").read_text(encoding="utf-8")
    assert deal.count('"image-text"') == deal.count('"demo-images"') == 1
    deal = deal.replace('"image-text"', '"square-image"').replace('"demo-images"', '"squares"')
    (tmp_path / "deal.toml").write_text(deal, encoding="utf-8")
    demo.copy_features(out)
    package = demo.package("demo-images", out, "--workers", 1)
    package[package.index(demo.deal("demo-images"))] = tmp_path / "deal.toml"

    delivery = out / "squares" / "v0001" / "delivery"
    for command in (package, ["verify", delivery, "--quiet"]):
        done = python(program, ["-m", "pipelines.cli", *map(str, command)])
        assert done.returncode == 0, done.stderr

    schema = json.loads((program / "schemas/profiles/square-image.json").read_text())
    tars = [str(path) for path in sorted(delivery.glob("shards/*.tar"))]
    check = jsonschema.Draft202012Validator(schema)
    found = {}
    for sample in webdataset.WebDataset(tars, shardshuffle=False):
        told = json.loads(sample["json"])
        check.validate(told)
        found[told["original_sha256"]] = told["lost_bp"]
    # Of what the same deal has of another profile: all that is square enough, and no more. By the
    # agency's file, since the other profile renders what loaders show otherwise.
    other = tables(demo.delivery("demo-images") / "shards").to_pylist()
    lost = {row["original_sha256"]: _lost_bp(row["width"], row["height"]) for row in other}
    assert found and found == {key: part for key, part in lost.items() if part <= MOST_LOST_BP}
    decisions = tables(out / "squares" / "v0001" / "agency" / "decisions").to_pylist()
    refused = [row["detail"] for row in decisions if "profile.unmet" in row["reasons"]]
    assert len(refused) >= len(lost) - len(found) > 0
    assert all("is far from a square" in detail for detail in refused)


def _lost_bp(width: int, height: int) -> int:
    return 10_000 - 10_000 * min(width, height) // max(width, height)


def test_the_page_changed_the_deal_and_its_docs(program: Path) -> None:
    deal = json.loads((program / "schemas/jsonschema/deal.json").read_text())
    assert '"square-image"' in json.dumps(deal)
    assert "square-image" in (program / "docs/deal.md").read_text()
