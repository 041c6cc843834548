"""Embeddings of frames: the file, its check, the store, and how films are read in parts."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.features import frame_vectors
from pipelines.features.frame_vectors import (
    embed_frames,
    frame_vectors_table,
    save_vectors,
    stored_vectors,
)
from pipelines.format.npy import Halves, npy_bytes, unit_vectors_fault
from pipelines.profiles import load_profile
from pipelines.profiles.base import SampleError
from pipelines.storage.open import open_store
from schemas.deal import parse_deal
from schemas.deal_structure import rows_of_film
from schemas.errors import BadRecord, InputError
from tests.deals import deal_text
from tests.media.media_samples import LIMITS, turned_film
from tests.media.numbered_shots import film_of_shots, shown_number
from tests.profiles.rows import common_of, film_row, with_values

_PROFILE = load_profile("structure-video")
_FILM = 'profile = "structure-video"\nmedia = ["video"]\n'


def unit(rows: int, columns: int) -> Halves:
    values = np.random.default_rng(rows).normal(size=(rows, columns))
    made: Halves = (values / np.linalg.norm(values, axis=1)[:, None]).astype(np.float16)
    return made


@given(st.integers(1, 300), st.integers(1, 700))
@settings(max_examples=60, deadline=None)
def test_a_file_is_what_numpy_writes_and_is_sound(rows: int, columns: int) -> None:
    values, out = unit(rows, columns), io.BytesIO()
    np.save(out, values, allow_pickle=False)
    data = npy_bytes(values)
    assert data == out.getvalue()
    assert np.array_equal(np.load(io.BytesIO(data), allow_pickle=False), values)
    assert unit_vectors_fault(data, rows, columns) == ""


def saved(values: npt.NDArray[np.generic]) -> bytes:
    out = io.BytesIO()
    np.save(out, values, allow_pickle=True)
    return out.getvalue()


_VALUES = unit(20, 8)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is not a .npy file"),
        (saved(_VALUES.astype(np.float32)), "is not a .npy file of 20 x 8"),
        (saved(_VALUES.T.copy()), "is not a .npy file"),
        (saved(np.asfortranarray(_VALUES)), "is not a .npy file"),
        (saved(np.array([{"a": 1}] * 160, dtype=object)), "is not a .npy file"),
        (npy_bytes(_VALUES[:19]), "is not a .npy file of 20 x 8"),
        (npy_bytes(_VALUES)[:-1], "which is not the size of 20 x 8"),
        (npy_bytes(_VALUES) + b"\0", "which is not the size of 20 x 8"),
        (npy_bytes(np.where(np.arange(20)[:, None] == 7, 0, _VALUES)), "row 7 is not"),
        (npy_bytes(np.where(np.arange(20)[:, None] == 9, np.nan, _VALUES)), "row 9 is not"),
        (npy_bytes(np.where(np.arange(20)[:, None] == 0, np.inf, _VALUES)), "row 0 is not"),
        (npy_bytes((_VALUES * 1.01).astype(np.float16)), "row 0 is not"),
    ],
)
def test_faults_of_files_are_found(data: bytes, fault: str) -> None:
    assert fault in unit_vectors_fault(data, 20, 8)
    facts = {"embedding_every": 3, "embedding_rows": 17, "embedding_dimensions": 8}
    row = with_values(film_row(), extra_facts=json.dumps(facts))
    sample = _PROFILE.make_sample({**common_of(row), "frames": 50}, row)
    sound = {"frames.npy": npy_bytes(unit(17, 8))}
    assert list(_PROFILE.find_extra_faults(sample, sound)) == []
    assert [one for one, _ in _PROFILE.find_extra_faults(sample, {"frames.npy": data})] == [
        "frames.npy"
    ]


@given(st.integers(1, 10_000), st.integers(1, 200))
def test_rows_are_of_the_first_frame_and_each_so_many_on(frames: int, every: int) -> None:
    assert rows_of_film(frames, every) == len(range(0, frames, every))


def test_the_number_of_rows_follows_from_the_film() -> None:
    facts = {"embedding_every": 3, "embedding_rows": 16, "embedding_dimensions": 8}
    row = with_values(film_row(), extra_facts=json.dumps(facts))
    with pytest.raises(SampleError, match="embedding_rows does not follow"):
        _PROFILE.make_sample({**common_of(row), "frames": 50}, row)


class Reading:
    """Stands in for a model: the embedding of a picture is the number that it shows, and its size.

    It also notes how many pictures it was given at once.
    """

    def __init__(self, turns: int = 0) -> None:
        self.turns = turns
        self.given: list[int] = []

    def embed_images(self, images: Sequence[Image.Image]) -> npt.NDArray[np.float32]:
        self.given.append(len(images))
        found = [
            [shown_number(np.rot90(np.asarray(one, np.uint8), self.turns)), *one.size]
            for one in images
        ]
        return np.array(found, np.float32)


@pytest.mark.parametrize(("frames", "every"), [(1, 1), (2, 1), (100, 1), (100, 7), (64, 2)])
def test_frames_are_embedded_in_order_and_in_parts(frames: int, every: int) -> None:
    model = Reading()
    vectors = embed_frames(film_of_shots([frames]), frames, every, model, LIMITS)
    assert vectors.dtype == np.float16
    assert vectors.tolist() == [[number, 128, 72] for number in range(0, frames, every)]
    assert max(model.given) <= frame_vectors._PART_FRAMES


def test_frames_are_embedded_as_displayed() -> None:
    data = turned_film(film_of_shots([9]))
    vectors = embed_frames(data, 9, 1, Reading(turns=1), LIMITS)
    assert vectors.tolist() == [[number, 72, 128] for number in range(9)]


def test_frames_that_are_not_there_are_an_error() -> None:
    with pytest.raises(BadRecord, match="frame 9 cannot be decoded again"):
        embed_frames(film_of_shots([9]), 10, 1, Reading(), LIMITS)


def test_stored_embeddings_are_found_by_film_and_settings(tmp_path: Path) -> None:
    store, vectors = open_store(str(tmp_path)), unit(5, 4)
    assert stored_vectors(frame_vectors_table(store, "clip@1", 1), 77, "a" * 64, 5) is None
    save_vectors(frame_vectors_table(store, "clip@1", 1), 77, "a" * 64, vectors)
    found = stored_vectors(frame_vectors_table(store, "clip@1", 1), 77, "a" * 64, 5)
    assert found is not None and np.array_equal(found, vectors)
    for model, every, digest in (("clip@2", 1, "a"), ("clip@1", 2, "a"), ("clip@1", 1, "b")):
        table = frame_vectors_table(store, model, every)
        assert stored_vectors(table, 77, digest * 64, 5) is None


@pytest.mark.parametrize("kind", ["fewer", "more", "zero", "NaN", "torn", "no dimensions"])
def test_stored_embeddings_that_do_not_fit_are_not_used(tmp_path: Path, kind: str) -> None:
    table, vectors = frame_vectors_table(open_store(str(tmp_path)), "clip@1", 1), unit(5, 4)
    if kind in ("zero", "NaN"):
        vectors[3] = 0 if kind == "zero" else np.nan
    packed = vectors.tobytes()[: -3 if kind == "torn" else None]
    dimensions = 0 if kind == "no dimensions" else 4
    table.save(77, 77, [{"media_sha256": "a", "dimensions": dimensions, "vectors": packed}])
    rows = {"fewer": 6, "more": 4}.get(kind, 5)
    assert stored_vectors(table, 77, "a", rows) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n[structure]\nevery = 2\n", '"structure-video" or "structure-depth", not in'),
        (_FILM + '\n[rights]\ninference = "pack-without"\n', "contradicts profile"),
        (_FILM + "\n[structure]\nevery = 0\n", "structure.every"),
    ],
)
def test_deals_that_contradict_themselves_are_refused(text: str, message: str) -> None:
    top = text if text.startswith("profile") else ""
    whole = deal_text()
    head, price, tail = whole.partition("\n[price]")
    first, section, rest = top.partition("\n[")
    text = f"{head}{first}\n{price}{tail}{section}{rest}" if top else whole + text
    with pytest.raises(InputError, match=message):
        parse_deal(text, "deal.toml")
