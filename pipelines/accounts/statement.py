"""Gathers a contributor's lines over published versions, each checked before it is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import pyarrow.compute as pc

from pipelines.accounts.logged import LoggedDeliveries
from pipelines.accounts.published import PoolSums, Published, read_sums
from pipelines.ledger.commitments import Domain, opens, text_value
from pipelines.ledger.ed25519 import NoteError, to_base64
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.ledger.statement_form import StatementLine, StatementV1
from pipelines.ledger.statement_names import possible_filenames
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.statements.account import (
    AccountDelivery,
    AccountLine,
    AccountPayee,
    LoggedSum,
    ReplacedTotal,
    SumProof,
)
from pipelines.storage.columns import text_scalar
from pipelines.storage.store import Store
from pipelines.verify.statement import check_statement, read_statement
from schemas import layout
from schemas.errors import RunError
from schemas.money import format_amount


class PublishedAccounts:
    """The contributors' accounts in one published version, read on demand.

    A contributor's lines are in a file of their own, so that one statement reads nobody else's
    lines and takes no longer if the ledger is large.

    Args:
        store: The output.
        published: The version.
        log: The deliveries in the agency's log.
        replaced: The version that it replaces, if any.
    """

    def __init__(
        self,
        store: Store,
        published: Published,
        log: LoggedDeliveries,
        replaced: PublishedAccounts | None = None,
    ) -> None:
        self._store = store
        self._agency_log = log
        self._replaced = replaced
        self._places: dict[str, int] | None = None  # of everybody, once everybody is asked for
        self._last_read: StatementV1 | None = None  # its lines and its payee are asked for
        self.published = published

    @cached_property
    def sums(self) -> PoolSums:
        """The totals of all contributors."""
        return read_sums(self._store, self.published)

    @cached_property
    def logged(self) -> LoggedSum | None:
        """The record of these totals in the agency's log."""
        return self._agency_log.record_of(self.published, self.sums)

    def people(self) -> set[str]:
        """Returns the ids of all contributors, of the replaced version as well."""
        before = self._replaced.people() if self._replaced else set()
        if self._places is None:
            ids = self.sums.table["contributor_id"].to_pylist()
            self._places = {str(person): at for at, person in enumerate(ids) if person is not None}
        return before | self._places.keys()

    def _place(self, contributor_id: str) -> int | None:
        """A contributor's position in the sum tree."""
        if self._places is not None:
            return self._places.get(contributor_id)
        found = pc.index(self.sums.table["contributor_id"], text_scalar(contributor_id)).as_py()
        return None if found < 0 else int(found)

    def delivery_of(self, contributor_id: str) -> AccountDelivery | None:
        """Returns a contributor's lines with their proofs; None if they have none here.

        Raises:
            RunError: If the statement is missing or does not agree with log and signed sum.
        """
        total, replaces = self.total_of(contributor_id), self._replaced_total(contributor_id)
        if total is None and (replaces is None or replaces["sum"] is None):
            return None
        minor, proof = total or (0, None)
        currency = self.sums.signed.currency
        credited = minor - (replaces["total_minor"] if replaces else 0)
        return AccountDelivery(
            delivery=self.published.manifest.delivery,
            deal_id=self.published.deal_id,
            date=self.published.day.isoformat(),
            currency=currency,
            total_minor=minor,
            total=format_amount(minor, currency),
            replaces=replaces,
            credited_minor=credited,
            credited=format_amount(credited, currency),
            vkey=self.published.manifest.vkey,
            checkpoint=self._checkpoint,
            sum=proof,
            logged=self.logged,
            lines=[] if total is None else self._lines(contributor_id, minor),
        )

    def payee_of(self, contributor_id: str) -> AccountPayee | None:
        """Returns the payee as this version's statement names them; None if they have no line."""
        if self._place(contributor_id) is None:
            return None
        said: Mapping[str, object] = self._statement(contributor_id)  # version 1 names no payee
        return AccountPayee(
            delivery=str(said["delivery"]),
            display_name=str(said.get("display_name", "")),
            country=str(said.get("country", "")),
            payee_currency=str(said.get("payee_currency", "")),
            payee_ref=str(said.get("payee_ref", "")),
        )

    def total_of(self, contributor_id: str) -> tuple[int, SumProof] | None:
        """Returns a contributor's total and its proof; None if they have no line."""
        sums = self.sums
        index = self._place(contributor_id)
        if index is None:
            return None
        row = sums.table.slice(index, 1).to_pylist()[0]
        salt = bytes(row["salt"] or b"")
        value = text_value(contributor_id)
        if not opens(str(row["commitment"]), Domain.TOTAL, salt, value):
            raise self._disagreement(contributor_id, "the total's salt does not open its leaf")
        # The tree was made from these leaves and has the signed root, so the path is sound.
        path = [(str(node.minor), to_base64(node.hash)) for node in sums.tree.path(index)]
        proof = SumProof(note=sums.note, salt=salt.hex(), index=index, path=path)
        return int(row["amount_minor"] or 0), proof

    def _replaced_total(self, contributor_id: str) -> ReplacedTotal | None:
        before = self._replaced
        if before is None:
            return None
        if before.sums.signed.currency != self.sums.signed.currency:
            raise self._disagreement(contributor_id, "the replaced version has another currency")
        minor, proof = before.total_of(contributor_id) or (0, None)
        return ReplacedTotal(
            delivery=before.published.manifest.delivery,
            total_minor=minor,
            total=format_amount(minor, self.sums.signed.currency),
            vkey=before.published.manifest.vkey,
            sum=proof,
            logged=before.logged,
        )

    def _lines(self, contributor_id: str, total_minor: int) -> list[AccountLine]:
        """Returns the contributor's lines, each checked and found in the log."""
        statement = self._statement(contributor_id)
        said = (statement["delivery"], statement["currency"], statement["total_minor"])
        wanted = (self.published.manifest.delivery, self.sums.signed.currency, total_minor)
        if said != wanted:
            raise self._disagreement(contributor_id, f"the statement says {said}, not {wanted}")
        try:
            check_statement(statement)
            return [
                AccountLine(**line, proof=[to_base64(value) for value in self._proof(line)])
                for line in statement["lines"]
            ]
        except ProofError as error:
            raise self._disagreement(contributor_id, str(error)) from error

    def _proof(self, line: StatementLine) -> list[bytes]:
        return self._log.prove(bytes.fromhex(line["leaf_hash"]), line["entry_index"])

    def _disagreement(self, contributor_id: str, what: str) -> RunError:
        return RunError(
            "A contributor's statement does not agree with the ledger that was signed",
            f"{self.published.manifest.delivery}, contributor {contributor_id!a}: {what}"[:600],
            "Restore agency/ of this version from a backup.",
        )

    @cached_property
    def _checkpoint(self) -> str:
        return self._read(layout.CHECKPOINT).decode("utf-8", "replace")

    @cached_property
    def _log(self) -> PublishedLog:
        ledger = self.published.manifest.ledger
        vkey = self.published.manifest.vkey
        try:
            _, size, root = open_checkpoint(self._checkpoint, vkey, ledger.origin)
        except NoteError as error:
            raise RunError(
                "The checkpoint of a delivery is damaged, or of another one",
                f"{self._store.uri}/{self.published.delivery}/{layout.CHECKPOINT}: {error.what}: "
                f"{error.which}",
                "Run fairshard verify --repair on the delivery.",
            ) from error
        if (size, root.hex()) != (ledger.entries, ledger.root):
            raise RunError(
                "The checkpoint is not the one in the manifest",
                f"{self._store.uri}/{self.published.delivery}: {size} entries",
                "Run fairshard verify --repair on the delivery.",
            )
        return PublishedLog(size, root, self._read)

    def _read(self, path: str) -> bytes:
        key = f"{self.published.delivery}/{path}"
        try:
            return self._store.read_bytes(key)
        except FileNotFoundError as error:
            raise RunError(
                "A file of the delivery's log is missing",
                f"{self._store.uri}/{key}",
                "Run fairshard verify --repair on the delivery.",
            ) from error

    def _statement(self, contributor_id: str) -> StatementV1:
        """Reads the contributor's statement of this version."""
        if self._last_read is not None and self._last_read["contributor_id"] == contributor_id:
            return self._last_read
        folder = f"{self.published.agency}/{layout.STATEMENTS}"
        for name in possible_filenames(contributor_id):
            key = f"{folder}/{name}.json"
            try:
                found = read_statement(self._store.read_bytes(key).decode())
            except (FileNotFoundError, UnicodeDecodeError):
                continue
            if found["contributor_id"] == contributor_id:
                self._last_read = found
                return found
        raise RunError(
            "A contributor has a total in the version but no statement",
            f"{self._store.uri}/{folder}, contributor {contributor_id!a}"[:600],
            "Restore agency/statements/ of this version from a backup.",
        )
