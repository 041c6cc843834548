"""Gathers an asset's captions: the contributor's and those of models, each with its source."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.features.compute import score_key
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.unit_features import UnitFeatures
from pipelines.profiles.captions import recommend
from pipelines.run.job import Models
from pipelines.signals.caption_flags import caption_flags
from schemas.catalogue import AssetDescription
from schemas.features import TagFields
from schemas.sample import CaptionSource
from schemas.unit import UnitCaption, UnitRow


def contributor_texts(row: AssetDescription) -> dict[CaptionSource, str]:
    """Returns the captions that the contributor wrote, none of them empty, by source.

    Keywords become one caption: "boat, red, sea".
    """
    keywords = (word.strip() for word in row["keywords"] or [])
    texts = {
        CaptionSource.TITLE: (row["title"] or "").strip(),
        CaptionSource.DESCRIPTION: (row["description"] or "").strip(),
        CaptionSource.KEYWORDS: ", ".join(word for word in keywords if word),
    }
    return {source: text for source, text in texts.items() if text}


def unit_captions(item: FetchedAsset, features: UnitFeatures, models: Models) -> list[UnitCaption]:
    """Returns an asset's captions in the order of their sources.

    Args:
        item: The asset. If no model may see it, only the contributor's captions are returned, and
            they have no scores.
        features: Features of the unit's media, complete for it.
        models: The run's models.
    """
    return [
        *_contributor_captions(item, features),
        *_model_captions(item, features, models),
        *_zero_shot_captions(item, features, models),
    ]


def scored_texts(item: FetchedAsset, features: UnitFeatures) -> list[str]:
    """Returns an asset's texts that are scored, other than the captioner's.

    Args:
        item: The asset, which models may see.
        features: Features of the unit's media, with the asset's tags.
    """
    return [*contributor_texts(item.row).values(), *filter(None, [_of_tags(item, features)])]


def unit_tags(item: FetchedAsset, features: UnitFeatures) -> list[TagFields]:
    """Returns an asset's tags, best first; none if no model may see it."""
    row = features.tags.get(item.digest) if item.inference else None
    return row["tags"] if row else []


def _of_tags(item: FetchedAsset, features: UnitFeatures) -> str:
    row = features.tags.get(item.digest)
    return row["caption"] if row else ""


def _zero_shot_captions(
    item: FetchedAsset, features: UnitFeatures, models: Models
) -> Iterator[UnitCaption]:
    vocabulary = models.vocabulary
    if vocabulary is None or not item.inference or not (text := _of_tags(item, features)):
        return
    yield UnitCaption(
        source=CaptionSource.ZERO_SHOT,
        text=text,
        model=f"{vocabulary.identity} by {models.clip_id}",
        language=vocabulary.language,
        score=features.scores[score_key(item.digest, text)]["clip_score"],
        flags=_flags(text, item),
    )


def _contributor_captions(item: FetchedAsset, features: UnitFeatures) -> Iterator[UnitCaption]:
    for source, text in contributor_texts(item.row).items():
        score = 0.0
        if item.inference:
            score = features.scores[score_key(item.digest, text)]["clip_score"]
        language = item.row["language"] or ""
        yield UnitCaption(
            source=source, text=text, model="", language=language, score=score, flags=[]
        )


def _model_captions(
    item: FetchedAsset, features: UnitFeatures, models: Models
) -> Iterator[UnitCaption]:
    if not item.inference:
        return
    row = features.captions[item.digest]
    if row["caption"]:
        yield UnitCaption(
            source=CaptionSource.MODEL,
            text=row["caption"],
            model=models.captioner_id,
            language=models.caption_language,
            score=row["clip_score"],
            flags=_flags(row["caption"], item),
        )


def _flags(text: str, item: FetchedAsset) -> list[str]:
    return [flag.value for flag in caption_flags(text, contributor_texts(item.row).values())]


def flagged_texts(item: FetchedAsset, row: UnitRow) -> list[str]:
    """Returns what the flagged captions of an asset and its shots name, such as "model: person"."""
    found = [
        f"{one['source']}: {', '.join(one['flags'])}" for one in row["captions"] if one["flags"]
    ]
    for number, shot in enumerate(row["shots"]):
        if shot["caption"] and (flags := _flags(shot["caption"], item)):
            found.append(f"shot {number}: {', '.join(flags)}")
    return found


def without_flagged(item: FetchedAsset, row: UnitRow, flagged: str) -> UnitRow:
    """Returns a row without flagged captions where others can stand in for them.

    `dropped_flags` has the flags of those that are left out because the deal says so.

    A flagged caption of a shot is replaced by the film's recommended one, with the film's score. If
    the film has none that is not flagged, it is left empty where flagged captions are dropped.

    Args:
        item: The asset.
        row: Its row.
        flagged: The deal's `flagged_captions`: "drop" leaves the asset's flagged captions out.
    """
    captions, dropped = row["captions"], set[str]()
    shots = row["shots"]
    if flagged == "drop":
        dropped.update(flag for one in captions for flag in one["flags"])
        dropped.update(flag for shot in shots for flag in _flags(shot["caption"], item))
        captions = [one for one in captions if not one["flags"]]
    chosen = recommend(captions) if captions else None
    stands_in = chosen is not None and not chosen["flags"]
    if stands_in or flagged == "drop":
        said, score = (chosen["text"], chosen["score"]) if chosen and stands_in else ("", 0.0)
        shots = [
            {**shot, "caption": said, "clip_score": score}
            if shot["caption"] and _flags(shot["caption"], item)
            else shot
            for shot in shots
        ]
    return {**row, "captions": captions, "shots": shots, "dropped_flags": sorted(dropped)}
