"""Writes what a folder's media say as the tables of a catalogue.

Four files: `assets.jsonl`, which only a scan writes; `creators.csv`, in which a person says which
contributor each creator is; `contributors.csv` and `mapping.toml`, which are written once and then
belong to the person; and `scan.jsonl`, all that each file says.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.catalogue.identifiers import normalise_id
from pipelines.features.scanned import ScannedFile, asset_row
from pipelines.ledger.csv_cells import CSV_END, csv_cell, read_text
from schemas.errors import InputError

ASSETS, CREATORS, CONTRIBUTORS = "assets.jsonl", "creators.csv", "contributors.csv"
RECORD, MAPPING = "scan.jsonl", "mapping.toml"
_COLUMNS = ("creator", "files", "example", "contributor_id")
_MAPPING = f"""\
# Written once by `fairshard scan`; it is yours to change.
[files]
ignore = ["{RECORD}", "{CREATORS}"]

# No file says these. If one value holds for all of them, state it here and remove the #; otherwise
# give them in a second table: docs/agency-exports.md.
# [mapping.assets.constants]
# licence_model = "RF"          # RF or RM
# licence_class = "creative"    # creative or editorial
# status = "active"
"""


@dataclass(frozen=True)
class ScanResult:
    """What a scan found and wrote.

    Attributes:
        files: How many media there are.
        other: How many other files.
        with_value: By column of assets, how many media say it.
        creators: How many creators the media name.
        unconfirmed: The first creators that nobody has said who they are, with their files; "" is
            for all media that name no creator.
        unconfirmed_count: How many of these there are.
        not_listed: Confirmed contributors who are not in contributors.csv.
        conflicts: Media that contradict themselves: their names and what they say.
        problems: Media that could not be read as a whole: their names and why.
    """

    files: int
    other: int
    with_value: Mapping[str, int]
    creators: int
    unconfirmed: tuple[tuple[str, int], ...]
    unconfirmed_count: int
    not_listed: tuple[str, ...]
    conflicts: tuple[tuple[str, str], ...]
    problems: tuple[tuple[str, str], ...]


def write_catalogue(
    files: Sequence[ScannedFile], other: int, target: Path, most_named: int = 8
) -> ScanResult:
    """Writes the tables of a scan.

    Args:
        files: The media, in the order of their names.
        other: How many other files the folder has.
        target: The folder of the tables.
        most_named: How many creators to name that nobody has confirmed.

    Raises:
        InputError: If there is a table that a scan did not write, or `creators.csv` cannot be read.
    """
    check_target(target)
    confirmed = _read_creators(target / CREATORS)
    rows = [asset_row(file, confirmed) for file in files]
    counts = Counter(file.creator for file in files)  # "" for those that name nobody
    target.mkdir(parents=True, exist_ok=True)
    _write(target / RECORD, "".join(_line(_record(file)) for file in files))
    _write(target / ASSETS, "".join(_line(row) for row in rows))
    _write(target / CREATORS, _creators_csv(files, counts, confirmed))
    if not (target / MAPPING).exists():
        _write(target / MAPPING, _MAPPING)
    ids = _contributor_ids(confirmed.values())
    not_listed = _write_contributors(target / CONTRIBUTORS, ids, confirmed)
    unconfirmed = [(name, n) for name, n in counts.most_common() if not confirmed.get(name)]
    return ScanResult(
        len(files),
        other,
        dict(sorted(Counter(name for row in rows for name in row).items())),
        len(counts.keys() - {""}),
        tuple(unconfirmed[:most_named]),
        len(unconfirmed),
        not_listed,
        tuple((file.name, text) for file in files for text in file.conflicts),
        tuple((file.name, text) for file in files for text in file.problems),
    )


def check_target(target: Path) -> None:
    """Refuses a folder with a table of assets that a scan did not write.

    Raises:
        InputError: If there is one.
    """
    if (target / ASSETS).exists() and not (target / RECORD).exists():
        raise InputError(
            "The folder already has a catalogue that was not written by a scan",
            str(target / ASSETS),
            "Give another folder with --to.",
        )


def _record(file: ScannedFile) -> dict[str, object]:
    return {
        "file": file.name,
        "sha256": file.sha256,
        "said": file.said,
        "conflicts": file.conflicts,
        "problems": list(file.problems),
    }


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))


def _creators_csv(
    files: Sequence[ScannedFile], counts: Counter[str], confirmed: Mapping[str, str]
) -> str:
    """Returns the table of creators, the one with most files first; a byte order mark for Excel."""
    example: dict[str, str] = {}
    for file in files:
        example.setdefault(file.creator, file.name)
    lines = [",".join(_COLUMNS)]
    # Who is in no file any more stays, since a person wrote it.
    names = sorted({*counts, *confirmed}, key=lambda name: (-counts[name], name))
    for name in names:
        cells = (name, str(counts[name]), example.get(name, ""), confirmed.get(name, ""))
        lines.append(",".join(map(csv_cell, cells)))
    return "\ufeff" + CSV_END.join(lines) + CSV_END


def _read_creators(path: Path) -> dict[str, str]:
    """Reads who each creator is, as far as a person has said."""
    if not path.exists():
        return {}
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "The table of creators is not UTF-8", f"{path}: {error.reason}", "Save it as CSV UTF-8."
        ) from error
    separator = ";" if ";" in text.partition("\n")[0] else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = {"creator", "contributor_id"} - set(rows.fieldnames or ())
    if missing:
        raise InputError(
            "The table of creators lacks a column", f"{path}: {', '.join(sorted(missing))}",
            f"Keep its columns: {', '.join(_COLUMNS)}.",
        )  # fmt: skip
    found: dict[str, str] = {}
    for row in rows:
        name, who = _cell(row["creator"]), normalise_id(_cell(row["contributor_id"]))
        if not name and not who:
            continue  # an empty row, or nobody for the media that name nobody
        if found.setdefault(name, who) != who:
            raise InputError(
                "The table of creators lists a creator twice",
                f"{path}: {name!r} is {found[name]!r} and {who!r}",
                "Keep one row.",
            )
    return found


def _cell(text: str | None) -> str:
    try:
        return read_text((text or "").strip())
    except ValueError:
        return (text or "").strip()  # a person's own cell


def _contributor_ids(confirmed: Iterable[str]) -> list[str]:
    """Returns the contributors whom ids and splits name."""
    found: dict[str, None] = {}
    for text in confirmed:
        for item in text.split(";"):
            name = item.rpartition(":")[0] if ":" in item else item
            if name.strip():
                found[name.strip()] = None
    return list(found)


def _write_contributors(
    path: Path, ids: Sequence[str], confirmed: Mapping[str, str]
) -> tuple[str, ...]:
    """Writes the contributors once; later, returns those whom the table does not have."""
    if not path.exists():
        names = {who: creator for creator, who in sorted(confirmed.items(), reverse=True)}
        lines = ["contributor_id,display_name"]
        lines += [",".join(map(csv_cell, (who, names.get(who, "")))) for who in sorted(ids)]
        if ids:
            _write(path, CSV_END.join(lines) + CSV_END)
        return ()
    text = path.read_bytes().decode("utf-8-sig", "replace")
    separator = ";" if ";" in text.partition("\n")[0] else ","
    listed = {
        normalise_id(_cell(row.get("contributor_id")))
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    }
    return tuple(sorted(set(ids) - listed))
