"""The columns of shards' tables, by the profile of the deal."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

from pipelines.profiles import load_profile, profile_names
from schemas.profiles.common import CommonSample
from schemas.shard_table import (
    EXTRA_MEMBERS,
    SHARD_TABLE_SCHEMA,
    SHARD_TABLE_SCHEMAS,
    shard_schema,
)

_SHARED = frozenset((*SHARD_TABLE_SCHEMA.names, EXTRA_MEMBERS))


@lru_cache(maxsize=64)
def table_schema(name: str) -> pa.Schema:
    """Returns the columns of the tables of a deal with the named profile.

    They are the same for all shards of a delivery, so that the table of all samples has them too.
    """
    profiles = [load_profile(name)]
    while companion := profiles[-1].companion_profile:
        profiles.append(load_profile(companion))
    columns = {field.name: field for profile in profiles for field in profile.columns}
    has_extras = any(profile.extras for profile in profiles)
    if not columns and not has_extras:
        return SHARD_TABLE_SCHEMA
    return shard_schema(list(columns.values()), has_extras)


@lru_cache(maxsize=1)
def known_table_schemas() -> tuple[pa.Schema, ...]:
    """Returns the tables of shards that can be read and verified, whatever the profile."""
    added = (table_schema(name) for name in profile_names())
    return (*SHARD_TABLE_SCHEMAS, *(one for one in added if one != SHARD_TABLE_SCHEMA))


def profile_columns(name: str, sample: CommonSample) -> dict[str, object]:
    """Returns a sample's values of the columns that the deal's profile adds.

    What samples of the companion profile do not have is 0 or "".
    """
    return {column: getattr(sample, column, none) for column, none in _added_columns(name)}


@lru_cache(maxsize=16)
def _added_columns(name: str) -> tuple[tuple[str, str | int], ...]:
    """Returns the columns that a profile adds, each with what stands for none."""
    added = (field for field in table_schema(name) if field.name not in _SHARED)
    return tuple((one.name, "" if pa.types.is_string(one.type) else 0) for one in added)
