"""An output with deliveries of three deals, and statements made from it."""

from __future__ import annotations

import io
import json
import random
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from pipelines.cli import main
from pipelines.storage.open import open_store
from tests.accounts.outputs import publish
from tests.ledger.ledger_cases import DeliveredAsset, asset, delivery

WHO = "person-3"
#: Ids that try to be something else: markup, a formula, reversed text, a script's end, very long.
HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    '"><svg onload=window.hacked=1>',
    '=HYPERLINK("http://example.com","x")',
    "\u202egpj.eman",
    "a\u0000b\r\nc\td\u0085e\u2028f",
    "&lt;b&gt;&#0;<!--",
    "x" * 10_000,
    "العربية 日本語 \U0001f600",
    "../../etc/passwd",
]


def make_output(folder: Path) -> None:
    """Publishes acme (USD, June), beta (JPY, July), gamma (USD, September) and odd ids."""
    store = open_store(str(folder))
    publish(store, delivery(random.Random(1), 12, 90))
    july = "2026-07-15T12:00:00+00:00"
    publish(
        store, delivery(random.Random(2), 8, 40), "beta", as_of=july, currency="JPY", share="0.5"
    )
    # In UTC this is the last day of September.
    late = "2026-10-01T01:30:00+02:00"
    publish(store, delivery(random.Random(3), 5, 20), "gamma", as_of=late, pool_minor=77_777)
    publish(store, odd_assets(), "odd", as_of="2025-01-31T00:00:00+00:00")


def make_versions(folder: Path) -> None:
    """Publishes two versions of a deal, the second in place of the first, with the same pool."""
    store, late = open_store(str(folder)), "2026-08-20T12:00:00+00:00"
    rows = [asset(number, (("stays", 10_000),)) for number in range(3)]
    publish(store, [*rows, asset(3, (("leaves", 10_000),))], "delta", pool_minor=10_000)
    more = [asset(number, (("joins", 10_000),)) for number in (4, 5)]
    publish(store, [*rows, *more], "delta", "v0002", as_of=late, pool_minor=10_000)
    record = json.dumps({"version": "fairshard/replaces/v1", "replaces": "delta/v0001"})
    store.write_bytes("delta/v0002/agency/pool/replaces.json", record.encode())


def odd_assets() -> list[DeliveredAsset]:
    rows = []
    for number, name in enumerate(HOSTILE):
        row = asset(number, ((name, 6_000), ("person-odd", 4_000)))
        rows.append(DeliveredAsset(**{**_fields(row), "asset_id": f"{name}-{number}"}))
    return rows


def _fields(row: DeliveredAsset) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def run(*words: object) -> tuple[int, str, str]:
    """Runs `fairshard statement` in this process."""
    said, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(errors):
        code = main(["statement", *map(str, words)])
    return code, said.getvalue(), errors.getvalue()


def statement(output: Path, target: Path, *words: object) -> Any:
    """Makes one contributor's statement and returns its record."""
    code, said, errors = run("--out", output, "--to", target, "--json", "--quiet", *words)
    assert code == 0, errors
    (written,) = json.loads(said)["statements"]
    return json.loads((target / f"{written['file']}.json").read_text(encoding="utf-8"))
