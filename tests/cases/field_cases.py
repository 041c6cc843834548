"""The field cases of ../shared/cases: how each is run, and how it must end.

python -m tests.cases.field_cases     # the table of docs/field-cases.md, of the cases at hand
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from tests.cases.common import CASES, check, outcomes, package
from tests.end_to_end.command import AS_OF, CommandResult

DELIVERED = "delivered"


@dataclass(frozen=True)
class Wanted:
    """How a case must end: with these assets, or with this message.

    Attributes:
        assets: For each asset that is decided, `delivered` or all its reasons, comma-separated.
        stop: Words that the message of exit code 2 must have, all of them; none if the case must
            not end so.
        size: Width and height that a sample must have, as displayed.
    """

    assets: dict[str, str] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    size: tuple[int, int] | None = None


def _all(outcome: str, *numbers: int) -> dict[str, str]:
    return {f"A-{number}": outcome for number in numbers}


def _stops(*words: str) -> Wanted:
    return Wanted(stop=words)


_READ = _all(DELIVERED, 1, 2)
_NOT_UTF_8 = (
    "The encoding of a table is not UTF-8",
    "assets.csv: a word that tells encodings apart would be, in cp1252 or cp1254 or cp1250 'Café'",
    '[mapping.assets.csv] encoding = "cp1252"',
)
WANTED: dict[str, Wanted] = {
    "01-orphan-consents": _stops(
        "The catalogue refers to ids that are not in it, so a no may be lost",
        "consents_reach_contributors: 3.",
        "'1.23457E+11': a no by '1.23457E+11', perhaps '123456789012'",
        "'123': a no by '123', perhaps '00123'",
        "consents_reach_assets: ",
        "list the rules in the deal's gate.divert",
    ),
    "02-literal-null": Wanted({"A-1": "file.denied", "A-2": "consent.withdrawn"}),
    "03-nested-partitions": Wanted({"A-1": DELIVERED, "A-2": "consent.withdrawn"}),
    "05-comma-keywords": _stops(
        "It is not certain what separates a list of the table assets",
        "assets.csv:2: keywords = 'dog, x-ray, bone', expected ';'",
        "[mapping.assets.lists] keywords =",
    ),
    "07-upper-case-columns": Wanted(
        {
            "A-1": "licence.exclusive",
            "A-2": "term.ends_early",
            "A-3": "territory.not_covered",
            "A-4": "grant.denied",
        }
    ),
    "08-int96": Wanted(_READ | {"A-3": "consent.withdrawn"}),
    "09-same-subject": Wanted({"A-1": "release.model_missing"}),
    "10-same-day": Wanted(_all("consent.withdrawn", 1, 2)),
    "11-anamorphic": Wanted(_READ, size=(853, 480)),
    "13-copyright-accents": Wanted(_all(DELIVERED, *range(1, 10))),
    "14-near-duplicates": Wanted(_all(DELIVERED, *range(1, 9))),
    "16-pandas-floats": _stops(
        "The catalogue refers to ids that are not in it, so a no may be lost",
        "consents_reach_contributors: 1.",
        "'7.0': a no by '7.0', perhaps '7'",
    ),
    "17-blank-rows": Wanted(_READ),
    "18-id-float": _stops(
        "The column asset_id holds ids as floating-point numbers: asset_id = 1001.0",
        "Write the ids as text",
    ),
    "19-file-names": Wanted(_all(DELIVERED, *range(1, 12))),
    "20-rights-in-odd-places": Wanted(
        _all("file.denied", 1, 2, 3, 6) | _all("file.ai_generated, conflict.source", 4, 5, 7)
    ),
    "22-csv-cp1252": _stops(*_NOT_UTF_8),
    "22-csv-excel-dates": _stops(
        "A date of the table assets is not in the order year-month-day",
        "assets.csv:2: created_at = '01/05/2024'",
        '[mapping.assets.dates] created_at = "dmy"',
    ),
    "22-csv-mac-cr": Wanted(_READ),
    "22-csv-semicolon-cp1252": _stops(*_NOT_UTF_8),
    "22-csv-sep-line": Wanted(_READ),
    "22-csv-tab": Wanted(_READ),
    "23-cover-art": Wanted(_all(DELIVERED, 1, 2, 3)),
    "28-capital-values": Wanted(_all(DELIVERED, 1, 2, 3)),
    "31-same-bytes-other-id": Wanted(
        {"A-1": "duplicate.of_refused", "A-2": "asset.legal_hold", "A-3": "consent.withdrawn"}
    ),
    "35-revoked-twin": Wanted({"A-1": "release.model_missing, release.revoked"}),
    "38-day-of-shoot": Wanted(
        {"A-1": DELIVERED, "A-2": "release.model_missing, release.shoot_range"}
    ),
    "39-open-quote-consents": _stops(
        "A row of the table consents cannot be read",
        "consents.csv:4: a quote opens here and is not closed before line 6",
    ),
    "46-not-the-described-file": Wanted(_all("media.not_as_described", 1, 2)),
    "48-licence-in-file": Wanted(_all("conflict.licence", 1, 2, 3, 4)),
    "49-people-in-file": Wanted(
        {"A-1": "conflict.minors", "A-2": "conflict.minors, conflict.people"}
        | _all("conflict.people", 3, 4)
    ),
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
        delivers = DELIVERED in wanted.assets.values()  # without an asset, `package` fails
        code = 2 if wanted.stop else 0 if delivers else 1
        found = [
            f"{name} ends with {ran.code}, not {code}: {ran.err}"
            for name, ran in (("check", self.checked), ("package", self.packaged))
            if ran.code != code
        ]
        if code != 2 and self.checked.json["steps"] != self.packaged.json["steps"]:
            found.append(
                f"check counts {self.checked.json['steps']}, package {self.packaged.json['steps']}"
            )
        if self.kept is not None and self.kept != self.checked.json["reading"]:
            found.append(f"check read {self.checked.json['reading']}, package {self.kept}")
        for ran in (self.checked, self.packaged):
            missing = [word for word in wanted.stop if word not in " ".join(ran.err.split())]
            if missing:
                found.append(f"the message does not have {missing}: {ran.err}")
        if self.outcomes != wanted.assets:
            found.append(f"the assets end as {self.outcomes}, not {wanted.assets}")
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
    out = scratch / "out"
    checked = check(folder, "--as-of", AS_OF, "--json")
    packaged = package(folder, out, "--json")
    decided = sorted(outcomes(out).items(), key=lambda item: (len(item[0]), item[0]))
    ends = {asset: ", ".join(reasons) or outcome for asset, (outcome, reasons) in decided}
    return CaseRun(checked, packaged, ends, _sizes(out), _reading(out))


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
