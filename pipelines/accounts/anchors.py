"""Anchors the log's newest checkpoint in time, and stores the evidence beside the log."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.post import PostError, post
from pipelines.ledger.anchor import Anchor, Anchored
from pipelines.ledger.signed_note import bare_note
from pipelines.ledger.timestamp import check_timestamp, timestamp_request
from pipelines.storage.store import Store
from schemas import layout

_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


class TimestampAuthority:
    """An RFC 3161 timestamping authority.

    Args:
        url: Its address.
        trusted: The root certificates that vouch for it.
        timeout_s: How long a request may take.
    """

    suffix = ".tsr"

    def __init__(
        self, url: str, trusted: Sequence[x509.Certificate], timeout_s: float = 30.0
    ) -> None:
        self._url = url
        self._trusted = trusted
        self._timeout_s = timeout_s

    def obtain(self, checkpoint: bytes) -> bytes:
        """See `Anchor.obtain`.

        Raises:
            PostError: If the authority cannot be reached or answers something else.
            AnchorError: If its timestamp is not valid.
        """
        request, nonce = timestamp_request(checkpoint)
        answer = post(self._url, request, _QUERY, self._timeout_s)
        if answer.status != 200 or answer.content_type != _REPLY:
            raise PostError(
                "The timestamping authority gives no timestamp",
                f"{self._url}: {answer.shown()}, of type {answer.content_type!a}"[:300],
                "Check the address, and try again later.",
            )
        check_timestamp(checkpoint, answer.body, self._trusted, nonce)
        return answer.body

    def check(self, checkpoint: bytes, evidence: bytes) -> Anchored:
        """See `Anchor.check`."""
        return check_timestamp(checkpoint, evidence, self._trusted)


def anchor_checkpoint(log: AgencyLog, store: Store, anchor: Anchor) -> tuple[str, Anchored, bool]:
    """Anchors the newest checkpoint, or returns the anchor that is stored.

    Args:
        log: The agency's log, with records.
        store: The output.
        anchor: Who is asked.

    Returns:
        Where the evidence is stored in the output, what it shows, and whether it was made now.

    Raises:
        AnchorError: If the evidence that is stored or was obtained is not valid.
        RunError: If the party cannot be reached.
    """
    checkpoint = bare_note(log.checkpoint, log.vkey).encode()
    key = anchor_key(log.size, anchor.suffix)
    try:
        return key, anchor.check(checkpoint, store.read_bytes(key)), False
    except FileNotFoundError:
        evidence = anchor.obtain(checkpoint)
    anchored = anchor.check(checkpoint, evidence)
    store.write_bytes(key, evidence)
    return key, anchored, True


def anchor_key(size: int, suffix: str) -> str:
    """Returns where the evidence about a checkpoint of a size is stored."""
    return f"{layout.AGENCY_LOG}/anchors/{size}{suffix}"
