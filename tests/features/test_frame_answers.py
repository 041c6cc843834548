"""What a decoder that a file has taken over may answer about frames."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.features.answers import frame_files_answer, frame_images_answer, times_answer
from schemas.errors import BadRecord

_PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.mark.parametrize("blobs", [[], [_PNG], [_PNG, b"GIF89a"], [_PNG, b""], [_PNG] * 3])
def test_frames_are_as_many_png_files(blobs: list[bytes]) -> None:
    assert frame_files_answer([memoryview(_PNG), _PNG], 2) == [_PNG, _PNG]
    with pytest.raises(BadRecord, match="invalid answer"):
        frame_files_answer(blobs, 2)


@pytest.mark.parametrize("sizes", [[], [[1, 1], [1, 1]], [[2, 1]], [[0, 0]], [[1]], "x"])
def test_frames_for_models_are_as_many_pictures(sizes: Any) -> None:
    [image] = frame_images_answer({"sizes": [[1, 1]]}, [b"abcd"], 1)
    assert image.size == (1, 1)
    with pytest.raises(BadRecord, match="invalid answer"):
        frame_images_answer({"sizes": sizes}, [b"abcd"], 1)


@pytest.mark.parametrize(
    "times", [[], [0], [1, 2], [0, 5, 4], [0, -1], [0, 1.5], [0, True], [0, 2**60], ["0", 1], None]
)
def test_times_ascend_from_zero(times: Any) -> None:
    assert times_answer({"times": [0, 40, 40, 80]}) == [0, 40, 40, 80]
    with pytest.raises(BadRecord, match="invalid answer"):
        times_answer({"times": times})
    with pytest.raises(BadRecord, match="invalid answer"):
        times_answer({})
