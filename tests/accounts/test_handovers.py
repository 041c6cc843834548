"""After any number of handovers, a first key's ledgers are opened, or refused if they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.accounts.deliveries import record_missing
from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import load_key, log_key, save_key
from pipelines.storage.open import open_store
from tests.accounts.outputs import SIGNER, publish
from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import in_process
from tests.ledger.ledger_cases import asset

KEY = "agency/signing.key"


def hand_over_twice(out: Path) -> None:
    """Makes an output whose first key is gone, and whose second is beside the third."""
    save_key(out / KEY, SIGNER)
    publish(open_store(str(out)), [asset(at, (("ada", 10_000),)) for at in range(3)])
    record_missing(open_store(str(out)), log_key(load_key(out / KEY), out / KEY))
    for number in (2, 3):
        (out / KEY).replace(out / f"{KEY}.previous")
        save_key(out / KEY, FileKey(SIGNER.name, bytes([number]) * 32))
        assert pay(out, number).code == 0


def pay(out: Path, day: int, *words: object) -> CommandResult:
    terms = ["--delivery", "acme/v0001", "--amount", "9.00", "--currency", "USD", "--source", "use"]
    terms += ["--agency-share", "0", "--period", "2026", "--name", f"use-{day}"]
    return in_process("pay", "--out", out, *terms, "--date", f"2026-12-{day:02d}", *words)


def pay_by_use(out: Path, day: int) -> CommandResult:
    """Shares revenue by the use of one asset, for which the ledger is read."""
    uses = out.parent / "use.csv"
    uses.write_text("asset_id,uses\nasset-1,3\n")
    return pay(out, day, "--use", uses)


def test_the_ledger_of_the_first_key_is_opened_without_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hand_over_twice(out)
    done = pay_by_use(out, 4)
    assert done.code == 0, done.err
    shared = in_process("share", "--out", out, "--deal", "acme", "--by", "contributor", "--json")
    assert shared.code == 0, shared.err
    replayed = in_process("replay", "--out", out)
    assert replayed.code == 0, replayed.out


@pytest.mark.slow
def test_without_kept_salts_it_is_refused_until_the_key_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As earlier releases handed over: their records have no salts."""
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.accounts.append.salts_to_keep", lambda *_: {})
        hand_over_twice(out)
    refused = pay_by_use(out, 4)
    assert refused.code == 1 and "<key file>.previous-1" in refused.err
    save_key(out / f"{KEY}.previous-1", SIGNER)
    done = pay_by_use(out, 4)
    assert done.code == 0, done.err
