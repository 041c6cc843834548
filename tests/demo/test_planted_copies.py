"""Copies that the demo plants are found as copies, so that a run agrees with the answer key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.demo import DEFAULT_ASSETS
from pipelines.demo.media_jobs import draw_media
from pipelines.demo.plan import PlannedAsset, make_plan
from pipelines.features.prepare import prepare_media
from tests.bench.likeness import quality_of
from tests.bench.likeness_library import Asset
from tests.media.media_samples import LIMITS


def _planted(seed: int, assets: int) -> list[PlannedAsset]:
    """The members of each group of pictures that are drawn alike, group by group."""
    groups: defaultdict[str, list[PlannedAsset]] = defaultdict(list)
    for asset in make_plan(seed, assets).assets:
        if asset.group_id:
            groups[asset.group_id].append(asset)
    return [asset for members in groups.values() if len(members) > 1 for asset in members]


def _looked_at(root: Path, planted: Sequence[PlannedAsset]) -> list[Asset]:
    works = {group: number for number, group in enumerate({a.group_id: 0 for a in planted})}
    draw_media(root, planted, 1, None)
    found: list[Asset] = []
    for asset in planted:
        work = works[asset.group_id]
        prepared = prepare_media(
            (root / asset.path).read_bytes(), asset.path, "image", None, LIMITS
        )
        found.append(Asset(work, "planted", asset.role.change, tuple(prepared.looks)))
    return found


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_every_planted_copy_is_found_and_nothing_else(seed: int, tmp_path: Path) -> None:
    assets = _looked_at(tmp_path, _planted(seed, DEFAULT_ASSETS))
    works = {asset.work for asset in assets}
    quality = quality_of(assets)
    assert len(works) > 5
    assert (quality.dropped, quality.wrong.total()) == (len(assets) - len(works), 0)
