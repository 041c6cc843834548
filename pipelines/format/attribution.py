"""Makes the table of attributions, as Parquet and for spreadsheets.

Titles and names are hostile: they are one line without characters that hide or reorder text, and no
cell of the CSV is read as a formula.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.columns import rows_of, values_of
from schemas.attribution import ATTRIBUTION_SCHEMA, AttributionRow
from schemas.licences import asks_for_attribution, licence_urls

#: Columns of the table of samples that say which samples are listed, and most of what is listed.
SAMPLE_COLUMNS = (
    *("shard", "key", "asset", "title", "licence_code", "rendition"),
    *("media_sha256", "original_sha256", "status"),
)
#: The columns of an attribution that follow from the table of samples.
DERIVED = tuple(name for name in ATTRIBUTION_SCHEMA.names if name not in ("author", "source"))
METADATA_REMOVED = "metadata removed"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_MAX_CHARS = 2_000


def display_text(text: str) -> str:
    """Returns text as one line for people, without control and formatting characters.

    Line breaks and tabs become blanks; characters without a glyph that reorder or hide text, lone
    surrogates and unassigned ones are dropped, and repeated blanks are one.
    """
    spaced = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    shown = "".join(c for c in spaced if not unicodedata.category(c).startswith("C"))
    return " ".join(shown.split())[:_MAX_CHARS].rstrip()


def listed_samples(samples: pa.Table) -> list[dict[str, str]]:
    """Returns what the table of samples says about attributions: rows with the columns of DERIVED.

    Args:
        samples: Columns SAMPLE_COLUMNS of samples, in the delivery's order.
    """
    live = samples.filter(pc.not_equal(samples["status"], pa.scalar(REMOVED)))
    codes = live["licence_code"].combine_chunks()
    asking = [code for code in values_of(pc.unique(codes), str) if asks_for_attribution(code)]
    listed = live.filter(pc.is_in(codes, pa.array(asking, pa.string())))
    return [_derived(row) for row in listed.to_pylist()]


def _derived(row: dict[str, str]) -> dict[str, str]:
    stripped = row["media_sha256"] != row["original_sha256"]
    return {
        **{name: row[name] for name in ("shard", "key", "asset", "licence_code")},
        "title": display_text(row["title"]),
        "licence_url": licence_urls(row["licence_code"]),
        "changes": row["rendition"] or (METADATA_REMOVED if stripped else ""),
    }


def attribution_table(rows: Sequence[AttributionRow]) -> pa.Table:
    """Returns rows as a table (ATTRIBUTION_SCHEMA)."""
    return pa.Table.from_pylist(list(rows), schema=ATTRIBUTION_SCHEMA)


def without_samples(table: pa.Table, keys: Iterable[str]) -> pa.Table:
    """Returns a table of attributions without those of some samples."""
    gone = pa.array(sorted(keys), pa.string())
    return table.filter(pc.invert(pc.is_in(table["key"].combine_chunks(), gone)))


def attribution_csv(table: pa.Table) -> bytes:
    """Returns a table of attributions as CSV for spreadsheets: UTF-8, every cell quoted.

    A cell that a spreadsheet would compute begins with an apostrophe, which it does not show.
    """
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(ATTRIBUTION_SCHEMA.names)
    for row in rows_of(table, AttributionRow):
        writer.writerow([_cell(str(value)) for value in row.values()])
    return sink.getvalue().encode()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
