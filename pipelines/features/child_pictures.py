"""What the guarded child does with pictures."""

from __future__ import annotations

from pipelines.features.pipe_messages import Answer, Header, pack_image, unpack_images
from pipelines.media.formats import parse_format
from pipelines.media.images import decode_and_hash


def _image(request: Header, data: bytes) -> Answer:
    fmt = parse_format(request["format"])
    decoded = decode_and_hash(data, fmt, int(request["max_pixels"]), int(request["side"]))
    size, blob = pack_image(decoded.image)
    header = {
        "facts": vars(decoded.facts),
        "signature": {"phash": decoded.signature.phash, "colour": decoded.signature.colour},
        "look": {"search": decoded.look.search.hex(), "cells": decoded.look.cells.hex()},
        "sizes": [size],
    }
    return header, [blob]


def _faces(request: Header, data: bytes) -> Answer:
    from pipelines.vision.faces import find_faces

    return {"faces": len(find_faces(unpack_images([request["size"]], [data])[0]))}, []


def _texts(request: Header, data: bytes) -> Answer:
    from pipelines.vision.texts import find_texts, text_area_milli, watermark_in

    [image] = unpack_images([request["size"]], [data])
    found = find_texts(image)
    return {
        "boxes": len(found),
        "area_milli": text_area_milli(found, image.size),
        "watermark": watermark_in([one.text for one in found]),
    }, []


PICTURE_ANSWERS = {
    "image": _image,
    "faces": _faces,
    "texts": _texts,
}
