"""Takes buyers' replies to notices: acknowledgements, and certificates that data was deleted.

A reply is signed by the buyer, as a DSSE envelope or a signed note, and has the form of
`schemas.notice.Reply` in canonical JSON. A certificate says that data was deleted. It says nothing
of what a model has learned from it.

The checks, numbered in the code: 1. the buyer's key signed it, and its form is right; 2. it names
notices that were sent, by their digests, and was signed between their day and the day on which it
is recorded; 3. the key is the one by which the buyer of these deals answered before, unless it is
replaced on purpose. What a certificate must say besides is in `pipelines.removal.certificates`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field

from pydantic import ValidationError

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import RecordedNotice, recorded_notices
from pipelines.ledger.dsse import open_envelope
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.record import AllSets, Kind, Record, read_canonical
from pipelines.ledger.signed_note import NoteError, open_note, parse_vkey
from pipelines.removal.buyer_keys import check_key
from pipelines.removal.certificates import REFUSED, ReplyError, check_certificate
from pipelines.storage.store import Store
from schemas.canonical import canonical_json
from schemas.notice import REPLY_TYPE, Reply


@dataclass(frozen=True)
class BuyerKey:
    """The key that signed a reply.

    Attributes:
        vkey: The buyer's verifier key, which must be known from elsewhere than the reply.
        replaces: Whether it replaces the key by which this buyer answered before.
    """

    vkey: str
    replaces: bool = False


@dataclass(frozen=True)
class AcceptedReply:
    """A reply that is recorded.

    Attributes:
        record: Its record.
        reply: The reply.
        is_new: Whether it was recorded now.
        deals: The deals of the notices that it answers.
        first: Those of them whose buyer had not answered before, and whose key is now known.
        replaced: The key that was replaced, or "".
    """

    record: Record
    reply: Reply
    is_new: bool
    deals: tuple[str, ...]
    first: tuple[str, ...] = field(default=())
    replaced: str = ""


def accept_reply(
    log: AgencyLog,
    store: Store,
    data: bytes,
    key: BuyerKey,
    recorded_at: str,
    secrets: Collection[Opener] = (),
) -> AcceptedReply:
    """Checks a buyer's reply and records it, once.

    The same reply by the same key is the same event, in whatever envelope it comes.

    Args:
        log: The agency's log.
        store: The output.
        data: The reply's bytes.
        key: The buyer's key.
        recorded_at: ISO 8601 instant.
        secrets: The agency's secrets and the salts that its books keep, by which ledgers are
            checked.

    Raises:
        ReplyError: If the reply is not valid; it says which check failed.
        RunError: If the log is not as it was, or a version's ledger cannot be checked.
        InputError: If the buyer's key is malformed, is not the one that the deal's buyer has used
            so far, or is to replace one and there is none.
    """
    reply = read_reply(data, key.vkey)
    notices = _named_notices(log, reply)
    deals = tuple(sorted({one.deal_id for one in notices}))
    payload = hashlib.sha256(canonical_json(reply.model_dump(mode="json"))).hexdigest()
    event = ("acknowledgement", payload, key.vkey)
    known = log.books.index_of(event)
    if known is not None and known < log.size:  # whatever key was used since
        return AcceptedReply(log.record(known), reply, False, deals)
    _check_day(reply, recorded_at)
    if reply.kind == "certificate":
        check_certificate(log, store, reply, notices, secrets)
    else:
        _check_acknowledgement(reply)
    digest = log.books.write_document(data)
    created: list[int] = []
    first: tuple[str, ...] = ()
    replaced = ""

    def make(index: int, sets: AllSets) -> NewRecord:
        nonlocal first, replaced
        first, replaced = check_key(log, deals, key.vkey, key.replaces)  # 3
        return _new_record(reply, digest, key.vkey, replaced, sets)

    record = append_record(log, Kind.ACKNOWLEDGEMENT, event, recorded_at, make, created.append)
    return AcceptedReply(record, reply, record.index in created, deals, first, replaced)


def _new_record(
    reply: Reply, digest: str, vkey: str, replaced_vkey: str, sets: AllSets
) -> NewRecord:
    """Returns the content of a reply's record; a reply delivers nothing."""
    public = {
        "reply": reply.kind,
        "reply_sha256": digest,
        "notices": sorted({one.notice for one in reply.notices}),
    }
    private = {"signer": reply.signer, "signed_at": reply.signed_at, "vkey": vkey}
    if replaced_vkey:
        private["replaces_vkey"] = replaced_vkey
    return NewRecord(public, private, sets)


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
            "The reply is not signed by the buyer's key, or is malformed",
            str(error)[:300],
            REFUSED,
        ) from error
    try:
        return Reply.model_validate(body)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        where = ".".join(map(str, first["loc"]))
        raise ReplyError(
            "The reply is malformed", f"{where}: {first['msg']}"[:200], REFUSED
        ) from error


def _check_day(reply: Reply, recorded_at: str) -> None:
    if reply.signed_at > recorded_at[:10]:  # 2
        raise ReplyError(
            "The reply was signed after the day on which it is to be recorded",
            f"signed on {reply.signed_at}, --as-of {recorded_at[:10]}",
            REFUSED,
        )


def _check_acknowledgement(reply: Reply) -> None:
    if reply.scope or reply.shards:
        raise ReplyError(
            "An acknowledgement says that something was deleted",
            ", ".join([*reply.scope, *(shard.name for shard in reply.shards)])[:200],
            REFUSED,
        )


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
                "The reply names a notice that was never sent", ascii(named.notice[:80]), REFUSED
            )
        notice = known[named.notice]
        if named.sha256 != notice.sha256:
            raise ReplyError(
                "The reply names a notice with another digest",
                f"{named.notice}: {named.sha256}, the notice has {notice.sha256}",
                REFUSED,
            )
        if reply.signed_at < notice.record.recorded_at[:10]:
            raise ReplyError(
                "The reply is older than the notice",
                f"signed on {reply.signed_at}, {named.notice} is of "
                f"{notice.record.recorded_at[:10]}",
                REFUSED,
            )
    return [known[name] for name in dict.fromkeys(named.notice for named in reply.notices)]
