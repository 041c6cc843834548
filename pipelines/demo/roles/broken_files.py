"""Files that must never get into a delivery, and URIs that must never be followed."""

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
    # No place outside, but no address has such a character either.
    "line_break": "media/line\nbreak.jpg",
}
# Roles whose file is never written.
UNWRITTEN_STYLES = frozenset({*FORBIDDEN_URIS, "missing"})
# Roles whose file is what it should be; the catalogue's digest of it is not.
WRONG_DIGEST_STYLE = "wrong_digest"
_TRUNCATED_SHARE = 0.6  # of the file's bytes
# Each with the honest file that it is made from.
_TRUNCATED = {"cut_jpeg": "jpeg_444", "cut_png": "png", "cut_webp": "webp"}
_MISNAMED = {
    "png_named_jpg": "png",
    "jpeg_called_film": "jpeg_plain",
    WRONG_DIGEST_STYLE: "jpeg_plain",
}
BROKEN_STYLES = frozenset(
    {*_TRUNCATED, *_MISNAMED, "empty", "bomb", "text_named_jpg", "gif", "tiff"}
)


def truncate(data: bytes) -> bytes:
    """The first part of a file, as an upload that broke off leaves it."""
    return data[: int(len(data) * _TRUNCATED_SHARE)]


def save_broken(image: Image.Image, file_style: str, seed: int, description: str) -> bytes:
    """The bytes of a broken file; `image` is what it would have shown."""
    if file_style in _TRUNCATED:
        return truncate(save_picture(image, _TRUNCATED[file_style], seed, description, b""))
    if file_style in _MISNAMED:
        return save_picture(image, _MISNAMED[file_style], seed, description, b"")
    if file_style == "empty":
        return b""
    if file_style == "bomb":
        return bomb_png()
    if file_style == "text_named_jpg":
        return b"<html><body>404: the picture has moved</body></html>\n"
    out = BytesIO()
    image.save(out, {"gif": "GIF", "tiff": "TIFF"}[file_style])
    return out.getvalue()
