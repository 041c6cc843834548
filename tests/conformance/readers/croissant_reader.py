"""Validates a delivery's croissant.json with mlcroissant and reads its record sets.

Argument: the families of each delivery's folder, as JSON. Runs where mlcroissant is installed.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import mlcroissant


def plain(value: Any) -> Any:
    """A value of a record as JSON has it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()[:10]  # of a day's first instant
    return value.item() if hasattr(value, "item") else value


def read(delivery: Path, families: list[str]) -> dict[str, Any]:
    data = mlcroissant.Dataset(jsonld=delivery / "croissant.json")
    issues = data.metadata.ctx.issues
    records = {
        family: [
            {name.partition("/")[2]: plain(value) for name, value in record.items()}
            for record in data.records(family)
        ]
        for family in families
    }
    return {
        "issues": sorted(issues.errors) + sorted(issues.warnings),
        "files": {file.id: file.sha256 for file in data.metadata.file_objects},
        "record_sets": [item.id for item in data.metadata.record_sets],
        "records": records,
    }


def main() -> None:
    deliveries = json.loads(sys.argv[1])
    json.dump(
        {folder: read(Path(folder), names) for folder, names in deliveries.items()}, sys.stdout
    )


if __name__ == "__main__":
    main()
