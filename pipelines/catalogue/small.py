"""The small tables: contributors, consents and releases, read whole and held to their rules."""

from __future__ import annotations

import pyarrow as pa

from pipelines.catalogue.gate import check_table
from pipelines.catalogue.read import Catalogue, read_table

_NAMES = ("contributors", "consents", "releases")


def read_small_tables(catalogue: Catalogue) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Contributors, consents and releases.

    Raises:
        InputError: If a row cannot be read or breaks a rule that stops. A lost row here could be
            a lost withdrawal, so none is diverted.
    """
    tables = {name: read_table(catalogue, name) for name in _NAMES}
    for name, table in tables.items():
        check_table(table, name)
    return tables["contributors"], tables["consents"], tables["releases"]
