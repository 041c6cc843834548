"""The page's example of a profile, taken from the page and used."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

import pipelines.profiles
import schemas.profiles
from pipelines.profiles import load_profile, profile_names
from pipelines.profiles.base import SampleError, schema_text

from .rows import common_of, picture_row

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The example's module beside the others, and a folder of schemas of its own."""
    [text] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "square_image.py").write_text(text, encoding="utf-8")
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


def test_one_module_and_one_schema_are_a_profile(added: Path) -> None:
    assert "square-image" in profile_names()
    profile = load_profile("square-image")
    (added / "square-image.json").write_text(schema_text(profile), encoding="utf-8")
    assert schemas.profiles.profile_names() == ("square-image",)
    assert schemas.profiles.profile_media("square-image") == {"image": "square-image"}

    square, wide = picture_row(width=600, height=540), picture_row(width=600, height=400)
    sample = profile.make({**common_of(square), "width": 600, "height": 540}, square)
    said = sample.model_dump(mode="json")
    assert said["lost_bp"] == 1000
    schema = schemas.profiles.profile_schema("square-image")
    jsonschema.Draft202012Validator(schema).validate(said)
    assert profile.read(json.dumps(said).encode()) == sample

    assert profile.need(square) is None
    lack = profile.need(wide)
    assert lack is not None
    assert (lack.reason, lack.detail) == ("profile.unmet", "600 x 400 is far from a square")
    with pytest.raises(SampleError, match="lost_bp"):
        profile.make(common_of(wide), wide)
