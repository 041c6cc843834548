"""Rule 12, continued: texts of the catalogue that contain personal data."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import BoolArray, column, list_column
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import Rule
from pipelines.rights.rules.source import SENSITIVE
from pipelines.signals.file.contact_texts import holds_personal_data


def _holds_personal_data(batch: AssetBatch) -> BoolArray:
    """Where a title, description or keyword holds an e-mail address, phone number or by-line."""
    refused = np.zeros(len(batch), np.bool_)
    for found in _found_in(batch.assets).values():
        refused |= found
    return refused


def personal_texts(assets: pa.Table) -> Counter[str]:
    """Counts the assets whose texts hold an e-mail address, phone number or by-line, by column."""
    found = {f"assets.{name}": int(rows.sum()) for name, rows in _found_in(assets).items()}
    return +Counter(found)  # unary plus drops columns that count zero


def _found_in(assets: pa.Table) -> dict[str, BoolArray]:
    found: dict[str, BoolArray] = {}
    for name in ("title", "description"):
        found[name] = np.zeros(len(assets), np.bool_)
        found[name][holds_personal_data(column(assets, name))] = True
    keywords = list_column(column(assets, "keywords"))
    chosen = np.zeros(len(keywords.values), np.bool_)
    chosen[holds_personal_data(keywords.values)] = True
    return {**found, "keywords": keywords.any(chosen)}


RULES = (
    Rule(
        code="text.personal_data",
        topic=SENSITIVE,
        where=_holds_personal_data,
        applies=lambda deal: deal.rights.personal_data == "refuse",
        columns=("asset_id",),  # the texts would copy the personal data into other tables
        sentence="The title, description or keywords hold an e-mail address, a phone number or a "
        "by-line, which the deal does not accept.",
        source="assets.title, description, keywords",
        remedy='Remove it from the text, or use a deal with rights.personal_data = "none".',
        governed_by=("rights.personal_data",),
        travels=False,
    ),
)
