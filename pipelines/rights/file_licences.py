"""Compares the licences that a file names with the catalogue's: rule 21 of docs/rights.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.rights.formatting import one_line, text_or
from pipelines.rights.spdx import licence_ids, licence_parts
from pipelines.signals.file.licence_names import EDITORIAL_ONLY, NON_COMMERCIAL
from schemas.reasons import Reason
from schemas.signal import AssertionKind, FileAssertion
from schemas.unit import ClearedRow

_VERSION = re.compile(r"-\d+(\.\d+)*(-[A-Z]{2,4}|-ONLY|-OR-LATER)?$")
_COUNTRY = re.compile(r"(?<=\d)-[A-Z]{2,4}$")


def licence_conflicts(
    row: ClearedRow, assertions: Sequence[FileAssertion]
) -> Iterator[tuple[Reason, str]]:
    """Every licence of the file that is not the catalogue's, with a note.

    The caller asks only where no signed agreement covers what the deal needs.
    """
    for assertion in assertions:
        if assertion.kind is AssertionKind.LICENCE and not _agrees(assertion.value, row):
            note = f"{assertion.where}={one_line(assertion.value)}"
            held = text_or(row["licence_code"], "none")
            yield Reason.CONFLICT_LICENCE, f"{note}, licence_code={held}"


def _agrees(named: str, row: ClearedRow) -> bool:
    if named == EDITORIAL_ONLY:
        return row["licence_class"] == "editorial"
    code = row["licence_code"] or ""
    if named == NON_COMMERCIAL:
        return bool((licence_parts(code) or frozenset()) & {"NC", "NCGL", "NONCOMMERCIAL"})
    ids = licence_ids(code) or frozenset()
    sought = named.upper()
    # A port to one country is the same licence; a name without a version means any version.
    return (
        bool({sought, _COUNTRY.sub("", sought)} & ({_COUNTRY.sub("", one) for one in ids} | ids))
        or (not _VERSION.search(sought) and sought in {_VERSION.sub("", one) for one in ids})
        or (named == "public-domain" and bool(ids & {"CC0-1.0", "CC-PDDC", "PDDL-1.0"}))
    )
