"""Counts the people whom releases name, whose names stand in no other table."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, values_of


def count_people(contributors: pa.Table, releases: pa.Table) -> dict[str, int]:
    """Counts the people whom releases name, apart from case and compatible characters.

    A release's own no holds for others of its subject, and a witness must be somebody else; both
    hang on two cells being equal, so that a name which is garbled changes a count.
    """
    subjects, witnesses = (
        _folded(releases, name).unique() for name in ("subject_ref", "witness_ref")
    )
    known = pa.concat_arrays([subjects, _folded(contributors, "contributor_id").unique()])
    met = values_of(pc.is_in(witnesses, value_set=known), bool)
    return {
        "subjects": len(subjects),
        "witnesses": len(witnesses),
        "witnesses_known_otherwise": sum(met),
    }


def _folded(table: pa.Table, name: str) -> Column:
    texts = table.column(name).cast(pa.string()).combine_chunks()
    normal = pc.call_function("utf8_normalize", [texts], pc.Utf8NormalizeOptions("NFKC"))
    lowered: Column = pc.utf8_lower(normal)
    return lowered.drop_null()
