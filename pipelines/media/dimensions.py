"""Computes the dimensions of pictures and frames, and rotates them upright."""

from __future__ import annotations

from PIL import Image

# By EXIF orientation; 1 is upright.
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def fitted_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns the size that fits into a square of `side` pixels, without ever enlarging."""
    longest = max(size)
    if longest <= side:
        return size
    width, height = (max(1, (length * side + longest // 2) // longest) for length in size)
    return width, height


def displayed_size(stored: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Returns width and height after applying an EXIF orientation."""
    return (stored[1], stored[0]) if orientation in _SIDEWAYS else stored


def rotate_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Applies an EXIF orientation to a picture."""
    if orientation not in _TRANSPOSES:
        return image
    return image.transpose(_TRANSPOSES[orientation])
