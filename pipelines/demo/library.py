"""Makes the demo library: a catalogue with media, three deals, and the answer key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo import DEFAULT_ASSETS
from pipelines.demo.answer_key import answer_deal, answer_key
from pipelines.demo.deals import DEALS, deal_text
from pipelines.demo.media_jobs import MediaFacts, ProgressCallback, draw_media
from pipelines.demo.plan import LibraryPlan, make_plan
from pipelines.demo.tables import write_tables
from schemas.errors import InputError


@dataclass(frozen=True)
class DemoLibrary:
    """A library on disk.

    Attributes:
        root: The folder that contains everything.
        catalogue: The catalogue's folder, the input of `fairshard package`.
        deals: The three deals' files by deal id; the main deal comes first.
        answer_key: The file with the expected results, as JSON.
        plan: The plan that the library was made from.
    """

    root: Path
    catalogue: Path
    deals: dict[str, Path]
    answer_key: Path
    plan: LibraryPlan


def make_library(
    out: Path,
    seed: int = 0,
    assets: int = DEFAULT_ASSETS,
    progress: ProgressCallback | None = None,
    workers: int = 1,
) -> DemoLibrary:
    """Makes a library.

    Args:
        out: The folder to write to; created if missing. It must not contain a catalogue.
        seed: Another seed gives other pictures in another order.
        assets: Rows of the catalogue.
        progress: Called after each media file with the number done and the total.
        workers: Number of processes that draw; the bytes are the same for any number. They are
            spawned, so a script that uses several needs an `if __name__ == "__main__"` guard.

    Returns:
        The paths of the library.

    Raises:
        InputError: `assets` is too small, or `out` already contains a catalogue.
    """
    plan = make_plan(seed, assets)
    catalogue = out / "catalogue"
    if catalogue.exists():
        raise InputError("The catalogue exists already", str(catalogue), "Choose another folder.")
    catalogue.mkdir(parents=True)
    all_facts = draw_media(catalogue, plan.assets, workers, progress)
    write_tables(catalogue, plan, all_facts)
    deals = write_deals(out, plan)
    key_path = out / "answer_key.json"
    key = {**answer_key(plan), **_facts_after_drawing(plan, all_facts)}
    key_path.write_text(json.dumps(key, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return DemoLibrary(out, catalogue, deals, key_path, plan)


def write_deals(out: Path, plan: LibraryPlan) -> dict[str, Path]:
    """Writes the three deals and returns their paths by deal id."""
    paths: dict[str, Path] = {}
    for deal in DEALS:
        paths[deal.deal_id] = out / deal.file_name
        text = deal_text(deal, answer_deal(plan, deal).max_assets)
        paths[deal.deal_id].write_text(text, encoding="utf-8")
    return paths


def _facts_after_drawing(plan: LibraryPlan, all_facts: Sequence[MediaFacts]) -> dict[str, object]:
    """Returns the parts of the key that are known only after drawing: subjects and files."""
    pairs = [
        (asset, media_facts)
        for asset, media_facts in zip(plan.assets, all_facts, strict=True)
        if asset.asset_id is not None
    ]
    return {
        "subjects": {
            asset.asset_id: {
                "noun": media_facts.noun,
                "colour": media_facts.colour,
                "caption": media_facts.caption,
            }
            for asset, media_facts in pairs
        },
        "media": {
            asset.asset_id: {
                "file": asset.file_style,
                "path": asset.path if media_facts.sha256 else None,
                "sha256": media_facts.sha256 or None,
                "bytes": media_facts.size_bytes,
                "width": media_facts.width,
                "height": media_facts.height,
                "duration_ms": media_facts.duration_ms,
            }
            for asset, media_facts in pairs
        },
    }
