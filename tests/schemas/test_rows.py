"""Every row's TypedDict matches its Arrow schema: the same columns, types and nullability."""

from __future__ import annotations

import types
from datetime import UTC, date, datetime
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import pyarrow as pa
import pytest

from pipelines.storage.columns import rows_of
from schemas import (
    catalogue,
    decision,
    features,
    file_features,
    likeness,
    sample,
    shard_table,
    signal,
    unit,
)
from schemas.catalogue import GrantColumn, grant_column
from schemas.profiles import index_columns
from schemas.rights import PURPOSES

ROWS: dict[type, pa.Schema | pa.StructType] = {
    catalogue.AssetRow: catalogue.ASSETS_SCHEMA,
    catalogue.ContributorRow: catalogue.CONTRIBUTORS_SCHEMA,
    catalogue.ConsentRow: catalogue.CONSENTS_SCHEMA,
    catalogue.ReleaseRow: catalogue.RELEASES_SCHEMA,
    catalogue.AgreementRow: catalogue.AGREEMENTS_SCHEMA,
    catalogue.ContributorShare: catalogue.CONTRIBUTOR_SHARE,
    decision.DecisionRow: decision.DECISIONS_SCHEMA,
    file_features.CheckRow: file_features.CHECKS_SCHEMA,
    features.FactsRow: features.FACTS_SCHEMA,
    features.ShotFrames: features.SHOT_TYPE,
    features.FilmStretch: features.STRETCH_TYPE,
    features.EmbeddingRow: features.EMBEDDINGS_SCHEMA,
    features.CaptionRow: features.CAPTIONS_SCHEMA,
    features.ShotCaption: features.SHOT_CAPTION_TYPE,
    file_features.ReadingRow: file_features.READINGS_SCHEMA,
    file_features.RenditionRow: file_features.RENDITIONS_SCHEMA,
    features.ScoreRow: features.SCORES_SCHEMA,
    features.TagsRow: features.TAGS_SCHEMA,
    features.ConceptRow: features.CONCEPTS_SCHEMA,
    file_features.DigestCacheRow: file_features.DIGEST_CACHE_SCHEMA,
    likeness.LikenessRow: likeness.LIKENESS_SCHEMA,
    sample.ConsideredAssetRow: sample.CONSIDERED_ASSETS_SCHEMA,
    sample.DeliveredAssetRow: sample.DELIVERED_ASSETS_SCHEMA,
    shard_table.ShardRow: shard_table.shard_schema([], has_extras=True),
    shard_table.ExtraMember: shard_table.EXTRA_MEMBER_TYPE,
    index_columns.CaptionRow: index_columns.CAPTION_TYPE,
    index_columns.IndexColumns: pa.schema(index_columns.INDEX_FIELDS),
    shard_table.ShotRow: shard_table.SHOTS_TABLE_SCHEMA,
    signal.SignalRow: signal.SIGNALS_SCHEMA,
    unit.Agreement: unit.AGREEMENT_TYPE,
    unit.ClearedRights: pa.schema(unit.CLEARED_RIGHTS_FIELDS),
    unit.ClearedRow: pa.schema([*catalogue.ASSETS_SCHEMA, *unit.CLEARED_RIGHTS_FIELDS]),
    unit.UnitRow: unit.UNIT_SCHEMA,
    unit.UnitExtra: unit.EXTRA_TYPE,
}
#: Columns that are nullable in Arrow but never null, since rows without them are not read
#: (pipelines.catalogue.convert); so readers of rows need not check.
NEVER_NULL = {
    (catalogue.ContributorShare, "contributor_id"),
    (catalogue.ContributorShare, "share_bp"),
}


def python_type(kind: pa.DataType) -> object:
    """Returns the annotation of what `to_pylist` gives for a type; for a struct, its fields."""
    if pa.types.is_string(kind):
        return str
    if pa.types.is_binary(kind):
        return bytes
    if pa.types.is_integer(kind):
        return int
    if pa.types.is_floating(kind):
        return float
    if pa.types.is_boolean(kind):
        return bool
    if pa.types.is_date(kind):
        return date
    if pa.types.is_timestamp(kind):
        return datetime
    if isinstance(kind, pa.ListType):
        return [python_type(kind.value_type)]
    if isinstance(kind, pa.StructType):
        return {field.name: python_type(field.type) for field in kind}
    raise AssertionError(f"unexpected type {kind}")


def said_type(annotation: object) -> object:
    """Returns an annotation in the same form."""
    if get_origin(annotation) is list:
        return [said_type(get_args(annotation)[0])]
    if is_typeddict(annotation):
        return {name: said_type(kind) for name, kind in get_type_hints(annotation).items()}
    return annotation


def without_none(annotation: Any) -> tuple[object, bool]:
    """Returns an annotation without None, and whether it allowed None."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    [other] = [one for one in get_args(annotation) if one is not type(None)]
    return other, type(None) in get_args(annotation)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_row_type_matches_its_schema(row: type) -> None:
    said = {}
    for name, annotation in get_type_hints(row).items():
        kind, nullable = without_none(annotation)
        said[name] = (said_type(kind), nullable or (row, name) in NEVER_NULL)
    assert said == {f.name: (python_type(f.type), f.nullable) for f in ROWS[row]}


def test_every_row_type_is_compared() -> None:
    modules = [
        catalogue,
        decision,
        features,
        file_features,
        index_columns,
        likeness,
        sample,
        shard_table,
        signal,
        unit,
    ]
    declared = {
        kind
        for module in modules
        for kind in vars(module).values()
        if is_typeddict(kind) and kind.__module__ == module.__name__
    }
    parts = {
        catalogue.AssetDescription,
        features.MediaFacts,
        features.ScoredCaption,
        features.ShotCaptions,
        features.ScoredText,
        features.TagFields,
        shard_table.SampleRow,
        shard_table.PlannedColumns,
        shard_table.MemberColumns,
        shard_table.ShardPlaces,
        unit.UnitShot,
        unit.UnitCaption,
    }
    assert declared == set(ROWS) | parts
    for part in parts - {unit.UnitShot, unit.UnitCaption, features.TagFields}:  # in lists
        assert any(get_type_hints(part).items() <= get_type_hints(row).items() for row in ROWS)


def test_python_types_match_arrow() -> None:
    """The comparison above relies on `python_type`; this checks it against Arrow."""
    given: dict[pa.DataType, object] = {
        pa.string(): "x",
        pa.int32(): 1,
        pa.uint64(): 2**64 - 1,
        pa.float32(): 0.5,
        pa.bool_(): True,
        pa.date32(): date(2026, 1, 2),
        pa.timestamp("us", tz="UTC"): datetime(2026, 1, 2, tzinfo=UTC),
    }
    for kind, value in given.items():
        read = pa.scalar(value, kind).as_py()
        assert read == value and type(read) is python_type(kind)
    share: catalogue.ContributorShare = {"contributor_id": "c-1", "share_bp": 10_000}
    shares = pa.schema(list(catalogue.CONTRIBUTOR_SHARE))
    assert rows_of(pa.Table.from_pylist([share], shares), catalogue.ContributorShare) == [share]


def test_grant_columns_are_those_of_the_purposes() -> None:
    assert tuple(map(grant_column, PURPOSES)) == get_args(GrantColumn)
    assert set(get_args(GrantColumn)) <= set(catalogue.ASSETS_SCHEMA.names)
