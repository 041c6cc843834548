"""Gathers a contributor's lines over published versions, each checked before it is passed on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.period import Period
from pipelines.accounts.published import PoolSums, Published, read_sums
from pipelines.ledger.commitments import Domain, opens, text_value
from pipelines.ledger.ed25519 import to_base64
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.ledger.statement import Statement, statement_filename
from pipelines.ledger.sum_tree import check_sum, sum_leaf
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.statements.account import (
    Account,
    AccountDelivery,
    AccountLine,
    SumProof,
    make_account,
)
from pipelines.storage.store import Store
from pipelines.verify.statement import check_statement, read_statement
from schemas import layout
from schemas.errors import InputError, RunError


class PublishedAccounts:
    """The contributors' accounts in one published version, read on demand.

    A contributor's lines are in a file of their own, so that one statement reads nobody else's
    lines and takes no longer if the ledger is large.

    Args:
        store: The output.
        published: The version.
    """

    def __init__(self, store: Store, published: Published) -> None:
        self._store = store
        self._published = published

    @cached_property
    def sums(self) -> PoolSums:
        """The totals of all contributors."""
        return read_sums(self._store, self._published)

    def people(self) -> list[str]:
        """Returns the ids of all contributors."""
        return [str(person) for person in self.sums.table["contributor_id"].drop_null().to_pylist()]

    def delivery_of(self, contributor_id: str) -> AccountDelivery | None:
        """Returns a contributor's lines with their proofs; None if they have none here.

        Raises:
            RunError: If the statement is missing or does not agree with log and signed sum.
        """
        index = pc.index(self.sums.table["contributor_id"], pa.scalar(contributor_id)).as_py()
        if index is None or index < 0:
            return None
        statement = self._statement(contributor_id)
        manifest = self._published.manifest
        try:
            lines = self._prove(statement)
            total = self._prove_total(contributor_id, index, statement)
        except ProofError as error:
            raise RunError(
                "A contributor's statement does not agree with the ledger that was signed",
                f"{manifest.delivery}, contributor {contributor_id!a}: {error}"[:600],
                "Restore agency/ of this version from a backup.",
            ) from error
        return AccountDelivery(
            delivery=manifest.delivery,
            deal_id=self._published.deal_id,
            date=self._published.day.isoformat(),
            currency=statement["currency"],
            total_minor=statement["total_minor"],
            total=statement["total"],
            vkey=manifest.vkey,
            checkpoint=self._checkpoint,
            sum=total,
            lines=lines,
        )

    @cached_property
    def _checkpoint(self) -> str:
        return self._read(layout.CHECKPOINT).decode()

    @cached_property
    def _log(self) -> PublishedLog:
        ledger = self._published.manifest.ledger
        vkey = self._published.manifest.vkey
        _, size, root = open_checkpoint(self._checkpoint, vkey, ledger.origin)
        if (size, root.hex()) != (ledger.entries, ledger.root):
            raise RunError(
                "The checkpoint is not the one in the manifest",
                f"{self._store.uri}/{self._published.delivery}: {size} entries",
                "Run fairshard verify --repair on the delivery.",
            )
        return PublishedLog(size, root, self._read)

    def _read(self, path: str) -> bytes:
        key = f"{self._published.delivery}/{path}"
        try:
            return self._store.read_bytes(key)
        except FileNotFoundError as error:
            raise RunError(
                "A file of the delivery's log is missing",
                f"{self._store.uri}/{key}",
                "Run fairshard verify --repair on the delivery.",
            ) from error

    def _statement(self, contributor_id: str) -> Statement:
        """Reads the contributor's lines. Ids that differ in case alone have the longer names."""
        folder = f"{self._published.agency}/{layout.STATEMENTS}"
        for clash in (False, True):
            key = f"{folder}/{statement_filename(contributor_id, clash)}.json"
            try:
                found = read_statement(self._store.read_bytes(key).decode())
            except (FileNotFoundError, UnicodeDecodeError):
                continue
            if found["contributor_id"] == contributor_id:
                return found
        raise RunError(
            "A contributor has a total in the version but no statement",
            f"{self._store.uri}/{folder}, contributor {contributor_id!a}"[:600],
            "Restore agency/statements/ of this version from a backup.",
        )

    def _prove(self, statement: Statement) -> list[AccountLine]:
        """Checks each line, finds it in the log and returns it with its proof."""
        if statement["delivery"] != self._published.manifest.delivery:
            raise ProofError("the statement is of another delivery", statement["delivery"])
        check_statement(statement)
        lines = []
        for line in statement["lines"]:
            leaf, index = bytes.fromhex(line["leaf_hash"]), line["entry_index"]
            proof = [to_base64(value) for value in self._log.prove(leaf, index)]
            lines.append(AccountLine(**line, proof=proof))
        return lines

    def _prove_total(self, contributor_id: str, index: int, statement: Statement) -> SumProof:
        """Checks that the total is part of the pool and returns the proof."""
        sums = self.sums
        row = sums.table.slice(index, 1).to_pylist()[0]
        commitment, salt = str(row["commitment"]), bytes(row["salt"] or b"")
        if not opens(commitment, Domain.TOTAL, salt, text_value(contributor_id)):
            raise ProofError("the total's commitment is of another contributor", commitment)
        leaf = sum_leaf(statement["total_minor"], bytes.fromhex(commitment))
        path = sums.tree.path(index)
        check_sum(leaf, index, sums.signed.leaves, path, sums.signed.root)
        if statement["currency"] != sums.signed.currency:
            raise ProofError("the total is in another currency", statement["currency"])
        return SumProof(
            note=sums.note,
            salt=salt.hex(),
            index=index,
            path=[(str(node.minor), to_base64(node.hash)) for node in path],
        )


def contributor_account(
    accounts: Sequence[PublishedAccounts], contributor_id: str, period: Period
) -> Account:
    """Returns a contributor's statement over versions of the period.

    Args:
        accounts: The versions whose day is in the period, in order.
        contributor_id: The contributor.
        period: The period that the statement names.

    Raises:
        InputError: If the contributor has no line in them.
    """
    found = [item for one in accounts if (item := one.delivery_of(contributor_id)) is not None]
    if not found:
        raise InputError(
            "The contributor has no line in the period",
            f"{contributor_id!a} in {len(accounts)} deliveries of {period.name}"[:300],
            "Check the id and the period; a delivery's date is its run's as_of.",
        )
    first, last = (day.isoformat() if day else "" for day in (period.first, period.last))
    return make_account(contributor_id, first, last, found)
