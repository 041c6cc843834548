"""Builds small pictures and films for tests, valid and hostile."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

from pipelines.media.limits import MediaLimits

PILLOW_NAMES = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "tif": "TIFF",
    "gif": "GIF",
    "avif": "AVIF",
}
LIMITS = MediaLimits(max_bytes=50_000_000, max_pixels=10_000_000)


def picture(width: int = 160, height: int = 96, seed: int = 0) -> Image.Image:
    """Draws a gradient with noise, a red block in the upper left and a green one lower right."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 180, width * height * 3).reshape(height, width, 3)
    noisy = (ramp + rng.normal(0, 12, ramp.shape)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(noisy)
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, width // 4, height // 4], fill=(255, 0, 0))
    draw.rectangle([width - width // 4, height - height // 4, width, height], fill=(0, 255, 0))
    return image


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(width: int, height: int) -> bytes:
    """Makes a PNG of one colour that decompresses to a thousand times its size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    parts = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in parts)


def png16(values: np.ndarray) -> bytes:
    """Makes a grey PNG with 16 bits per channel."""
    height, width = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in parts)


def film(
    width: int = 96,
    height: int = 64,
    frames: int = 24,
    gop: int = 6,
    flags: str = "faststart",
    codec: str = "libx264",
    aspect: Fraction | None = None,
    container: str = "mp4",
    layout: str = "yuv420p",
) -> bytes:
    """Makes a film at 24 frames per second with another shade after each keyframe."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film")
        options = {"movflags": flags} if flags else {}
        with av.open(str(path), "w", format=container, options=options) as file:
            stream: Any = file.add_stream(codec, rate=24)
            stream.width, stream.height, stream.pix_fmt = width, height, layout
            stream.gop_size = gop
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            stream.codec_context.options = {"sc_threshold": "0"}
            for number in range(frames):
                pixels = np.full((height, width, 3), 10 * (number // gop), dtype=np.uint8)
                pixels[8:24, number : number + 16] = (255, 40, 40)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return path.read_bytes()


def turned_film(data: bytes, a: int = 0, b: int = 1, c: int = -1, d: int = 0) -> bytes:
    """Sets a track matrix; by default it rotates clockwise by a quarter, as phones write it."""
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    entries = [entry * (1 << 16) for entry in (a, b, c, d)]
    turned = struct.pack(">9i", *entries[:2], 0, *entries[2:], 0, 0, 0, 1 << 30)
    at = data.index(plain, data.index(b"tkhd"))
    return data[:at] + turned + data[at + len(plain) :]


def in_quicktime(data: bytes) -> bytes:
    """Returns a film's packets in a QuickTime file."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mov") as file:
        track = source.streams.video[0]
        copied = file.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.size:
                packet.stream = copied
                file.mux(packet)
    return out.getvalue()
