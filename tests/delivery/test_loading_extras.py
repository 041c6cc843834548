"""The card's examples of extra members open the members of every profile that has some."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.delivery.loading_extras import extras_section
from pipelines.profiles import load_profile, profile_names
from schemas.manifest import ShardRecord

_SHARDS = [ShardRecord(name="d-mp4-00000", family="mp4", samples=1, bytes=1, sha256="00")]
_WITH_EXTRAS = [name for name in profile_names() if load_profile(name).extras]
_BLOCK = re.compile(r"^### (.+?)$.+?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _member(ending: str) -> bytes:
    kind, sink = ending.rpartition(".")[2], io.BytesIO()
    if kind == "json":
        return b'{"frames": 2, "boxes": []}'
    if kind == "npy":
        np.save(sink, np.zeros((2, 3), np.float16))
    else:
        Image.new("RGB", (6, 4)).save(sink, "PNG")
    return sink.getvalue()


@pytest.mark.parametrize("name", _WITH_EXTRAS)
def test_both_examples_name_every_member(name: str) -> None:
    extras = load_profile(name).extras
    blocks = dict(_BLOCK.findall("\n".join(extras_section("d", _SHARDS, extras))))
    assert list(blocks) == ["Extra members with webdataset", "Extra members with fairshard"]
    for code in blocks.values():
        compile(code, "card", "exec")
        assert re.findall(r'print\("(.+?)"', code) == list(extras)


@pytest.mark.slow
@pytest.mark.parametrize("name", _WITH_EXTRAS)
def test_webdataset_opens_each_member(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extras = load_profile(name).extras
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards/d-mp4-00000.tar", "w") as tar:
        for ending in ("mp4", *extras, "txt", "json"):
            info, data = tarfile.TarInfo(f"{'a' * 24}.{ending}"), _member(ending)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    blocks = dict(_BLOCK.findall("\n".join(extras_section("d", _SHARDS, extras))))
    monkeypatch.chdir(tmp_path)
    exec(blocks["Extra members with webdataset"], {})
    shown = {"json": "['boxes', 'frames']", "npy": "(2, 3)", "png": "(6, 4)"}
    lines = [f"{ending} {shown[ending.rpartition('.')[2]]}" for ending in extras]
    assert capsys.readouterr().out.splitlines() == lines


def test_profiles_without_them_have_no_section() -> None:
    assert extras_section("d", _SHARDS, ()) == []
