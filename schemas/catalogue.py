"""The catalogue's four tables as Arrow schemas: what a pipeline sees after columns are mapped."""

from __future__ import annotations

import pyarrow as pa

from schemas.rights import PURPOSES

LICENCE_MODELS = ("RF", "RM")
LICENCE_CLASSES = ("creative", "editorial")

CONTRIBUTOR_SHARE = pa.struct(
    [
        pa.field("contributor_id", pa.string()),
        pa.field("share_bp", pa.int32()),  # basis points
    ]
)
_STRINGS = pa.list_(pa.string())
_TIME = pa.timestamp("us", tz="UTC")


def grant_column(purpose: str) -> str:
    """Name of the assets column that holds the catalogue's grant for a purpose."""
    return f"grant_{purpose}"


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


ASSETS_SCHEMA = pa.schema(
    [
        _required("asset_id", pa.string()),
        _required("media_uri", pa.string()),
        _required("media_type", pa.string()),
        _required("contributors", pa.list_(CONTRIBUTOR_SHARE)),
        _required("licence_model", pa.string()),
        _required("licence_class", pa.string()),
        _required("status", pa.string()),
        pa.field("title", pa.string()),
        pa.field("description", pa.string()),
        pa.field("keywords", _STRINGS),
        pa.field("language", pa.string()),
        pa.field("category", pa.string()),
        pa.field("created_at", pa.date32()),
        pa.field("licence_code", pa.string()),  # SPDX
        pa.field("exclusive", pa.bool_()),  # licensed to somebody else alone
        pa.field("exclusive_purposes", _STRINGS),  # absent = every purpose
        pa.field("exclusive_from", pa.date32()),
        pa.field("exclusive_until", pa.date32()),
        pa.field("territories_in", _STRINGS),  # ISO 3166-1 alpha-2; absent = world
        pa.field("territories_out", _STRINGS),
        pa.field("valid_from", pa.date32()),
        pa.field("valid_until", pa.date32()),
        *(pa.field(grant_column(purpose), pa.string()) for purpose in PURPOSES),
        pa.field("people_count", pa.int32()),
        pa.field("minors", pa.bool_()),
        pa.field("property", pa.bool_()),
        pa.field("sensitive", pa.bool_()),
        pa.field("release_ids", _STRINGS),
        pa.field("digital_source_type", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("width", pa.int32()),  # pixels
        pa.field("height", pa.int32()),  # pixels
        pa.field("duration_ms", pa.int64()),
        pa.field("weight", pa.int64()),  # for weighted allocation; 1 where absent
    ]
)

CONTRIBUTORS_SCHEMA = pa.schema(
    [
        _required("contributor_id", pa.string()),
        pa.field("display_name", pa.string()),
        pa.field("country", pa.string()),
        pa.field("currency", pa.string()),
        pa.field("payee_ref", pa.string()),
    ]
)

CONSENTS_SCHEMA = pa.schema(
    [
        _required("contributor_id", pa.string()),
        _required("purpose", pa.string()),  # one of the six, or `all`
        _required("value", pa.string()),
        _required("given_at", _TIME),
        pa.field("agreement_ref", pa.string()),
        pa.field("asset_id", pa.string()),  # narrows the event to one asset
    ]
)

RELEASES_SCHEMA = pa.schema(
    [
        _required("release_id", pa.string()),
        _required("kind", pa.string()),  # model or property
        pa.field("subject_ref", pa.string()),
        pa.field("signed_at", pa.date32()),
        pa.field("subject_signed", pa.bool_()),
        pa.field("photographer_signed", pa.bool_()),
        pa.field("guardian_signed", pa.bool_()),
        pa.field("witness_ref", pa.string()),
        pa.field("minor", pa.bool_()),
        pa.field("valid_until", pa.date32()),
        pa.field("revoked_at", _TIME),
        pa.field("ml_use", pa.string()),  # allow, deny, conditional, unknown
        pa.field("biometric_rider", pa.bool_()),
        pa.field("shoot_from", pa.date32()),
        pa.field("shoot_until", pa.date32()),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "assets": ASSETS_SCHEMA,
    "contributors": CONTRIBUTORS_SCHEMA,
    "consents": CONSENTS_SCHEMA,
    "releases": RELEASES_SCHEMA,
}
OPTIONAL_TABLES = frozenset({"consents", "releases"})


def required_columns(table: str) -> list[str]:
    """Names of the columns that a table cannot do without."""
    return [field.name for field in TABLES[table] if not field.nullable]
