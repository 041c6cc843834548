"""Each agency's export becomes a delivery that verifies, with no code written."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.cli import main
from tests.catalogue.agency_exports import EXPORTS, Export, write_export

pytestmark = pytest.mark.slow

DEAL = """
deal_id = "acme"
buyer = "Acme"
purposes = ["train_gen"]
territory = ["DE"]
starts = 2026-07-01
ends = 2028-12-31
profile = "video-text"
media = ["image", "video"]
[rights]
editorial = "accept"
ai_generated = "label"
sensitive = "accept"
[select]
min_short_side = 32
dedupe = "none"
blank = "accept"
[price]
currency = "EUR"
pool = "100.00"
"""
# What an export cannot say, and the words of its own second table.
SECOND = {"minors": "no", "created_at": "2024-01-01", "digital_source_type": "digitalCapture"}


def draw(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed)
    pixels = noise.integers(0, 255, (6, 8, 3), np.uint8)
    picture = Image.fromarray(pixels).resize((128, 96), Image.Resampling.BICUBIC)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        picture.save(path, quality=90)
        return
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for shift in range(20):
            moved = np.roll(np.asarray(picture), 3 * shift, axis=1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(moved), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


@pytest.mark.parametrize("export", EXPORTS, ids=[export.preset for export in EXPORTS])
def test_an_export_becomes_a_delivery(
    export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = dict(SECOND)
    given = {"created_at": any(picture.created_at for picture in export.pictures)}
    given["digital_source_type"] = any(picture.source for picture in export.pictures)
    if given["created_at"]:
        del second["created_at"]
    if given["digital_source_type"]:
        del second["digital_source_type"]  # as far as the export says it
    library = write_export(tmp_path / "library", export, second=second)
    photos = library / "photos"
    photos.mkdir()
    for seed, picture in enumerate(export.pictures):
        draw(photos / picture.file, seed)
    (tmp_path / "deal.toml").write_text(DEAL)
    words = ["--catalogue", str(library), "--deal", str(tmp_path / "deal.toml")]
    words += ["--preset", export.preset, "--media-prefix", "photos/", "--as-of", "2026-06-30"]
    out = tmp_path / "out"
    assert main(["package", *words, "--out", str(out), "--quiet"]) == 0, capsys.readouterr().err
    delivery = out / "acme" / "v0001" / "delivery"
    assert main(["verify", str(delivery), "--allow-unpinned", "--quiet"]) == 0
    folder = out / "acme" / "v0001" / "agency" / "decisions"
    rows = [row for path in folder.iterdir() for row in pq.read_table(path).to_pylist()]
    found = {row["asset_id"]: (row["outcome"], list(row["reasons"] or ())) for row in rows}
    assert found == {
        picture.file: ("delivered", [])
        if picture.source or not given["digital_source_type"]
        else ("refused", ["source.unstated"])
        for picture in export.pictures
    }
