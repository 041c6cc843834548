"""Makes candidates of units' rows, ranks them, and finds those with the same bytes.

Of duplicates, the asset that was created first is kept (an unknown date counts as last), and among
equals the one with the smallest id.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.media.looks import contrast_of, main_look, shows_elsewhere
from pipelines.selection.film_shares import SHARE_COLUMNS, film_shares
from pipelines.selection.perceptual_index import NO_MATCH, Indices
from pipelines.storage.columns import Column, numbers_in, one_array, values_of

Number = TypeVar("Number", np.uint8, np.uint64)

_AS_THEY_ARE = (
    *("asset_id", "hash", "created_at", "bytes", "place", "owners", "people", "inference"),
)
_HEX_COLUMNS = ("phash", "colour")  # hex in units
_SHA256_BYTES, PHASH_BYTES, COLOUR_BYTES = 32, 32, 48
#: What selection knows about an asset. All are in memory at once, so every byte counts.
_CANDIDATES_FIELDS: list[pa.Field[pa.DataType]] = [
    pa.field("asset_id", pa.string(), nullable=False),
    pa.field("hash", pa.uint64(), nullable=False),  # its place in the order of units and shards
    pa.field("unit", pa.int32(), nullable=False),  # the unit that holds its row
    pa.field("media_sha256", pa.binary(_SHA256_BYTES), nullable=False),  # of the file as read
    pa.field("family", pa.string(), nullable=False),  # the shard family it goes to
    pa.field("created_at", pa.date32()),
    pa.field("short_side", pa.int32(), nullable=False),  # pixels
    pa.field("bytes", pa.int64(), nullable=False),  # size of its media
    pa.field("phash", pa.binary(PHASH_BYTES), nullable=False),
    pa.field("colour", pa.binary(COLOUR_BYTES), nullable=False),
    pa.field("place", pa.uint64(), nullable=False),  # hash of where its file lies
    pa.field("owners", pa.string(), nullable=False),  # schemas.refused.owners_text
    pa.field("people", pa.list_(pa.string()), nullable=False),  # schemas.unit.ClearedRights
    # Of the look that stands for it (pipelines.media.looks); the largest contrast of all frames.
    pa.field("look_hash", pa.binary(PHASH_BYTES), nullable=False),
    pa.field("look_colour", pa.binary(COLOUR_BYTES), nullable=False),
    pa.field("contrast", pa.uint8(), nullable=False),
    pa.field("inference", pa.bool_(), nullable=False),  # whether models may see it
    # Whether it is a film whose middle frame, that of `phash`, is blank and another is not.
    pa.field("shows_elsewhere", pa.bool_(), nullable=False),
    *(pa.field(name, pa.int32(), nullable=False) for name in SHARE_COLUMNS),
]
CANDIDATES_SCHEMA = pa.schema(_CANDIDATES_FIELDS)
#: The columns of a unit (schemas.unit.UNIT_SCHEMA) that candidates are made from.
UNIT_COLUMNS = (
    "asset_id hash original_sha256 format created_at width height bytes phash colour place owners "
    "people looks inference film_ms black_ms frozen_ms silent_ms sound"
).split()


def candidates_of(rows: pa.Table, unit: int) -> pa.Table:
    """Returns a unit's assets as candidates (CANDIDATES_SCHEMA)."""
    looks = values_of(rows["looks"], list[bytes])
    standing = [main_look(frames) for frames in looks]
    columns = {
        **{name: rows[name] for name in _AS_THEY_ARE},
        **{
            name: _decode_hex(rows[name], CANDIDATES_SCHEMA.field(name).type)
            for name in _HEX_COLUMNS
        },
        "media_sha256": _decode_hex(
            rows["original_sha256"], CANDIDATES_SCHEMA.field("media_sha256").type
        ),
        "unit": pa.repeat(pa.scalar(unit, pa.int32()), len(rows)),
        "family": rows["format"],
        "short_side": pc.min_element_wise(rows["width"], rows["height"]),
        "look_hash": _part_of(standing, 0, PHASH_BYTES),
        "look_colour": _part_of(standing, PHASH_BYTES, COLOUR_BYTES),
        "shows_elsewhere": pa.array(list(map(shows_elsewhere, looks)), pa.bool_()),
        **film_shares(rows),
        "contrast": pa.array([max(map(contrast_of, frames)) for frames in looks], pa.uint8()),
    }
    return pa.Table.from_arrays(
        [columns[name] for name in CANDIDATES_SCHEMA.names], schema=CANDIDATES_SCHEMA
    )


def _part_of(looks: list[bytes], start: int, width: int) -> Column:
    return pa.array([look[start : start + width] for look in looks], pa.binary(width))


def _decode_hex(column: pa.ChunkedArray[pa.StringScalar], kind: pa.DataType) -> Column:
    """Decodes hex digits to bytes, which halves the memory they take for every asset."""
    digits = pc.binary_length(column)
    # A unit whose assets were all refused has no rows; without `min_count` their `all` is null.
    if not pc.all(pc.equal(digits, pa.scalar(2 * kind.byte_width)), min_count=0).as_py():
        raise ValueError(f"digests or looks are not of {kind.byte_width} bytes: {digits.unique()}")
    data = bytes.fromhex("".join(values_of(column, str)))
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(data)])


def keep_order(candidates: pa.Table) -> Indices:
    """Returns the candidates' indices in the order in which duplicates are kept."""
    created = candidates["created_at"]
    keys = {"unknown": pc.is_null(created), "at": created, "id": candidates["asset_id"]}
    order = pc.sort_indices(pa.table(keys), [(name, "ascending") for name in keys])
    indices: Indices = order.to_numpy().astype(np.intp)
    return indices


def exact_duplicates(candidates: pa.Table, ranked: Indices) -> Indices:
    """Returns, per ranked candidate, the index of the first with the same bytes; -1 if it is first.

    Args:
        candidates: All candidates (CANDIDATES_SCHEMA).
        ranked: Indices of the candidates to compare, in order of preference.
    """
    kept = np.full(len(ranked), NO_MATCH, np.intp)
    places = np.flatnonzero(np.isin(ranked, possible_twins(candidates)))
    several = ranked[places]
    digests = candidates["media_sha256"].take(several).combine_chunks().dictionary_encode()
    _, at, codes = np.unique(digests.indices.to_numpy(), return_index=True, return_inverse=True)
    first = several[at][codes]  # `at` is where each occurs first
    kept[places] = np.where(first == several, NO_MATCH, first)
    return kept


def possible_twins(candidates: pa.Table) -> Indices:
    """Returns the candidates that may have the bytes of another one, ascending.

    They are those whose digests begin alike. A table of all digests would take more memory than
    the digests themselves, and few assets are twins.
    """
    heads = bytes_of(candidates["media_sha256"], np.uint64)[:, 0]
    order = np.argsort(heads, kind="stable")
    same = np.flatnonzero(heads[order[1:]] == heads[order[:-1]])
    found: Indices = np.unique(np.concatenate([order[same], order[same + 1]])).astype(np.intp)
    return found


def bytes_of(
    column: pa.ChunkedArray[pa.FixedSizeBinaryScalar], kind: type[Number]
) -> npt.NDArray[Number]:
    """Returns fixed-length values as an array [rows, numbers]; byte order is the same for all."""
    values = one_array(column)
    numbers = numbers_in(values.buffers()[1], kind)
    each = column.type.byte_width // numbers.itemsize
    return numbers.reshape(-1, each)[values.offset : values.offset + len(values)]
