"""Makes files that must never be delivered, and lists URIs that must never be followed."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.png import bomb_png

FORBIDDEN_URIS = {
    "outside_above": "../../etc/passwd",
    "outside_absolute": "/etc/passwd",
    "outside_file": "file:///etc/passwd",
    "outside_http": "https://127.0.0.1/x.jpg",
    "outside_s3": "s3://other-bucket/x",
    # Not outside the catalogue, but no valid address contains such a character.
    "line_break": "media/line\nbreak.jpg",
}
# Styles whose file is never written.
UNWRITTEN_STYLES = frozenset({*FORBIDDEN_URIS, "missing"})
# The style whose file is valid, but whose digest in the catalogue is wrong.
WRONG_DIGEST_STYLE = "wrong_digest"
_TRUNCATED_SHARE = 0.6  # of the file's bytes are kept
# Each broken style with the valid style that it is made from.
_TRUNCATED = {"cut_jpeg": "jpeg_444", "cut_png": "png", "cut_webp": "webp"}
_MISNAMED = {
    "png_named_jpg": "png",
    "jpeg_called_film": "jpeg_plain",
    WRONG_DIGEST_STYLE: "jpeg_plain",
}
BROKEN_STYLES = frozenset(
    {*_TRUNCATED, *_MISNAMED, "empty", "bomb", "text_named_jpg", "bmp_named_gif", "float_tiff"}
)


def truncate(data: bytes) -> bytes:
    """Returns the first part of a file, as an interrupted upload leaves it."""
    return data[: int(len(data) * _TRUNCATED_SHARE)]


def save_broken(image: Image.Image, file_style: str, seed: int, description: str) -> bytes:
    """Returns the bytes of a broken file that should have shown `image`."""
    if file_style in _TRUNCATED:
        return truncate(save_picture(image, _TRUNCATED[file_style], seed, description, b""))
    if file_style == "bmp_named_gif":
        return _saved(image, "BMP")
    if file_style in _MISNAMED:
        return save_picture(image, _MISNAMED[file_style], seed, description, b"")
    if file_style == "empty":
        return b""
    if file_style == "bomb":
        return bomb_png()
    if file_style == "text_named_jpg":
        return b"<html><body>404: the picture has moved</body></html>\n"
    return _saved(image.convert("F"), "TIFF")


def _saved(image: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    image.save(out, kind)
    return out.getvalue()
