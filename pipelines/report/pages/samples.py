"""What a delivery's samples are, in numbers, and the columns that the page's gallery shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.store import Store
from schemas import layout

#: The most samples that a page has in its gallery; its numbers count all of them.
MOST_SHOWN = 100_000
SCORE_BINS = 20
_BATCH_ROWS = 8_192
_TEXTS = ("key", "shard", "media_type", "caption", "caption_source", "caption_model")
_LICENCE = ("licence_model", "licence_class", "licence_code", "usable_until")
_ORIGIN = ("digital_source_type", "ai_generated")
_NUMBERS = ("clip_score", "width", "height", "duration_ms", "aesthetics_milli")
_PLACE = ("status", "media_member", "media_offset", "media_length")
_COLUMNS = (*_TEXTS, *_LICENCE, *_ORIGIN, *_NUMBERS, *_PLACE)


@dataclass(frozen=True)
class Place:
    """Where a sample's medium is.

    Attributes:
        path: The shard's tar, relative to the delivery.
        member: Name of the medium's member.
        offset: Bytes from the start of the tar.
        length: Its bytes.
        is_film: Whether it is a film.
    """

    path: str
    member: str
    offset: int
    length: int
    is_film: bool


@dataclass(frozen=True)
class Owner:
    """Whose a sample is, which only the agency knows.

    Attributes:
        asset_id: The asset.
        contributors: Ids of its contributors, in the ledger's order.
    """

    asset_id: str
    contributors: tuple[str, ...]


@dataclass
class SampleSurvey:
    """The samples of a delivery.

    Attributes:
        samples: How many there are.
        duration_ms: The length of all films together.
        counts: How often each value occurs, by what is counted.
        scores: How many samples have a score in each of SCORE_BINS equal parts from 0 to 1.
        without_score: How many have none, since no model has seen them.
        columns: What the gallery shows: a list for each column, one item a sample.
        places: Where the media of these samples are.
    """

    samples: int = 0
    duration_ms: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    scores: list[int] = field(default_factory=lambda: [0] * SCORE_BINS)
    without_score: int = 0
    columns: dict[str, list[object]] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    @property
    def shown(self) -> int:
        """How many samples the gallery has."""
        return len(self.places)


def survey_samples(store: Store, owners: Mapping[str, Owner] | None = None) -> SampleSurvey:
    """Reads `samples.parquet` once and counts what is in it.

    Args:
        store: The delivery.
        owners: Whose each sample is, by key; None for readers who are not told.

    Raises:
        FileNotFoundError: If the delivery has no such table.
        OSError, ValueError: If it cannot be read.
    """
    found = SampleSurvey()
    names = ("key", "caption", "score", "media", "licence", "source", "shard", "size", "ms")
    found.columns = {name: [] for name in (*names, *(("id", "who") if owners is not None else ()))}
    for row in _rows(store):
        if row["status"] == REMOVED:
            continue
        _count(found, row)
        if found.shown < MOST_SHOWN:
            _show(found, row, owners)
    return found


def _rows(store: Store) -> Iterator[dict[str, object]]:
    with store.open_read(layout.SAMPLES_TABLE) as source, pq.ParquetFile(source) as file:
        there = [name for name in _COLUMNS if name in file.schema_arrow.names]
        missing = dict.fromkeys(set(_COLUMNS) - set(there))
        for batch in file.iter_batches(_BATCH_ROWS, columns=there, use_threads=False):
            for row in pa.Table.from_batches([batch]).to_pylist():
                yield {**missing, **row}


def _count(found: SampleSurvey, row: Mapping[str, object]) -> None:
    found.samples += 1
    found.duration_ms += _whole(row["duration_ms"])
    until = _text(row["usable_until"])
    values = {
        "media": _text(row["media_type"]),
        "licence": licence_text(row),
        "class": _text(row["licence_class"]) or "not stated",
        "made": _text(row["digital_source_type"]) or "not stated",
        "ai": _text(row["ai_generated"]) or "not stated",
        "until": f"{until[:4]}" if until else "no date of its own",
        "caption": _text(row["caption_source"]),
    }
    for name, value in values.items():
        found.counts.setdefault(name, Counter())[value] += 1
    score = _score(row)
    if score is None:
        found.without_score += 1
    else:
        found.scores[max(0, min(SCORE_BINS - 1, int(score * SCORE_BINS)))] += 1


def _show(
    found: SampleSurvey, row: Mapping[str, object], owners: Mapping[str, Owner] | None
) -> None:
    score, key, shard = _score(row), _text(row["key"]), _text(row["shard"])
    values: dict[str, object] = {
        "key": key,
        "caption": _text(row["caption"]),
        "score": None if score is None else round(1000 * score),
        "media": _text(row["media_type"]),
        "licence": licence_text(row),
        "source": _text(row["caption_source"]),
        "shard": shard,
        "size": f"{_whole(row['width'])} x {_whole(row['height'])}",
        "ms": _whole(row["duration_ms"]),
    }
    if owners is not None:
        owner = owners.get(key, Owner("", ()))
        values |= {"id": owner.asset_id, "who": ", ".join(owner.contributors)}
    for name, column in found.columns.items():
        column.append(values[name])
    found.places.append(
        Place(
            layout.tar_path(shard),
            _text(row["media_member"]),
            _whole(row["media_offset"]),
            _whole(row["media_length"]),
            values["media"] == "video",
        )
    )


def gallery_json(found: SampleSurvey) -> dict[str, object]:
    """Returns the gallery's columns as JSON data, in which repeated texts are numbers of a list."""
    packed: dict[str, object] = {"samples": found.shown}
    for name, column in found.columns.items():
        if name in ("media", "licence", "source", "shard", "size", "who"):
            listed: dict[object, int] = {}
            numbers = [listed.setdefault(value, len(listed)) for value in column]
            packed[name] = {"values": list(listed), "of": numbers}
        else:
            packed[name] = column
    return packed


def licence_text(row: Mapping[str, object]) -> str:
    """Returns a sample's licence for people: its code, or else its model."""
    return _text(row["licence_code"]) or _text(row["licence_model"]) or "not stated"


def _score(row: Mapping[str, object]) -> float | None:
    score = row["clip_score"]
    return score if row["caption_model"] and isinstance(score, float) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
