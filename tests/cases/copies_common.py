"""Runs whole packages: of a shared case's folder, and of small libraries that tests make."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.cases.common import case_folder, package
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

Row = dict[str, Any]
Decisions = dict[str, tuple[str, tuple[str, ...], str]]

_DEAL = """\
deal_id = "case"
buyer = "Example Models, Inc."
purposes = ["train_gen"]
territory = ["US"]
starts = 2026-07-01
ends = 2029-07-01
{top}
[select]
min_short_side = 100
dedupe = "{dedupe}"

[rights]
{rights}

[price]
pool = "100.00"
currency = "USD"

[limits]
dead_letter_share = "1"
{more}
"""


def decisions_in(version: Path) -> Decisions:
    """Outcome, reasons and detail by asset id."""
    table = pq.read_table(version / "agency" / "decisions")
    return {
        row["asset_id"]: (row["outcome"], tuple(row["reasons"]), row["detail"])
        for row in table.to_pylist()
    }


def package_case(name: str, out: Path) -> Decisions:
    """Packages a shared case."""
    package(case_folder(name), out)
    return decisions_in(out / "case" / "v0001")


@dataclass
class Library:
    """A library of pictures that nothing speaks against but for what a test says.

    Attributes:
        folder: Where it is written.
        rows: Its assets.
        consents: Further consents.
        contributors: Those who consent to everything.
        agreements: Signed agreements.
    """

    folder: Path
    rows: list[Row] = field(default_factory=list)
    consents: list[Row] = field(default_factory=list)
    contributors: tuple[str, ...] = ("c-1", "c-2", "c-3", "c-4")
    agreements: list[Row] = field(default_factory=list)

    def add(self, asset_id: str, data: bytes | None, uri: str = "", **columns: Any) -> None:
        """Adds an asset; with `data` None, its `uri` is that of another one's file."""
        uri = uri or f"{len(self.rows)}.{_ending(data or b'')}"
        if data is not None:
            path = self.folder / "catalogue" / uri
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        row: Row = {
            "asset_id": asset_id,
            "media_uri": uri,
            "media_type": "video" if uri.endswith("mp4") else "image",
            "contributors": [{"contributor_id": "c-1", "share_bp": 10_000}],
            "licence_model": "RF",
            "licence_class": "creative",
            "status": "active",
            "title": "A picture",
            "created_at": "2024-05-01",
            "people_count": 0,
            "property": False,
            "digital_source_type": "digitalCapture",
        }
        self.rows.append(row | columns)

    def package(
        self, out: Path, dedupe: str = "near", as_csv: tuple[str, ...] = (), **parts: str
    ) -> Decisions:
        """Packages it; `top`, `rights` and `more` are lines of the deal.

        With `as_csv`, the assets are in CSV, and the rows of those named there are broken: the
        first by an open quote, the second by a cell too many.
        """
        catalogue, deal = self.folder / "catalogue", self.folder / "deal.toml"
        given = {"purpose": "all", "value": "allow", "given_at": "2024-01-01T00:00:00Z"}
        yes = [{"contributor_id": name, **given} for name in self.contributors]
        tables: dict[str, list[Row]] = {
            "assets": self.rows,
            "contributors": [{"contributor_id": name} for name in self.contributors],
            "consents": [*yes, *self.consents],
            "agreements": self.agreements,
        }
        for name, rows in tables.items():
            if name == "agreements" and not rows:
                continue
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (catalogue / f"{name}.jsonl").write_text(text, encoding="utf-8")
        if as_csv:
            (catalogue / "assets.jsonl").unlink()
            lines = [",".join(map(str, self.rows[0]))]
            for row in self.rows:
                cells = row | {"contributors": "c-1:10000"}
                if row["asset_id"] in as_csv:
                    cells["title"] = ('"open', "one, too many")[as_csv.index(row["asset_id"])]
                lines.append(",".join(map(str, cells.values())))
            (catalogue / "assets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        terms = {"top": "", "rights": "", "more": "", **parts}
        deal.write_text(_DEAL.format(dedupe=dedupe, **terms), encoding="utf-8")
        words = ["package", "--catalogue", catalogue, "--deal", deal, "--out", out]
        self.ended = in_process(*words, "--as-of", AS_OF, "--workers", 1, "--quiet")
        return decisions_in(out / "case" / "v0001")


def by(contributor: str) -> Row:
    """The column of one contributor."""
    return {"contributors": [{"contributor_id": contributor, "share_bp": 10_000}]}


def _ending(data: bytes) -> str:
    if data[:3] == b"\xff\xd8\xff":
        return "jpg"
    return "png" if data[:4] == b"\x89PNG" else "mp4"
