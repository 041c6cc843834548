"""Finds candidates that look like refused or contested files, as they are or changed.

How a picture looks turned, mirrored, without colours or without a frame follows from the hashes
and colours that are kept of it. So a candidate is compared in four ways, and the first that fits
counts:

1. As it is.
2. Turned by quarters or mirrored.
3. Without colours, if it or the refused file has none.
4. Without a frame, if it or the refused file has none: by the look of what the picture shows
   (`pipelines.media.looks`), which is kept beside that of the whole picture.

The last three ways allow fewer bits. docs/media.md says what each finds, and what it takes wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.media.looks import brightness_of
from pipelines.media.phash import NEAR_BITS, turned_hashes
from pipelines.selection.dedupe import COLOUR_BYTES, PHASH_BYTES, bytes_of
from pipelines.selection.perceptual_index import NO_MATCH, Indices, PerceptualIndex
from pipelines.storage.columns import values_of

_CHANGED_BITS = 48  # that differ at most, if a copy was changed
_GREY_STEP = 6  # levels by which the channels of a grey picture's mean colours differ at most
_WHOLE_BITS = 24  # by which the look of the whole picture differs from that of what it shows
_GRID = (4, 4, 3)
_TURNS = 7  # ways to turn or mirror a picture, besides leaving it
_CHUNK, _BLOCK = 1 << 17, 1 << 15  # candidates and refused files compared at once, for the memory
# The candidates' columns of hash and colours of the whole picture, and of what it shows.
_PICTURE, _SHOWN = ("phash", "colour"), ("look_hash", "look_colour")
_AS_IT_IS = "looks like {}, which is refused"
_TURNED = "looks like {} turned or mirrored, which is refused"
_GREY = "looks like {} without colours, which is refused"
_UNFRAMED = "looks like {} without a frame, which is refused"
_WAYS = (_AS_IT_IS, _TURNED, _GREY, _UNFRAMED)
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Looks:
    """Hashes and mean colours of pictures.

    Attributes:
        hashes: [pictures, 4] words of 64 bits.
        colours: [pictures, 48], or [pictures, 16] of brightness.
    """

    hashes: npt.NDArray[np.uint64]
    colours: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.hashes)

    def __getitem__(self, at: Indices) -> _Looks:
        return _Looks(self.hashes[at], self.colours[at])

    def followed_by(self, others: _Looks) -> _Looks:
        """Returns these and then others."""
        return _Looks(
            np.concatenate([self.hashes, others.hashes]),
            np.concatenate([self.colours, others.colours]),
        )

    def without_colours(self) -> _Looks:
        """Returns the same with the brightness in place of the colours."""
        brightness = brightness_of(self.colours.reshape(-1, COLOUR_BYTES // 3, 3).astype(np.int64))
        return _Looks(self.hashes, brightness.astype(np.uint8))

    def is_grey(self) -> _Mask:
        """Returns which have no colours, [pictures]."""
        parts = self.colours.reshape(-1, COLOUR_BYTES // 3, 3)
        grey: _Mask = (np.ptp(parts, axis=2) <= _GREY_STEP).all(axis=1)
        return grey

    def turned(self) -> _Looks:
        """Returns them in the seven ways to turn or mirror a picture, [7 x pictures]."""
        grid = self.colours.reshape(-1, *_GRID)
        bits = self.hashes.view(np.uint8)
        hashes, colours = [], []
        for way in range(1, _TURNS + 1):
            is_swapped, flips_columns, flips_rows = bool(way & 1), bool(way & 2), bool(way & 4)
            turned = grid.swapaxes(1, 2) if is_swapped else grid
            turned = turned[:, :, ::-1] if flips_columns else turned
            turned = turned[:, ::-1] if flips_rows else turned
            colours.append(turned.reshape(self.colours.shape))
            hashes.append(turned_hashes(bits, is_swapped, flips_columns, flips_rows))
        return _Looks(np.concatenate(hashes).view(np.uint64), np.concatenate(colours))


@dataclass
class _Found:
    """For each compared picture, the refused one that it looks like, and in which way.

    Attributes:
        originals: Rows of refused pictures, or NO_MATCH, [pictures].
        ways: Indices into `_WAYS`, [pictures].
    """

    originals: Indices
    ways: Indices

    def search(self, way: str, late: _Looks, early: _Looks, chosen: _Mask, rows: Indices) -> None:
        """Looks for what has not been found yet.

        Args:
            way: One of `_WAYS`.
            late: The compared pictures.
            early: Refused pictures.
            chosen: Which of the compared pictures to look for, [pictures].
            rows: The rows of the refused pictures.
        """
        wanted = np.flatnonzero(chosen & (self.originals == NO_MATCH))
        if not len(wanted) or not len(early):
            return
        both = early.followed_by(late[wanted])
        bits = NEAR_BITS if way == _AS_IT_IS else _CHANGED_BITS
        first = PerceptualIndex(both.hashes, both.colours, bits).nearest_before(len(early))
        hits = first != NO_MATCH
        self.originals[wanted[hits]] = rows[first[hits]]
        self.ways[wanted[hits]] = _WAYS.index(way)


def find_alike(
    candidates: pa.Table, remaining: Indices, refused: pa.Table, binding: Indices
) -> dict[int, str]:
    """Returns the candidates that look like a refused or contested file, with the details.

    A film whose middle frame is blank is not like every other such film: it is compared by the look
    of another frame, but with files of which only the middle frame's look is known.

    Args:
        candidates: All candidates (CANDIDATES_SCHEMA).
        remaining: Indices of those to compare.
        refused: The refused files that bind others (schemas.refused.REFUSED_FILES_SCHEMA).
        binding: Indices of candidates that are refused.
    """
    with_hash = refused.filter(pc.not_equal(refused["phash"], pa.scalar("")))
    has_look = pc.not_equal(with_hash["look"], pa.scalar(""))
    whole, half = with_hash.filter(has_look), with_hash.filter(pc.invert(has_look))
    found: dict[int, str] = {}
    if not len(with_hash) and not len(binding):
        return found
    shows_elsewhere = candidates["shows_elsewhere"].to_numpy()
    for start in range(0, len(remaining), _CHUNK):
        chunk = remaining[start : start + _CHUNK]
        elsewhere = shows_elsewhere[chunk]
        ordinary, films = chunk[~elsewhere], chunk[elsewhere]
        found |= _like(candidates, films, half, binding[:0], _PICTURE)
        found |= _like(candidates, films, whole, binding, _SHOWN)
        found |= _like(candidates, ordinary, with_hash, binding, _PICTURE)
        left = ordinary[[at not in found for at in ordinary.tolist()]]
        found |= _like_without_frame(candidates, left, whole, binding)
    return found


def _like(
    candidates: pa.Table,
    queried: Indices,
    refused: pa.Table,
    binding: Indices,
    columns: tuple[str, str],
) -> dict[int, str]:
    """Returns the queried candidates that are near in one of the first three ways.

    Args:
        candidates: All candidates.
        queried: Indices of the candidates to compare.
        refused: Refused files of which these looks are known.
        binding: Indices of candidates that are refused.
        columns: The candidates' columns of hash and colours.
    """
    known = _candidates_looks(candidates, columns)
    late, early = known[queried], _refused_looks(refused, columns).followed_by(known[binding])
    found, rows = _none_found(len(queried)), np.arange(len(early))
    every = np.ones(len(queried), np.bool_)
    found.search(_AS_IT_IS, late, early, every, rows)
    for start in range(0, len(early), _BLOCK):
        block = rows[start : start + _BLOCK]
        found.search(_TURNED, late, early[block].turned(), every, np.tile(block, _TURNS))
    grey, grey_rows = late.is_grey(), np.flatnonzero(early.is_grey())
    late, early = late.without_colours(), early.without_colours()
    found.search(_GREY, late, early, grey, rows)
    found.search(_GREY, late, early[grey_rows], ~grey, grey_rows)
    return _details(found, queried, _names(candidates, refused, binding))


def _like_without_frame(
    candidates: pa.Table, queried: Indices, refused: pa.Table, binding: Indices
) -> dict[int, str]:
    """Returns the queried candidates that show what a refused file shows; see `_like`.

    Two pictures that both lie on a background, such as icons, would often be near by this look.
    """
    known = _candidates_looks(candidates, _SHOWN)
    late, early = known[queried], _refused_looks(refused, _SHOWN).followed_by(known[binding])
    pictures = _candidates_looks(candidates, _PICTURE)
    of_refused = _refused_looks(refused, _PICTURE).followed_by(pictures[binding])
    is_whole = _is_near(late, pictures[queried])
    whole_rows = np.flatnonzero(_is_near(early, of_refused))
    found, rows = _none_found(len(queried)), np.arange(len(early))
    found.search(_UNFRAMED, late, early, is_whole, rows)
    found.search(_UNFRAMED, late, early[whole_rows], ~is_whole, whole_rows)
    return _details(found, queried, _names(candidates, refused, binding))


def _none_found(count: int) -> _Found:
    return _Found(np.full(count, NO_MATCH, np.intp), np.zeros(count, np.intp))


def _is_near(shown: _Looks, whole: _Looks) -> _Mask:
    """Returns which pictures show nothing but the whole picture, as far as hashes tell."""
    bits = np.bitwise_count(shown.hashes ^ whole.hashes).sum(axis=1, dtype=np.int64)
    near: _Mask = bits <= _WHOLE_BITS
    return near


def _details(found: _Found, queried: Indices, names: list[str]) -> dict[int, str]:
    hits = np.flatnonzero(found.originals != NO_MATCH)
    return {
        int(queried[at]): _WAYS[found.ways[at]].format(names[found.originals[at]])
        for at in hits.tolist()
    }


def _names(candidates: pa.Table, refused: pa.Table, binding: Indices) -> list[str]:
    bound = candidates["asset_id"].take(pa.array(binding, pa.int64()))
    return [*values_of(refused["asset_id"], str), *values_of(bound, str)]


def _candidates_looks(candidates: pa.Table, columns: tuple[str, str]) -> _Looks:
    hashes, colours = (candidates[name] for name in columns)
    return _Looks(bytes_of(hashes, np.uint64), bytes_of(colours, np.uint8))


def _refused_looks(refused: pa.Table, columns: tuple[str, str]) -> _Looks:
    if columns == _PICTURE:
        hashes, colours = (_from_hex(refused[name]) for name in _PICTURE)
    else:
        both = _from_hex(refused["look"]).reshape(-1, PHASH_BYTES + COLOUR_BYTES)
        hashes, colours = both[:, :PHASH_BYTES], both[:, PHASH_BYTES:]
    words = np.ascontiguousarray(hashes).reshape(-1).view(np.uint64)
    return _Looks(words.reshape(-1, PHASH_BYTES // 8), colours.reshape(-1, COLOUR_BYTES))


def _from_hex(column: pa.ChunkedArray[pa.StringScalar]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex("".join(values_of(column, str))), np.uint8)
