"""A small catalogue of assets that are deliverable except for the changes that a test makes."""

from __future__ import annotations

import copy
import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from pipelines.cli import main
from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.deals import deal_text
from tests.remembered import remember_vision

from .command import AS_OF, CommandResult

Row = dict[str, Any]

COLUMNS = 80
_CONSENT = {
    "contributor_id": "c-1",
    "purpose": "all",
    "value": "allow",
    "given_at": "2025-01-01T00:00:00Z",
}


def in_process(*words: object) -> CommandResult:
    """Runs a command in this process, through the function that the executable calls."""
    remember_vision()
    said, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(errors):
        code = main(list(map(str, words)))
    return CommandResult(code, said.getvalue(), errors.getvalue())


class SmallLibrary:
    """A small catalogue of copies of a deliverable asset, with changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        self.contributors: list[Row] = [{"contributor_id": "c-1"}]
        self.consents = [_CONSENT]
        self.deal = deal_text("small", "10.00")
        (folder / "catalogue").mkdir()

    def copied_to(self, folder: Path) -> SmallLibrary:
        """Returns a copy of the library and its folder, for a test that changes them."""
        shutil.copytree(self.folder, folder)
        made = copy.deepcopy(self)
        made.folder = folder
        return made

    def add(self, count: int, side: int = 0, xmp: bytes = b"", **columns: Any) -> None:
        """Adds `count` equal assets, with a picture if `side` (shorter side, pixels) is given."""
        for _ in range(count):
            number = len(self.rows)
            name = f"{number}.jpg"
            if side:
                picture = render(draw_scene_spec(number), side + 80, side)
                data = save_picture(picture, "jpeg_xmp", number, "a picture", xmp)
                (self.folder / "catalogue" / name).write_bytes(data)
            row = {
                "asset_id": f"a-{number}",
                "media_uri": name,
                "media_type": "image",
                "contributors": [{"contributor_id": "c-1", "share_bp": 10_000}],
                "licence_model": "RF",
                "licence_class": "creative",
                "status": "active",
                "people_count": 0,
                "property": False,
                "digital_source_type": "digitalCapture",
            }
            self.rows.append(row | columns)

    def add_contributor(self, contributor_id: str, **columns: Any) -> None:
        """Adds a contributor who consents to everything."""
        self.contributors.append({"contributor_id": contributor_id, **columns})
        self.consents = [*self.consents, {**_CONSENT, "contributor_id": contributor_id}]

    def write_catalogue(self) -> None:
        """Writes the tables and the deal as they are now."""
        lines: dict[str, list[Row]] = {
            "assets": self.rows,
            "contributors": self.contributors,
            "consents": self.consents,
        }
        catalogue, deal = self.folder / "catalogue", self.folder / "deal.toml"
        for name, told in lines.items():
            text = "".join(json.dumps(row) + "\n" for row in told)
            (catalogue / f"{name}.jsonl").write_text(text, encoding="utf-8")
        deal.write_text(self.deal, encoding="utf-8")

    def package(self, *more: object, as_of: str = AS_OF) -> CommandResult:
        """Packages the library into the test's own output."""
        self.write_catalogue()
        catalogue, deal = self.folder / "catalogue", self.folder / "deal.toml"
        words = ["package", "--catalogue", catalogue, "--deal", deal, "--out", self.out]
        return in_process(*words, "--as-of", as_of, "--workers", 1, "--quiet", *more)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def agency(self) -> Path:
        return self.out / "small" / "v0001" / "agency"


def make_library_of_two(folder: Path) -> SmallLibrary:
    """Makes six pictures: a-0 to a-2 by c-1, a-3 by both, a-4 and a-5 by c-2; not packaged yet."""
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add_contributor("c-2")
    made.add(3, side=600)
    both = [{"contributor_id": who, "share_bp": 5_000} for who in ("c-1", "c-2")]
    made.add(1, side=600, contributors=both)
    made.add(2, side=600, contributors=[{"contributor_id": "c-2", "share_bp": 10_000}])
    return made
