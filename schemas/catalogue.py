"""Arrow schemas of the catalogue's tables, as the pipeline sees them after mapping."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypedDict, cast, get_args

import pyarrow as pa

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


GrantColumn = Literal[
    "grant_train_gen",
    "grant_train_nongen",
    "grant_inference",
    "grant_data_mining",
    "grant_index",
    "grant_search",
]


def grant_column(purpose: str) -> GrantColumn:
    """Returns the name of the assets column with the catalogue's grant for a purpose."""
    return cast("GrantColumn", f"grant_{purpose}")


def _required(name: str, kind: pa.DataType) -> pa.Field[pa.DataType]:
    return pa.field(name, kind, nullable=False)


class ContributorShare(TypedDict):
    """One of an asset's contributors."""

    contributor_id: str
    share_bp: int


class AssetDescription(TypedDict):
    """What the catalogue states about an asset, except facts that are read from its file."""

    asset_id: str
    media_uri: str
    media_type: str
    contributors: list[ContributorShare]
    licence_model: str
    licence_class: str
    status: str
    title: str | None
    description: str | None
    keywords: list[str] | None
    language: str | None
    category: str | None
    created_at: date | None
    licence_code: str | None
    exclusive: bool | None
    exclusive_purposes: list[str] | None
    exclusive_from: date | None
    exclusive_until: date | None
    territories_in: list[str] | None
    territories_out: list[str] | None
    valid_from: date | None
    valid_until: date | None
    grant_train_gen: str | None
    grant_train_nongen: str | None
    grant_inference: str | None
    grant_data_mining: str | None
    grant_index: str | None
    grant_search: str | None
    people_count: int | None
    minors: bool | None
    property: bool | None
    sensitive: bool | None
    release_ids: list[str] | None
    digital_source_type: str | None
    duration_ms: int | None
    weight: int | None
    credit: str | None
    source_url: str | None
    boxes: str | None
    poses: str | None
    depth: str | None


class AssetRow(AssetDescription):
    """A row of ASSETS_SCHEMA."""

    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None


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
        pa.field("exclusive", pa.bool_()),  # exclusively licensed to another party
        pa.field("exclusive_purposes", _STRINGS),  # absent = every purpose
        pa.field("exclusive_from", pa.date32()),
        pa.field("exclusive_until", pa.date32()),
        pa.field("territories_in", _STRINGS),  # ISO 3166-1 alpha-2; absent = world
        pa.field("territories_out", _STRINGS),
        pa.field("valid_from", pa.date32()),
        pa.field("valid_until", pa.date32()),
        *(pa.field(column, pa.string()) for column in get_args(GrantColumn)),
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
        pa.field("weight", pa.int64()),  # for weighted allocation; absent = 1
        # For licences that ask for it: the author's name as it may be shown, and where the work is.
        pa.field("credit", pa.string()),
        pa.field("source_url", pa.string()),
        # Files with what is where in a film, which some profiles need.
        pa.field("boxes", pa.string()),
        pa.field("poses", pa.string()),
        pa.field("depth", pa.string()),
    ]
)


class ContributorRow(TypedDict):
    """A row of CONTRIBUTORS_SCHEMA."""

    contributor_id: str
    display_name: str | None
    country: str | None
    currency: str | None
    payee_ref: str | None
    agency_share: str | None


CONTRIBUTORS_SCHEMA = pa.schema(
    [
        _required("contributor_id", pa.string()),
        pa.field("display_name", pa.string()),
        pa.field("country", pa.string()),
        pa.field("currency", pa.string()),
        pa.field("payee_ref", pa.string()),
        pa.field("agency_share", pa.string()),  # `0.35` or `35 %`; absent = the deal's
    ]
)


class ConsentRow(TypedDict):
    """A row of CONSENTS_SCHEMA: one event."""

    contributor_id: str
    purpose: str
    value: str
    given_at: datetime
    agreement_ref: str | None
    asset_id: str | None
    basis: str | None
    notice_at: date | None
    window_days: int | None


CONSENTS_SCHEMA = pa.schema(
    [
        _required("contributor_id", pa.string()),
        _required("purpose", pa.string()),  # one of the six purposes, or `all`
        _required("value", pa.string()),
        _required("given_at", _TIME),
        pa.field("agreement_ref", pa.string()),
        pa.field("asset_id", pa.string()),  # limits the event to one asset
        pa.field("basis", pa.string()),  # explicit, terms, silence
        pa.field("notice_at", pa.date32()),  # of silence: when the notice was sent
        pa.field("window_days", pa.int32()),  # of silence: days after the notice
    ]
)


# How exactly `given_at` was given: a column that reading adds to consents; without it, all are
# exact.
GIVEN_PRECISION = "given_precision"
EXACT, NO_ZONE, NO_TIME = 0, 1, 2
# Whether a consent is the mapping's default; a column that is there only if there is a default.
BY_DEFAULT = "by_default"


class ReleaseRow(TypedDict):
    """A row of RELEASES_SCHEMA."""

    release_id: str
    kind: str
    subject_ref: str | None
    signed_at: date | None
    subject_signed: bool | None
    photographer_signed: bool | None
    guardian_signed: bool | None
    witness_ref: str | None
    minor: bool | None
    valid_until: date | None
    revoked_at: datetime | None
    ml_use: str | None
    biometric_rider: bool | None
    shoot_from: date | None
    shoot_until: date | None


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


class AgreementRow(TypedDict):
    """A row of AGREEMENTS_SCHEMA: one contributor's signature under an agreement."""

    agreement_ref: str
    contributor_id: str
    purposes: list[str]
    signed_at: date | None
    valid_from: date | None
    valid_until: date | None
    revoked_at: datetime | None


AGREEMENTS_SCHEMA = pa.schema(
    [
        _required("agreement_ref", pa.string()),
        _required("contributor_id", pa.string()),
        _required("purposes", _STRINGS),  # of the six purposes, or `all`
        pa.field("signed_at", pa.date32()),  # absent = not signed
        pa.field("valid_from", pa.date32()),
        pa.field("valid_until", pa.date32()),
        pa.field("revoked_at", _TIME),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "assets": ASSETS_SCHEMA,
    "contributors": CONTRIBUTORS_SCHEMA,
    "consents": CONSENTS_SCHEMA,
    "releases": RELEASES_SCHEMA,
    "agreements": AGREEMENTS_SCHEMA,
}
# A file of codes and a buyer's statement of use are not tables of the catalogue but are read like
# one.
CODES = "codes"
USE = "use"
_USE_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string()),
    pa.field("asset", pa.string()),  # the commitment in a sample's JSON
    pa.field("key", pa.string()),
    pa.field("media_sha256", pa.string()),
    pa.field("file_name", pa.string()),
    pa.field("quantity", pa.int64()),
]
_OTHER_TABLES: dict[str, pa.Schema] = {
    CODES: pa.schema([_required("code", pa.string()), _required("value", pa.string())]),
    USE: pa.schema(_USE_FIELDS),
}
OPTIONAL_TABLES = frozenset({"consents", "releases", "agreements"})
#: The tables that are read as a whole and joined to every asset.
SMALL_TABLES = ("contributors", "consents", "releases", "agreements")


def table_schema(name: str) -> pa.Schema:
    """Returns the schema of a table, of a file of codes, or of a statement of use."""
    return _OTHER_TABLES.get(name) or TABLES[name]


def required_columns(table: str) -> list[str]:
    """Returns the names of a table's required columns."""
    return [field.name for field in table_schema(table) if not field.nullable]
