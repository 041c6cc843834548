"""An output with a log of five records, and the commands that work on it."""

from __future__ import annotations

from pathlib import Path

from pipelines.accounts.log import open_log
from pipelines.run.signing_key import save_key
from pipelines.storage.open import open_store
from tests.accounts.cases import SIGNER, key_of, note
from tests.accounts.outputs import publish
from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import in_process
from tests.ledger.ledger_cases import asset

ORIGIN = f"{SIGNER.name}/agency-log"


class Log:
    """An output with a log of five records, and its key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out, self.key = folder, folder / "out", folder / "agency.key"

    def add(self, *names: str) -> None:
        for name in names:
            log_key = key_of(self.folder / "agency.key.checkpoint")
            note(open_log(open_store(str(self.out)), log_key), name)

    @property
    def checkpoint(self) -> str:
        return (self.out / "agency/log/checkpoint").read_text()

    def run(self, *words: object) -> CommandResult:
        return in_process(*words, "--out", self.out, "--key", self.key)

    def witness(self, url: str, *words: object) -> CommandResult:
        return self.run("witness", "--url", url, *words)

    def prove(self) -> Path:
        proof = self.folder / "a.proof.json"
        done = self.run("prove", "--asset", "a-9", "--to", proof)
        assert done.code == 0, done.err
        return proof


def begin(folder: Path) -> None:
    """Makes an output with a delivery and three notices."""
    log = Log(folder)
    save_key(log.key, SIGNER)
    publish(open_store(str(log.out)), [asset(1, (("c-1", 10_000),))], "one")
    log.add("one", "two")
    log.prove()
    log.add("three")
    (folder / "agency.key.checkpoint").unlink()


def check(proof: Path, *words: object) -> CommandResult:
    return in_process("check-proof", proof, "--key", SIGNER.vkey, *words)
