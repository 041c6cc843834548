"""The rules of docs/rights.md as one SQL query, for the deal of the benchmark.

It finds which assets are cleared, but not why others are not, which is an easier task. Neither side
applies the first rule, since repeated ids are found before screening. What needs a parser (licence
expressions) is judged beforehand, outside the measured time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb

from pipelines.rights.spdx import licence_parts
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES, Purpose
from schemas.territory import COUNTRIES, WORLD
from tests.bench.screening_library import AS_OF, AS_OF_US

_STRICTNESS = (
    "CASE value WHEN 'allow' THEN 1 WHEN 'conditional' THEN 3 WHEN 'deny' THEN 4 ELSE 2 END"
)
_LICENCE_PARTS_REFUSED = {
    *("NC", "NCGL", "NONCOMMERCIAL", "ND", "SA", "SHARING", "SSPL"),
    *("GPL", "LGPL", "AGPL", "MPL", "EUPL", "OSL", "GFDL", "ODBL", "LAL"),
}
_DAY_US = 86_400_000_000
_MAKERS = "list_transform(contributors, lambda share: share.contributor_id)"


def _list(texts: Iterable[str]) -> str:
    """Returns texts as a list in SQL; none of those used has a quotation mark."""
    return "[" + ", ".join(f"'{text}'" for text in texts) + "]"


def _latest(purpose: Purpose) -> str:
    """Returns SQL for the latest event, with the strictest value, encoded as one number."""
    return (
        f"max(epoch_us(given_at) * 8 + {_STRICTNESS}) "
        f"FILTER (purpose IN ('{purpose}', 'all')) AS {purpose}"
    )


def _allows(purpose: Purpose) -> str:
    """Returns SQL for whether general and asset-specific consents together allow a purpose."""
    wide, thin = f"wide.{purpose}", f"thin.{purpose}"
    overruled = f"{wide} % 8 > {thin} % 8 AND {wide} // 8 >= {thin} // 8"
    return (
        f"coalesce(CASE WHEN {thin} IS NULL OR ({overruled}) THEN {wide} ELSE {thin} END % 8, 0)"
        " = 1"
    )


def _base(deal: Deal) -> str:
    """Returns SQL for rules 2 to 7, 9 and 11 to 13, as far as they need no other table."""
    needed = deal.needed_purposes
    others = _list(purpose for purpose in Purpose if purpose not in needed)
    countries = _list(deal.territory)
    codes = "|".join([*sorted(COUNTRIES), WORLD])
    sources = _list(
        prefix + name
        for name, generated in DIGITAL_SOURCE_TYPES.items()
        for prefix in ("", DIGITAL_SOURCE_TYPE_PREFIX)
        if not generated
    )
    # `list_has_all` of every country would build a set of them for each row.
    known = f"coalesce(regexp_full_match(array_to_string({{}}, ' '), '(({codes})( |$))*'), true)"
    words = "list_transform(keywords, lambda word: lower(word))"
    barred = " AND ".join(
        f"NOT coalesce(list_contains({words}, '{word}'), false)"
        for word in deal.select.keywords_none
    )
    return f"""
        status = 'active' AND licence_model IN ('RF', 'RM') AND licence_class = 'creative'
        AND (licence_code IS NULL OR licence_code IN (SELECT code FROM sound_licences))
        AND NOT (
            coalesce(exclusive, len(exclusive_purposes) > 0 OR exclusive_from IS NOT NULL
                OR exclusive_until IS NOT NULL, false)
            AND (coalesce(len(exclusive_purposes), 0) = 0
                OR NOT list_has_all({others}, exclusive_purposes))
            AND coalesce(exclusive_from <= DATE '{deal.ends}', true)
            AND coalesce(exclusive_until >= DATE '{deal.starts}', true))
        AND coalesce(valid_from <= DATE '{deal.starts}', true)
        AND coalesce(valid_until >= DATE '{deal.ends}', true)
        AND (coalesce(len(territories_in), 0) = 0 OR list_contains(territories_in, '{WORLD}')
            OR list_has_all(territories_in, {countries}))
        AND NOT coalesce(list_has_any(territories_out, {_list([*deal.territory, WORLD])}), false)
        AND {known.format("territories_in")} AND {known.format("territories_out")}
        AND list_sum(list_transform(contributors, lambda share: share.share_bp)) = 10000
        AND list_min(list_transform(contributors, lambda share: share.share_bp)) > 0
        AND people_count >= 0 AND minors IS NOT TRUE
        AND NOT (people_count > 0 AND minors IS NULL) AND property IS NOT NULL
        AND digital_source_type IN (SELECT unnest({sources}))
        AND sensitive IS NOT TRUE AND media_type IN (SELECT unnest({_list(deal.media)}))
        AND {barred}"""


def _open_grants(deal: Deal) -> str:
    """Returns SQL for whether no grant in the catalogue excludes the asset (rule 6)."""
    return " AND ".join(
        f"coalesce({grant_column(purpose)}, 'allow') IN ('allow', 'unknown')"
        for purpose in deal.needed_purposes
    )


def _revoked(deal: Deal) -> str:
    """Returns SQL for whether a release is itself revoked, by `as_of` or before the deal ends."""
    past_end_us = ((deal.ends - date(1970, 1, 1)).days + 1) * _DAY_US
    return f"coalesce(epoch_us(revoked_at) < {max(past_end_us, AS_OF_US + 1)}, false)"


def _twins(folder: Path, deal: Deal) -> str:
    """Returns SQL for the releases that share subject and shoot with one revoked afterwards."""
    return f"""
        SELECT DISTINCT twin.release_id FROM '{folder}/releases.parquet' AS twin
        JOIN (FROM '{folder}/releases.parquet' WHERE {_revoked(deal)}) AS other
            ON lower(twin.subject_ref) = lower(other.subject_ref)
        WHERE coalesce(twin.shoot_from <= other.shoot_until, true)
            AND coalesce(other.shoot_from <= twin.shoot_until, true)
            AND coalesce(twin.signed_at - DATE '1970-01-01'
                <= epoch_us(other.revoked_at) // {_DAY_US}, true)"""


def _sound(deal: Deal) -> str:
    """Returns SQL for whether a release that an asset names is valid (rule 10)."""
    return f"""
        NOT {_revoked(deal)} AND NOT has_revoked_twin
        AND coalesce(valid_until >= DATE '{deal.ends}', true)
        AND signed_at <= DATE '{AS_OF.date()}' AND photographer_signed
        AND CASE WHEN minor THEN guardian_signed ELSE subject_signed END
        AND ml_use = 'allow'
        AND created_at BETWEEN shoot_from AND shoot_until
        AND shoot_until - shoot_from + 1 <= {deal.rights.max_shoot_days}
        AND (witness_ref IS NULL
            OR (lower(witness_ref) IS DISTINCT FROM lower(subject_ref)
                AND NOT list_contains(makers, lower(witness_ref))))"""


def cleared_query(folder: Path, deal: Deal) -> str:
    """Returns the query for the ids of the assets that are cleared for the benchmark's deal."""
    lines = ", ".join(_latest(purpose) for purpose in deal.needed_purposes)
    heard = f"FROM '{folder}/consents.parquet' WHERE epoch_us(given_at) <= {AS_OF_US}"
    allowed = " AND ".join(_allows(purpose) for purpose in deal.needed_purposes)
    return f"""
        WITH base AS MATERIALIZED (
            SELECT asset_id, contributors, people_count, property, release_ids, created_at,
                {_open_grants(deal)} AS granted
            FROM read_parquet('{folder}/assets-*.parquet') WHERE {_base(deal)}),
        wide AS (SELECT contributor_id, {lines} {heard} AND asset_id IS NULL GROUP BY ALL),
        thin AS (SELECT contributor_id, asset_id, {lines} {heard} AND asset_id IS NOT NULL
            GROUP BY ALL),
        shares AS (SELECT asset_id, granted, unnest({_MAKERS}) AS contributor_id FROM base),
        unwilling AS (
            SELECT asset_id FROM shares
            LEFT JOIN '{folder}/contributors.parquet' AS known USING (contributor_id)
            LEFT JOIN signed USING (contributor_id)
            LEFT JOIN wide USING (contributor_id)
            LEFT JOIN thin USING (contributor_id, asset_id)
            WHERE known.contributor_id IS NULL OR NOT ({allowed})
                OR NOT (granted OR signed.contributor_id IS NOT NULL)),
        named AS (
            SELECT asset_id, created_at,
                list_transform({_MAKERS}, lambda maker: lower(maker)) AS makers,
                unnest(list_distinct(release_ids)) AS release_id
            FROM base WHERE len(release_ids) > 0),
        twins AS ({_twins(folder, deal)}),
        listed AS (
            SELECT named.asset_id, named.created_at, named.makers, releases.*,
                twins.release_id IS NOT NULL AS has_revoked_twin
            FROM named LEFT JOIN '{folder}/releases.parquet' AS releases USING (release_id)
            LEFT JOIN twins ON twins.release_id = named.release_id),
        held AS (
            SELECT asset_id,
                count(DISTINCT coalesce('of ' || lower(subject_ref), 'unnamed'))
                    FILTER (kind = 'model' AND {_sound(deal)}) AS models,
                count(*) FILTER (kind = 'property' AND {_sound(deal)}) AS properties,
                count(*) FILTER (kind IS NULL OR minor OR ml_use = 'deny') AS unfit
            FROM listed GROUP BY asset_id)
        SELECT asset_id FROM base LEFT JOIN held USING (asset_id)
        WHERE coalesce(unfit, 0) = 0 AND people_count <= coalesce(models, 0)
            AND NOT (property AND coalesce(properties, 0) = 0)
            AND NOT EXISTS (FROM unwilling WHERE unwilling.asset_id = base.asset_id)"""


def connect(folder: Path, deal: Deal, memory: str) -> duckdb.DuckDBPyConnection:
    """Returns a database with two threads, and tables of accepted licences and of signers."""
    database = duckdb.connect()
    database.execute("SET threads = 2")
    database.execute(f"SET memory_limit = '{memory}'")
    database.execute(f"SET temp_directory = '{folder}/spill'")
    database.execute("SET enable_progress_bar = false")
    database.execute("SET preserve_insertion_order = false")
    codes = database.execute(
        f"SELECT DISTINCT licence_code FROM '{folder}/assets-*.parquet' "
        "WHERE licence_code IS NOT NULL"
    ).fetchall()
    database.execute("CREATE TABLE sound_licences (code VARCHAR)")
    for (code,) in codes:
        parts = licence_parts(code)
        if parts is not None and not parts & _LICENCE_PARTS_REFUSED:
            database.execute("INSERT INTO sound_licences VALUES (?)", [code])
    # The benchmark's deal has one agreement, which covers everything that it needs.
    names = _list(deal.agreements[0].contributors)
    database.execute(f"CREATE TABLE signed AS SELECT unnest({names}) AS contributor_id")
    return database
