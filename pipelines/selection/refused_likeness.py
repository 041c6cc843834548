"""Finds candidates that look like refused or contested files, as they are or changed.

How a picture looks turned, mirrored, without colours or without a frame follows from the hashes
and colours that are kept of it. So a candidate is compared in four ways, and the first that fits
counts:

1. As it is.
2. Turned by quarters or mirrored.
3. Without colours, if it or the refused file has none.
4. Without a frame, if it or the refused file has none: by the look of what the picture shows
   (`pipelines.media.looks`), which is kept beside that of the whole picture.

The last three ways allow fewer bits. Where all is of one shade there is nothing to see, and no
picture is taken for another's copy for that. docs/media.md says what each way finds, and what it
takes wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.media.looks import brightness_of
from pipelines.media.phash import NEAR_BITS, even_digests, turned_hashes
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
        brightness = brightness_of(self.colours.reshape(-1, COLOUR_BYTES // 3, 3))
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


@dataclass(frozen=True)
class _Early:
    """Refused pictures.

    Attributes:
        names: The ids of their assets.
        looks: Their looks.
    """

    names: list[str]
    looks: _Looks


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
    if not len(with_hash) and not len(binding):
        return {}
    has_look = pc.not_equal(with_hash["look"], pa.scalar(""))
    with_look, without = with_hash.filter(has_look), with_hash.filter(pc.invert(has_look))
    visible = binding[~_is_even(candidates["phash"].take(pa.array(binding, pa.int64())))]
    whole = _early(candidates, _without_even(with_hash), visible, _PICTURE)
    middle = _early(candidates, _without_even(without), binding[:0], _PICTURE)
    shown = _early(candidates, with_look, binding, _SHOWN)
    unframed = _shows_all(shown.looks, _early(candidates, with_look, binding, _PICTURE).looks)
    pictures, contents = (_candidates_looks(candidates, names) for names in (_PICTURE, _SHOWN))
    shows_elsewhere = candidates["shows_elsewhere"].to_numpy()
    found: dict[int, str] = {}
    for start in range(0, len(remaining), _CHUNK):
        chunk = remaining[start : start + _CHUNK]
        elsewhere = shows_elsewhere[chunk]
        ordinary, films = chunk[~elsewhere], chunk[elsewhere]
        found |= _like(films, pictures[films], middle)
        found |= _like(films, contents[films], shown)
        found |= _like(ordinary, pictures[ordinary], whole)
        left = ordinary[[at not in found for at in ordinary.tolist()]]
        has_no_frame = _shows_all(contents[left], pictures[left])
        found |= _like_without_frame(left, contents[left], has_no_frame, shown, unframed)
    return found


def _without_even(refused: pa.Table) -> pa.Table:
    """Returns the refused files but for those of one shade, by the middle frame if it is a film."""
    digests = pa.array([digest.hex() for digest in even_digests()])
    return refused.filter(pc.invert(pc.is_in(refused["phash"], digests)))


def _is_even(hashes: pa.ChunkedArray[pa.FixedSizeBinaryScalar]) -> _Mask:
    """Returns which hashes are those of pictures of one shade."""
    found: _Mask = pc.is_in(hashes, pa.array(even_digests(), hashes.type)).to_numpy()
    return found


def _like(queried: Indices, late: _Looks, early: _Early) -> dict[int, str]:
    """Returns the queried candidates that are near in one of the first three ways.

    Args:
        queried: Indices of the candidates to compare.
        late: Their looks.
        early: Those to compare with.
    """
    found, rows = _none_found(len(queried)), np.arange(len(early.looks))
    every = np.ones(len(queried), np.bool_)
    found.search(_AS_IT_IS, late, early.looks, every, rows)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        found.search(_TURNED, late, early.looks[block].turned(), every, np.tile(block, _TURNS))
    grey, grey_rows = late.is_grey(), np.flatnonzero(early.looks.is_grey())
    late, without = late.without_colours(), early.looks.without_colours()
    found.search(_GREY, late, without, grey, rows)
    found.search(_GREY, late, without[grey_rows], ~grey, grey_rows)
    return _details(found, queried, early.names)


def _like_without_frame(
    queried: Indices, late: _Looks, has_no_frame: _Mask, early: _Early, unframed: _Mask
) -> dict[int, str]:
    """Returns the queried candidates that show what a refused file shows.

    Two pictures that both lie on a background, such as icons, would often be near by this look.

    Args:
        queried: Indices of the candidates to compare.
        late: Looks of what they show.
        has_no_frame: Which of them show nothing but the whole picture, [queried].
        early: Those to compare with, by what they show.
        unframed: Which of these show nothing but the whole picture, [early].
    """
    found, rows = _none_found(len(queried)), np.arange(len(early.looks))
    whole_rows = np.flatnonzero(unframed)
    found.search(_UNFRAMED, late, early.looks, has_no_frame, rows)
    found.search(_UNFRAMED, late, early.looks[whole_rows], ~has_no_frame, whole_rows)
    return _details(found, queried, early.names)


def _none_found(count: int) -> _Found:
    return _Found(np.full(count, NO_MATCH, np.intp), np.zeros(count, np.intp))


def _shows_all(shown: _Looks, whole: _Looks) -> _Mask:
    """Returns which pictures show nothing but the whole picture, as far as hashes tell."""
    bits = np.bitwise_count(shown.hashes ^ whole.hashes).sum(axis=1, dtype=np.int64)
    same: _Mask = bits <= _WHOLE_BITS
    return same


def _details(found: _Found, queried: Indices, names: list[str]) -> dict[int, str]:
    hits = np.flatnonzero(found.originals != NO_MATCH)
    return {
        int(queried[at]): _WAYS[found.ways[at]].format(names[found.originals[at]])
        for at in hits.tolist()
    }


def _early(
    candidates: pa.Table, refused: pa.Table, binding: Indices, columns: tuple[str, str]
) -> _Early:
    """Returns refused files, and after them candidates that are refused.

    Args:
        candidates: All candidates.
        refused: Refused files of which these looks are known.
        binding: Indices of candidates that are refused.
        columns: The candidates' columns of hash and colours.
    """
    bound = candidates["asset_id"].take(pa.array(binding, pa.int64()))
    names = [*values_of(refused["asset_id"], str), *values_of(bound, str)]
    of_candidates = _candidates_looks(candidates, columns)[binding]
    return _Early(names, _refused_looks(refused, columns).followed_by(of_candidates))


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
