"""Checks the agency's rulings on owners against the contributors table."""

from __future__ import annotations

import pyarrow as pa

from pipelines.catalogue.mapping_values import close_matches
from pipelines.rights.arrow import column
from pipelines.rights.formatting import one_line
from pipelines.storage.columns import values_of
from schemas.deal import Deal
from schemas.errors import InputError


def check_rulings(deal: Deal, contributors: pa.Table) -> None:
    """Checks that the owner that each ruling names is a contributor.

    Raises:
        InputError: Naming the first ruling whose owner is not in the table.
    """
    if not deal.rulings:
        return
    known = set(values_of(column(contributors, "contributor_id"), str))
    for ruling in deal.rulings:
        if ruling.owner not in known:
            similar = ", ".join(map(one_line, close_matches(ruling.owner, dict.fromkeys(known))))
            raise InputError(
                "A ruling names an owner who is not in the contributors table",
                f"rulings.owner = {one_line(ruling.owner)}, ref {one_line(ruling.ref)}",
                f"Is it one of {similar}?" if similar else "Give a contributor_id.",
            )
