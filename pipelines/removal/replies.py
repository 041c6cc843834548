"""Takes buyers' replies to notices: acknowledgements, and certificates that data was deleted.

A reply is signed by the buyer, as a DSSE envelope or a signed note, and has the form of
`schemas.notice.Reply` in canonical JSON. A certificate says that data was deleted. It says nothing
of what a model has learned from it.

The checks, numbered in the code: 1. the buyer's key signed it, and its form is right; 2. it names
notices that were sent, by their digests, and is not older than they are; a certificate also:
3. covers everything that must be deleted; 4. names every shard that the notices name; 5. and what
replaces it is a shard of a later version without the samples, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.published import find_versions
from pipelines.accounts.removals import RecordedNotice, recorded_notices
from pipelines.format.notice import open_notice
from pipelines.format.tar_comparison import REMOVED
from pipelines.ledger.dsse import open_envelope
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.record import AllSets, Kind, Record, read_canonical
from pipelines.ledger.signed_note import NoteError, open_note, parse_vkey
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.notice import REPLY_TYPE, Notice, Reply

_REFUSED = "Nothing was recorded. Ask the buyer for a corrected reply."
_MAX_NAMED = 3


class ReplyError(RunError):
    """Raised when a buyer's reply is forged, or does not answer the notices that it names."""


@dataclass(frozen=True)
class AcceptedReply:
    """A reply that is recorded.

    Attributes:
        record: Its record.
        reply: The reply.
        is_new: Whether it was recorded now.
    """

    record: Record
    reply: Reply
    is_new: bool


def accept_reply(
    log: AgencyLog, store: Store, data: bytes, buyer_vkey: str, recorded_at: str
) -> AcceptedReply:
    """Checks a buyer's reply and records it, once.

    Args:
        log: The agency's log.
        store: The output.
        data: The reply's bytes.
        buyer_vkey: The buyer's verifier key, which must be known from elsewhere than the reply.
        recorded_at: ISO 8601 instant.

    Raises:
        ReplyError: If the reply is not valid; it says which check failed.
        RunError: If the log is not as it was.
        InputError: If the buyer's key is malformed.
    """
    reply = read_reply(data, buyer_vkey)
    notices = _named_notices(log, reply)
    if reply.kind == "certificate":
        _check_certificate(store, reply, [_sent(log, one) for one in notices])
    elif reply.scope or reply.shards:
        raise ReplyError(
            "An acknowledgement says that something was deleted",
            ", ".join([*reply.scope, *(shard.name for shard in reply.shards)])[:200],
            _REFUSED,
        )
    digest = log.books.write_document(data)
    created: list[int] = []

    def make(index: int, sets: AllSets) -> NewRecord:
        public = {
            "reply": reply.kind,
            "reply_sha256": digest,
            "notices": sorted({one.notice for one in reply.notices}),
        }
        private = {"signer": reply.signer, "signed_at": reply.signed_at, "vkey": buyer_vkey}
        return NewRecord(public, private, sets)

    event = ("acknowledgement", digest)
    record = append_record(log, Kind.ACKNOWLEDGEMENT, event, recorded_at, make, created.append)
    return AcceptedReply(record, reply, record.index in created)


def read_reply(data: bytes, buyer_vkey: str) -> Reply:
    """Reads a signed reply: a DSSE envelope, or a signed note whose text is the reply's JSON.

    Raises:
        ReplyError: If it is not signed by the key, or not a reply in its canonical form.
        InputError: If the key is malformed.
    """
    verifier = parse_vkey(buyer_vkey)
    try:  # 1
        if _is_envelope(data):
            body = open_envelope(data, buyer_vkey, REPLY_TYPE)
        else:
            text = open_note(data.decode("utf-8", "replace"), verifier)
            body = read_canonical(text.removesuffix("\n").encode(), "the reply")
    except (NoteError, ProofError) as error:
        raise ReplyError(
            "The reply is not signed by the buyer's key, or is not in its form",
            str(error)[:300],
            _REFUSED,
        ) from error
    try:
        return Reply.model_validate(body)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        where = ".".join(map(str, first["loc"]))
        raise ReplyError(
            "The reply does not have the form of one", f"{where}: {first['msg']}"[:200], _REFUSED
        ) from error


