"""Makes proof files about assets, contributors and deliveries from the agency's log and books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.accounts.books import damaged_set
from pipelines.accounts.delivered_sets import set_commitment, set_salt
from pipelines.accounts.log import AgencyLog, require_records
from pipelines.ledger.agency_proof import (
    SUBJECTS,
    LoggedRecord,
    SetMembership,
    set_names,
    write_proof_file,
)
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.record import Kind, digest_of, integer_of, read_leaf, text_of
from pipelines.ledger.set_tree import check_set_proof
from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be proved.

    Attributes:
        subject: `asset`, `contributor` or `delivery`.
        identifier: Its id.
        delivery: The delivery that is asked about; empty for all so far.
    """

    subject: str
    identifier: str
    delivery: str = ""


def prove(log: AgencyLog, question: Question, cosigned: str = "") -> bytes:
    """Returns the proof file that answers a question, whichever way the answer is.

    Args:
        log: The agency's log.
        question: What is asked.
        cosigned: The log's checkpoint with cosignatures of witnesses, if it has any.

    Raises:
        InputError: If the delivery is not recorded.
        RunError: If the log has no records, or a set is missing.
    """
    require_records(log)
    checkpoint = cosigned or log.checkpoint
    keys = [_logged(log, index, leaf) for index, leaf in _hand_overs(log)]
    if question.subject == "delivery":
        index, leaf = _find_delivery(log, question.identifier)
        logged = _logged(log, index, leaf)
        return write_proof_file("delivery", question.identifier, logged, checkpoint, None, keys)
    own, every = set_names(question.subject)
    if question.delivery:
        name, (index, leaf) = own, _find_delivery(log, question.delivery)
    else:
        name, index = every, log.size - 1
        leaf = log.leaf(index)
    membership = _membership(log, question, name, leaf)
    logged = _logged(log, index, leaf)
    return write_proof_file(
        question.subject, question.identifier, logged, checkpoint, membership, keys
    )


def _membership(
    log: AgencyLog, question: Question, name: str, leaf: dict[str, object]
) -> SetMembership:
    domain = SUBJECTS[question.subject]
    if domain is None:
        raise ValueError(f"{question.subject} has no commitment")
    salt = log.salt
    root, size = digest_of(leaf, f"{name}_root").hex(), integer_of(leaf, name)
    held = log.books.open_set(root, size)
    commitment = set_commitment(salt, domain, question.identifier)
    proof = held.prove(commitment)
    try:
        check_set_proof(proof, commitment, size, bytes.fromhex(root))
    except ProofError as error:
        raise damaged_set(root, error.what) from error
    return SetMembership(name, set_salt(salt, domain, question.identifier), proof)


def _logged(log: AgencyLog, index: int, leaf: dict[str, object]) -> LoggedRecord:
    return LoggedRecord(leaf, tuple(log.published().path(index)))


def _find_delivery(log: AgencyLog, delivery: str) -> tuple[int, dict[str, object]]:
    """Returns index and leaf of a delivery's last record."""
    known = []
    published = log.published()
    for index in range(log.size - 1, -1, -1):
        leaf = read_leaf(published.leaf(index))  # proved below, if it is the one
        if leaf["kind"] == Kind.DELIVERY:
            if text_of(leaf, "delivery") == delivery:
                return index, log.leaf(index)
            known.append(text_of(leaf, "delivery"))
    raise InputError(
        "The agency's log has no such delivery",
        delivery,
        f"It has {', '.join(known[:5]) or 'none'}{' and others' if len(known) > 5 else ''}.",
    )


def _hand_overs(log: AgencyLog) -> Iterator[tuple[int, dict[str, object]]]:
    """Yields the key records after the first, if another key than today's began the log."""
    if log.vkey == log.leaf(0).get("vkey"):
        return
    for index in range(1, log.size):
        leaf = log.leaf(index)
        if leaf["kind"] == Kind.KEY:
            yield index, leaf
