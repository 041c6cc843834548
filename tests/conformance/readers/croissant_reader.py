"""Validates a delivery's croissant.json with mlcroissant and reads its record sets.

Arguments: the delivery's folder and the families. Runs where mlcroissant is installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mlcroissant


def plain(value: Any) -> Any:
    """A value of a record as JSON has it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def main() -> None:
    delivery, families = Path(sys.argv[1]), sys.argv[2:]
    data = mlcroissant.Dataset(jsonld=delivery / "croissant.json")
    issues = data.metadata.ctx.issues
    records = {
        family: [
            {name.partition("/")[2]: plain(value) for name, value in record.items()}
            for record in data.records(family)
        ]
        for family in families
    }
    told = {
        "issues": sorted(issues.errors) + sorted(issues.warnings),
        "files": {file.id: file.sha256 for file in data.metadata.file_objects},
        "record_sets": [item.id for item in data.metadata.record_sets],
        "records": records,
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
