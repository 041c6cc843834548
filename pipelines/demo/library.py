"""Makes the demo library: a catalogue with media, three deals, and the answer key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo.answer_key import answer_deal, answer_key
from pipelines.demo.deals import DEALS, deal_text
from pipelines.demo.media_jobs import MediaFacts, ProgressCallback, draw_media
from pipelines.demo.plan import LibraryPlan, make_plan
from pipelines.demo.tables import write_tables
from schemas.errors import InputError

DEFAULT_ASSETS = 360


@dataclass(frozen=True)
class DemoLibrary:
    """Where a library was made.

    Attributes:
        root: The folder that holds all of it.
        catalogue: The folder to package from.
        deals: The three deals' files by deal id; the main deal comes first.
        answer_key: What must come out, as JSON.
        plan: What was planted.
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
        out: A folder; it is made, and must not hold a library yet.
        seed: Another seed gives other pictures in another order.
        assets: Rows of the catalogue.
        progress: Called with how many media files are done, and of how many.
        workers: Processes that draw; the bytes are the same for any number. They are spawned, so
            a script that asks for several needs a main guard.

    Returns:
        Where everything lies.

    Raises:
        InputError: If `assets` is too small, or `out` already has a catalogue.
    """
    plan = make_plan(seed, assets)
    catalogue = out / "catalogue"
    if catalogue.exists():
        raise InputError("There is a catalogue already", str(catalogue), "Name another folder.")
    catalogue.mkdir(parents=True)
    all_facts = draw_media(catalogue, plan.assets, workers, progress)
    write_tables(catalogue, plan, all_facts)
    deals = write_deals(out, plan)
    key_path = out / "answer_key.json"
    key = {**answer_key(plan), **_facts_after_drawing(plan, all_facts)}
    key_path.write_text(json.dumps(key, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return DemoLibrary(out, catalogue, deals, key_path, plan)


def write_deals(out: Path, plan: LibraryPlan) -> dict[str, Path]:
    """Writes the three deals and tells where they are."""
    paths: dict[str, Path] = {}
    for deal in DEALS:
        paths[deal.deal_id] = out / deal.file_name
        text = deal_text(deal, answer_deal(plan, deal).max_assets)
        paths[deal.deal_id].write_text(text, encoding="utf-8")
    return paths


def _facts_after_drawing(plan: LibraryPlan, all_facts: Sequence[MediaFacts]) -> dict[str, object]:
    """The part of the key that is known once the pictures are drawn."""
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
