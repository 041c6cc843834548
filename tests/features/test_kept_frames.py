"""Frames of films are read once, kept as pictures, and read again if what is kept does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.features import kept_frames
from pipelines.features.guard import this_guard
from pipelines.features.kept_frames import KeptFilm, frame_pictures, pictures_table
from pipelines.storage.open import open_store
from tests.media.media_samples import LIMITS
from tests.media.numbered_shots import film_of_shots

_DATA = film_of_shots([9])
_FILM = KeptFilm(_DATA, "a" * 64, 77)
_SIZE = (64, 36)


def test_what_is_kept_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path))
    expected = this_guard().exact_frames(_DATA, [0, 8], _SIZE, LIMITS)
    assert frame_pictures(pictures_table(store), _FILM, [0, 8], _SIZE, LIMITS) == expected
    monkeypatch.setattr(kept_frames, "this_guard", None)
    table = pictures_table(store)
    assert frame_pictures(table, _FILM, [0, 8], _SIZE, LIMITS) == expected
    others = [
        (KeptFilm(_DATA, "b" * 64, 77), [0, 8], _SIZE),
        (KeptFilm(_DATA, "a" * 64, 78), [0, 8], _SIZE),
        (_FILM, [0, 7], _SIZE),
        (_FILM, [0, 8], (32, 18)),
    ]
    for film, numbers, size in others:
        with pytest.raises(TypeError):  # it would be read
            frame_pictures(table, film, numbers, size, LIMITS)


@pytest.mark.parametrize("kind", ["fewer", "more", "damaged", "empty"])
def test_pictures_that_do_not_fit_are_read_again(tmp_path: Path, kind: str) -> None:
    store = open_store(str(tmp_path))
    expected = frame_pictures(None, _FILM, [0, 8], _SIZE, LIMITS)
    files = {
        "fewer": expected[:1],
        "more": [*expected, expected[0]],
        "damaged": [expected[0], expected[1][:-20] + b"x" * 20],
        "empty": [expected[0], b""],
    }[kind]
    key = f"{_FILM.digest} 64x36 0,8"
    pictures_table(store).save(77, 77, [{"pictures": key, "files": files}])
    assert frame_pictures(pictures_table(store), _FILM, [0, 8], _SIZE, LIMITS) == expected
