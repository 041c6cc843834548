"""An in-memory DuckDB that reads no file and no network: rows come from the store, as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from schemas.errors import RunError

#: Most memory that one database uses.
MEMORY_LIMIT = "2GiB"


@contextmanager
def open_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a database and closes it at the end of the block.

    Raises:
        RunError: If a query in the block fails, as for lack of memory.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": 2,
        "temp_directory": "",  # otherwise `.tmp` in the working folder
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
    }
    database = duckdb.connect(":memory:", config=settings)
    try:
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        yield database
    except duckdb.Error as error:
        raise RunError(
            "The ledger could not be queried",
            str(error).strip().splitlines()[0][:300],
            f"The query may use {MEMORY_LIMIT} of memory; check the files with fairshard verify.",
        ) from error
    finally:
        database.close()
