"""Reads from a version's own statements which country each contributor is from."""

from __future__ import annotations

import json

from pipelines.accounts.published import Published
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError


def read_countries(store: Store, published: Published) -> dict[str, str]:
    """Returns the country of each contributor as the catalogue had it; "" where it said nothing.

    Every statement of the version is read, one at a time.

    Raises:
        RunError: If a statement cannot be read.
    """
    found = {}
    prefix = f"{published.agency}/{layout.STATEMENTS}/"
    for item in store.list(prefix):
        if not item.key.endswith(".json"):
            continue
        try:
            statement = json.loads(store.read_bytes(item.key))
            found[str(statement["contributor_id"])] = str(statement.get("country") or "")
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                "A statement of the version cannot be read",
                f"{store.uri}/{item.key}",
                "Restore agency/statements/ of this version from a backup.",
            ) from error
    return found