def _is_envelope(data: bytes) -> bool:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "payloadType" in found


def _named_notices(log: AgencyLog, reply: Reply) -> list[RecordedNotice]:
    """Returns the notices that a reply names."""
    known = {one.notice_id: one for one in recorded_notices(log)}
    for named in reply.notices:  # 2
        if named.notice not in known:
            raise ReplyError(
                "The reply names a notice that was never sent", ascii(named.notice[:80]), _REFUSED
            )
        notice = known[named.notice]
        if named.sha256 != notice.sha256:
            raise ReplyError(
                "The reply names a notice with another digest",
                f"{named.notice}: {named.sha256}, the notice has {notice.sha256}",
                _REFUSED,
            )
        if reply.signed_at < notice.record.recorded_at[:10]:
            raise ReplyError(
                "The reply is older than the notice",
                f"signed on {reply.signed_at}, {named.notice} is of "
                f"{notice.record.recorded_at[:10]}",
                _REFUSED,
            )
    return [known[name] for name in dict.fromkeys(named.notice for named in reply.notices)]


def _sent(log: AgencyLog, notice: RecordedNotice) -> Notice:
    return open_notice(log.books.read_document(notice.sha256))


def _check_certificate(store: Store, reply: Reply, notices: Sequence[Notice]) -> None:
    """Checks a certificate against the notices and the versions that were published since."""
    missing = sorted({part for one in notices for part in one.scope} - set(reply.scope))
    if missing:  # 3
        raise ReplyError(
            "The certificate does not cover everything that must be deleted",
            f"scope without {', '.join(missing)}",
            _REFUSED,
        )
    named = {shard.sha256: shard for shard in reply.shards}
    wanted = {
        shard.sha256: shard.name
        for notice in notices
        for delivery in notice.deliveries
        for shard in delivery.shards
    }
    left_out = sorted(wanted[digest] for digest in wanted.keys() - named.keys())
    if left_out:  # 4
        more = f" and {len(left_out) - _MAX_NAMED} more" if len(left_out) > _MAX_NAMED else ""
        raise ReplyError(
            "The certificate leaves out a shard that a notice names",
            f"{', '.join(left_out[:_MAX_NAMED])}{more}",
            _REFUSED,
        )
    published = _shards_of(store, {notice.deal_id for notice in notices})
    removed = {
        sample.asset
        for notice in notices
        for delivery in notice.deliveries
        for shard in delivery.shards
        for sample in shard.samples
    }
    for digest, shard in named.items():  # 5
        if digest not in wanted:
            raise ReplyError(
                "The certificate names a shard that no notice names",
                f"{shard.name[:80]!a}, sha256 {digest}",
                _REFUSED,
            )
        new = shard.replacement_sha256
        why = ""
        if new is not None and new not in published and new not in wanted:
            why = "is no shard of a published version"
        elif new is not None and (new in wanted or removed & _assets_in(store, *published[new])):
            why = "still has the samples"
        if why:
            raise ReplyError(
                "The certificate names a replacement that cannot be one",
                f"{shard.name[:80]}: sha256 {new} {why}",
                _REFUSED,
            )


def _assets_in(store: Store, delivery: str, shard: str) -> set[str]:
    """Returns the commitments of the assets of a shard, as its delivery's table names them."""
    table = read_parquet(store, f"{delivery}/{layout.shard_table_path(shard)}", ["asset", "status"])
    table = table.filter(pc.not_equal(table["status"], pa.scalar(REMOVED)))
    return set(values_of(table["asset"], str))


def _shards_of(store: Store, deals: set[str]) -> dict[str, tuple[str, str]]:
    """Returns the shards of deals' published versions by digest: delivery's folder, and name."""
    try:
        versions = [one for deal in sorted(deals) for one in find_versions(store, deal)]
    except InputError:
        return {}
    return {
        shard.sha256: (one.delivery, shard.name)
        for one in versions
        for shard in one.manifest.shards
    }
