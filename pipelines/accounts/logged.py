"""Finds deliveries in the agency's log, so that a statement can show that its sums are recorded.

The log is read as anybody can read it who is given `agency/log/`: without a key and without the
books. Its checkpoint is signed by the key beside it, which the reader compares with the published
one.
"""

from __future__ import annotations

from functools import cached_property

from pipelines.accounts.log_checks import naming_log_damage, open_beside_key, read_log_file
from pipelines.accounts.published import PoolSums, Published
from pipelines.ledger.ed25519 import to_base64
from pipelines.ledger.merkle import leaf_hash
from pipelines.ledger.pool_sums import sum_fields
from pipelines.ledger.record import Kind, read_leaf
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.statements.account import LoggedSum
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError


class LoggedDeliveries:
    """The delivery records in an output's agency log, read on demand.

    Args:
        store: The output.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def record_of(self, published: Published, sums: PoolSums) -> LoggedSum | None:
        """Returns the record of a version's pool with its path to the log's checkpoint.

        Returns:
            None if the output has no agency log, or the log does not have the pool's sums: the
            version is not recorded yet, or was recorded before records had sums.

        Raises:
            RunError: If the log has other sums or another manifest for the version, or is damaged.
        """
        found = self._leaves.get(published.manifest.delivery)
        if found is None:
            return None
        index, leaf = found
        fields = read_leaf(leaf)
        stated = {name: fields.get(name) for name in sum_fields(sums.signed)}
        if stated == dict.fromkeys(stated):
            return None
        mine = sum_fields(sums.signed) | {"manifest_sha256": published.manifest_sha256}
        for name, value in mine.items():
            if fields.get(name) != value:
                raise RunError(
                    "A published version is not the one in the agency's log",
                    f"{published.manifest.delivery}: {name} is {value}; record {index} of the log "
                    f"says {fields.get(name)!a}",
                    "Restore the version from a copy. Nothing was written.",
                )
        with naming_log_damage():
            path = self._log.prove(leaf_hash(leaf), index)
        return LoggedSum(
            vkey=self._vkey,
            checkpoint=self._checkpoint,
            leaf=leaf.decode(),
            path=[to_base64(value) for value in path],
        )

    @cached_property
    def _leaves(self) -> dict[str, tuple[int, bytes]]:
        """The last record of each delivery."""
        if not self._store.exists(f"{layout.AGENCY_LOG}/{layout.CHECKPOINT}"):
            return {}
        found = {}
        for index in range(self._log.size):
            with naming_log_damage():
                leaf = self._log.leaf(index)
                fields = read_leaf(leaf)
            if fields["kind"] == Kind.DELIVERY:
                found[str(fields.get("delivery"))] = index, leaf
        return found

    @cached_property
    def _checkpoint(self) -> str:
        return self._read(layout.CHECKPOINT).decode("utf-8", "replace")

    @cached_property
    def _vkey(self) -> str:
        return self._read(layout.LOG_VKEY).decode("utf-8", "replace").strip()

    @cached_property
    def _log(self) -> PublishedLog:
        _, size, root = open_beside_key(self._checkpoint, self._vkey, self._store)
        return PublishedLog(size, root, self._read)

    def _read(self, path: str) -> bytes:
        return read_log_file(self._store, path)
