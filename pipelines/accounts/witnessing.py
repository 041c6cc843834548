"""Asks witnesses to cosign the log's newest checkpoint, by the protocol C2SP tlog-witness.

The network is used for the addresses that the user named, and for nothing else. Cosignatures are
stored in the output beside the log, as the checkpoint with their lines.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.post import Answer, PostError, check_url, post
from pipelines.ledger.cosignature import Cosignature, read_cosignatures
from pipelines.ledger.ed25519 import NoteError, Verifier, to_base64
from pipelines.ledger.signed_note import bare_note, open_checkpoint, parse_signature, split_note
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError

_ATTEMPTS = 3  # another process may submit a checkpoint between a refusal and the next attempt
_CLOCK_TOLERANCE_S = 3_600
_SIZE_LINE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_REFUSALS = {
    400: "It finds the request malformed",
    403: "It does not accept the key that signed the checkpoint: tell its operator the new key",
    404: "It does not know this log: tell its operator the log's origin and key",
}


class WitnessError(RunError):
    """Raised when a witness does not cosign a checkpoint, or answers something else."""


@dataclass(frozen=True)
class Witnessed:
    """What became of a request to witnesses.

    Attributes:
        size: Number of records of the checkpoint.
        root: Its root, hex.
        cosignatures: All that are stored with it by the given keys.
        failures: Why a witness did not cosign, by its address.
        key: Where the cosigned checkpoint is stored in the output; empty if it is not.
    """

    size: int
    root: str
    cosignatures: list[Cosignature]
    failures: Mapping[str, RunError]
    key: str


def witness_checkpoint(
    log: AgencyLog,
    store: Store,
    urls: Sequence[str],
    witnesses: Sequence[Verifier],
    timeout_s: float,
) -> Witnessed:
    """Has the newest checkpoint cosigned, and stores the cosignatures that came.

    Args:
        log: The agency's log, with records.
        store: The output.
        urls: Addresses of witnesses, as their operators give them, without `/add-checkpoint`.
        witnesses: Their keys; a cosignature by another key is ignored.
        timeout_s: How long one request may take.

    Raises:
        InputError: If an address is malformed.
        RunError: If the log or the cosignatures stored with it are damaged.
    """
    for url in urls:
        check_url(url)
    stored = cosigned_checkpoint(log, store)
    note = bare_note(log.checkpoint, log.vkey)
    lines = {one.witness: one.line for one in read_cosignatures(stored or note, witnesses)}
    failures: dict[str, RunError] = {}
    for url in urls:
        try:
            found = _ask(log, note, url, witnesses, timeout_s)
        except (PostError, WitnessError) as error:
            failures[url] = error
            continue
        lines |= {one.witness: one.line for one in found}
    cosigned = _with_lines(stored or note, lines)
    key = cosigned_key(log.size)
    if cosigned not in (stored, note):
        store.write_bytes(key, cosigned.encode())
    return Witnessed(
        log.size,
        log.root.hex(),
        read_cosignatures(cosigned, witnesses),
        failures,
        key if cosigned != note else "",
    )


def cosigned_key(size: int) -> str:
    """Returns where the cosigned checkpoint of a size is stored."""
    return f"{layout.AGENCY_LOG}/cosigned/{size}"


def cosigned_checkpoint(log: AgencyLog, store: Store) -> str:
    """Returns the log's newest checkpoint with its cosignatures; "" if there are none.

    Raises:
        RunError: If what is stored is not the log's checkpoint.
    """
    key = cosigned_key(log.size)
    try:
        text = store.read_bytes(key).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    try:
        same = open_checkpoint(text, log.vkey) == open_checkpoint(log.checkpoint, log.vkey)
    except NoteError:
        same = False
    if not same:
        raise RunError(
            "The cosigned checkpoint is not that of the agency's log",
            f"{store.uri}/{key}; the log has {log.size} records and the root {log.root.hex()}",
            "If the log is as it should be, remove that file and run `fairshard witness` again. "
            "Otherwise the log was forked: restore it from a copy.",
        )
    return text


def _ask(
    log: AgencyLog, note: str, url: str, witnesses: Sequence[Verifier], timeout_s: float
) -> list[Cosignature]:
    """Returns a witness's cosignatures on the log's checkpoint."""
    old_size = 0
    for _ in range(_ATTEMPTS):
        proof = log.published().consistency(old_size) if old_size else []
        body = "".join(
            [f"old {old_size}\n", *(f"{to_base64(value)}\n" for value in proof), "\n", note]
        )
        address = f"{url.rstrip('/')}/add-checkpoint"
        answer = post(address, body.encode(), "text/plain; charset=utf-8", timeout_s)
        if answer.status == 200:
            return _read_answer(note, answer, url, witnesses)
        if answer.status != 409:
            raise _refused(log, url, answer, old_size)
        old_size = _size_of_conflict(log, url, answer, old_size)
    raise WitnessError(
        "The witness states a different size each time",
        f"{url}: now {old_size}",
        "Run again later.",
    )


def _size_of_conflict(log: AgencyLog, url: str, answer: Answer, old_size: int) -> int:
    """Returns the size that a witness says it has seen."""
    found = _SIZE_LINE.fullmatch(answer.body)
    if found is None or int(found[1]) == old_size:
        raise WitnessError("The witness's answer is not valid", f"{url}: {answer.shown()}")
    seen = int(found[1])
    if seen > log.size:
        raise WitnessError(
            "The witness has seen more records of this log",
            f"{url}: {seen}; {log.checkpoint.splitlines()[0]} has {log.size} here",
            "Unless another process has just appended to it, the log was rolled back or forked. "
            "Restore agency/log and agency/books from a copy.",
        )
    return seen


def _refused(log: AgencyLog, url: str, answer: Answer, old_size: int) -> WitnessError:
    if answer.status == 422:
        return WitnessError(
            "The witness has seen another log by this name",
            f"{url}: its first {old_size} records had another root than here; the log has "
            f"{log.size} records and the root {log.root.hex()}",
            "The agency's log was forked. Find out who changed it, and restore agency/log and "
            "agency/books from a copy.",
        )
    why = _REFUSALS.get(answer.status, "It is not available")
    return WitnessError("The witness does not cosign", f"{url}: {answer.shown()}", f"{why}.")


def _read_answer(
    note: str, answer: Answer, url: str, witnesses: Sequence[Verifier]
) -> list[Cosignature]:
    try:
        text = answer.body.decode()
        if not text.endswith("\n"):
            raise NoteError("a signature line is malformed", ascii(text[-80:]))
        found = read_cosignatures(note + text, witnesses)
        if split_note(note + text)[0] != split_note(note)[0]:
            raise NoteError("the answer changes the checkpoint", ascii(text[:80]))
    except (NoteError, UnicodeDecodeError) as error:
        raise WitnessError(
            "The witness's answer is not a valid cosignature", f"{url}: {error}"[:400]
        ) from error
    if not found:
        raise WitnessError(
            "The witness's answer has no cosignature by a given key",
            f"{url}: {answer.shown()}",
            "Check the key with the witness's operator.",
        )
    for one in found:
        if one.time_s > time.time() + _CLOCK_TOLERANCE_S:
            raise WitnessError(
                "The witness's cosignature is dated in the future", f"{url}: {one.cosigned_at}"
            )
    return found


def _with_lines(note: str, lines: Mapping[Verifier, str]) -> str:
    """Returns a note with these cosignatures, each instead of an earlier one by the same key."""
    replaced = {(one.name, one.key_id) for one in lines}
    head, _, block = note.rpartition("\n\n")
    kept: Iterable[str] = (
        line for line in block.splitlines() if parse_signature(line)[:2] not in replaced
    )
    return "\n".join([head, "", *kept, *lines.values(), ""])
