"""The field cases of ../shared/cases: how each is run, and how it must end.

python -m tests.cases.field_cases     # the table of docs/field-cases.md, of the cases at hand
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cli import main
from tests.end_to_end.command import CommandResult

CASES = Path(__file__).parents[3] / "shared" / "cases"
AS_OF = "2026-06-30"
DELIVERED = "delivered"


@dataclass(frozen=True)
class Wanted:
    """How a case must end.

    Attributes:
        assets: For each asset, `delivered` or the reason that it must have.
        stop: Words that the message of exit code 2 must have, any of them; none if it must not end
            so. Where there are assets as well, either end is right.
        lost: Assets that must not be delivered, for whatever reason.
        size: Width and height that a sample must have, as displayed.
    """

    assets: dict[str, str] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    size: tuple[int, int] | None = None


def _all(outcome: str, *numbers: int) -> dict[str, str]:
    return {f"A-{number}": outcome for number in numbers}


_READ = _all(DELIVERED, 1, 2)
WANTED: dict[str, Wanted] = {
    "01-orphan-consents": Wanted(stop=("consents",)),
    "02-literal-null": Wanted({"A-1": "file.denied", "A-2": "consent.withdrawn"}),
    "03-nested-partitions": Wanted({"A-2": "consent.withdrawn"}, ("part-00001.csv",)),
    "05-comma-keywords": Wanted(stop=("keywords",)),
    "07-upper-case-columns": Wanted(
        stop=("EXCLUSIVE", "VALID_UNTIL"), lost=("A-1", "A-2", "A-3", "A-4")
    ),
    "08-int96": Wanted(_all(DELIVERED, 1)),
    "09-same-subject": Wanted(_all("release.model_missing", 1)),
    "10-same-day": Wanted(_all("consent.withdrawn", 1, 2)),
    "11-anamorphic": Wanted(_all(DELIVERED, 1, 2), size=(853, 480)),
    "13-copyright-accents": Wanted(_all(DELIVERED, *range(1, 10))),
    "14-near-duplicates": Wanted(_all(DELIVERED, *range(1, 9))),
    "16-pandas-floats": Wanted(_all("consent.withdrawn", 1, 2, 3), ("7.0",)),
    "17-blank-rows": Wanted(_READ),
    "18-id-float": Wanted(stop=("contributors", "asset_id", "contributor_id")),
    "19-file-names": Wanted(_all(DELIVERED, *range(1, 12))),
    "20-rights-in-odd-places": Wanted(
        _all("file.denied", 1, 2, 3, 6) | _all("conflict.source", 4, 5, 7)
    ),
    "22-csv-cp1252": Wanted(_READ, ("encoding",)),
    "22-csv-excel-dates": Wanted(stop=("date",)),
    "22-csv-mac-cr": Wanted(_READ),
    "22-csv-semicolon-cp1252": Wanted(_READ, ("encoding", "separator")),
    "22-csv-sep-line": Wanted(_READ),
    "22-csv-tab": Wanted(_READ, ("encoding", "separator")),
    "23-cover-art": Wanted(_all(DELIVERED, 1, 2, 3)),
    "28-capital-values": Wanted(_all(DELIVERED, 1, 2, 3)),
    "31-same-bytes-other-id": Wanted(lost=("A-1", "A-2", "A-3")),
    "35-revoked-twin": Wanted(_all("release.revoked", 1)),
    "38-day-of-shoot": Wanted({"A-1": DELIVERED, "A-2": "release.shoot_range"}),
    "39-open-quote-consents": Wanted(stop=("consents.csv:4: a quote opens here",)),
    "46-not-the-described-file": Wanted(lost=("A-1", "A-2")),
    "48-licence-in-file": Wanted(_all("conflict.licence", 1, 2, 3), lost=("A-4",)),
    "49-people-in-file": Wanted({"A-1": "conflict.minors"} | _all("conflict.people", 3, 4)),
}
# Pictures and films without a catalogue; tests/media has them.
WITHOUT_CATALOGUE = frozenset({"12-decoding"})


@dataclass(frozen=True)
class CaseRun:
    """How a case ended.

    Attributes:
        checked: What `check` said.
        packaged: What `package` said.
        outcomes: For each asset, `delivered` or its reasons; empty if there are no decisions.
        sizes: Width and height of every sample in the delivery.
        kept: What `package` kept of its reading, as JSON; None if it kept nothing.
    """

    checked: CommandResult
    packaged: CommandResult
    outcomes: dict[str, str]
    sizes: frozenset[tuple[int, int]]
    kept: dict[str, object] | None = None

    def faults(self, wanted: Wanted) -> list[str]:
        """Returns what is not as it must be."""
        found = []
        if (self.checked.code == 2) != (self.packaged.code == 2):
            found.append(f"check ends with {self.checked.code}, package with {self.packaged.code}")
        if self.kept is not None and self.kept != self.checked.json["reading"]:
            found.append(f"check read {self.checked.json['reading']}, package {self.kept}")
        for asset in wanted.lost:
            if self.outcomes.get(asset) == DELIVERED:
                found.append(f"{asset} is delivered")
        if self.packaged.code == 2 and wanted.stop:
            if not any(word in self.packaged.err for word in wanted.stop):
                found.append(f"the message names none of {wanted.stop}: {self.packaged.err}")
            return found
        if wanted.stop and not wanted.assets and not wanted.lost:
            found.append(f"it ends with {self.packaged.code}, {self.outcomes}")
        for asset, outcome in wanted.assets.items():
            if outcome not in self.outcomes.get(asset, "no decision").split(", "):
                found.append(f"{asset} is {self.outcomes.get(asset)}, not {outcome}")
        if wanted.size is not None and wanted.size not in self.sizes:
            found.append(f"the samples are {sorted(self.sizes)}, none is {wanted.size}")
        return found

    def summary(self) -> str:
        """Returns the end in a few words, for the table."""
        if self.packaged.code == 2:
            return f"exit 2: {_first_line(self.packaged.err)}"
        by_outcome: dict[str, list[str]] = {}
        for asset, outcome in self.outcomes.items():
            by_outcome.setdefault(outcome, []).append(asset)
        return "; ".join(f"{', '.join(names)} {end}" for end, names in by_outcome.items())


def _first_line(message: str) -> str:
    return re.sub(r"\s+", " ", message.removeprefix("fairshard package: ").splitlines()[0])[:160]


def run_case(name: str, scratch: Path) -> CaseRun:
    """Runs `check` and `package` on a case."""
    folder = _folder(name, scratch)
    words = ("--catalogue", str(folder / "catalogue"), "--deal", str(folder / "deal.toml"))
    checked = _run("check", *words, "--as-of", AS_OF, "--json")
    out = scratch / "out"
    packaged = _run(
        *("package", *words, "--out", str(out), "--as-of", AS_OF, "--workers", "1", "--quiet")
    )
    return CaseRun(checked, packaged, _outcomes(out), _sizes(out), _reading(out))


def cases_at_hand() -> list[str]:
    """Returns the names of all cases with a catalogue; none where ../shared is absent."""
    if not CASES.is_dir():
        return []
    found = {path.name.removesuffix(".tar") for path in CASES.iterdir() if path.suffix != ".md"}
    return sorted(found - WITHOUT_CATALOGUE)


def _folder(name: str, scratch: Path) -> Path:
    packed = CASES / f"{name}.tar"
    if not packed.is_file():
        return CASES / name
    with tarfile.open(packed) as tar:
        tar.extractall(scratch / "case", filter="data")
    return scratch / "case" / name


def _run(*words: str) -> CommandResult:
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = main(list(words))
    return CommandResult(code, output.getvalue(), errors.getvalue())


def _outcomes(out: Path) -> dict[str, str]:
    paths = sorted(out.glob("*/v0001/agency/decisions/*.parquet"))
    if not paths:
        return {}
    rows = pa.concat_tables([pq.read_table(path) for path in paths]).to_pylist()
    rows.sort(key=lambda row: (len(row["asset_id"]), row["asset_id"]))
    return {row["asset_id"]: ", ".join(row["reasons"]) or str(row["outcome"]) for row in rows}


def _reading(out: Path) -> dict[str, object] | None:
    for path in out.glob("*/v0001/agency/reading.json"):
        found: dict[str, object] = json.loads(path.read_bytes())["catalogue"]
        return found
    return None


def _sizes(out: Path) -> frozenset[tuple[int, int]]:
    """Returns all of them, since the order of samples depends on the output's random key."""
    return frozenset(
        (int(row["width"]), int(row["height"]))
        for path in out.glob("*/v0001/delivery/shards/*.parquet")
        for row in pq.read_table(path, columns=["width", "height"]).to_pylist()
    )


def table() -> str:
    """Returns the cases and how they end, as a table of Markdown."""
    lines = ["| case | ends with | as it must |", "| --- | --- | --- |"]
    for name in cases_at_hand():
        with tempfile.TemporaryDirectory() as scratch:
            ran = run_case(name, Path(scratch))
        right = "yes" if not ran.faults(WANTED[name]) else "NO"
        lines.append(f"| {name} | {ran.summary().replace('|', chr(92) + '|')} | {right} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
