"""Checks a buyer's requests, gives addresses, and has the agency's log say who got what.

Each request is checked again: 1. both records are what was signed, by the agency and by the grant's
holder; 2. the grant was issued here, is not revoked and has not expired, and the request is recent;
3. deal, party and purpose are the deal's; 4. every file is of the deal's latest version, or a
record for its buyer; 5. the request was not used before, which the log says even after a restart.
It is logged before the answer is given.

If the agency's own server sends the files, 2 to 4 are checked again for each range of each file,
so that a grant that is revoked ends at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelines.accounts.key import LogKey
from pipelines.format.signed_record import SignedRecordError, open_signed
from pipelines.pull.grant_addresses import GRANT_KIND, REQUEST_KIND
from pipelines.serve.access_log import AccessLog
from pipelines.serve.grants import is_revoked, kept_grant
from pipelines.serve.published import Published, Readable
from pipelines.serve.tickets import BadTicketError, Ticket, Tickets
from pipelines.storage.store import Store, check_key
from schemas.canonical import canonical_json
from schemas.errors import InputError
from schemas.grant import FileRequest, Grant, GrantedFile, GrantedFiles, Refused, SignedRequest
from schemas.manifest import FileRecord, Manifest

_GOOD_FOR = timedelta(minutes=5)


class RefusedError(Exception):
    """A request that is refused, with the reason for the buyer."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.refused}: {refused.detail}")
        self.refused = refused


@dataclass(frozen=True)
class Gate:
    """Gives addresses of an output's files. Thread-safe.

    Attributes:
        store: The output.
        key: The agency's key.
        life_s: For how many seconds an address can be used.
        address: Returns the address of an object of the output for a grant.
    """

    store: Store
    key: LogKey
    life_s: int
    address: Callable[[Ticket], str]
    _published: Published = field(init=False, repr=False)
    _log: AccessLog = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_published", Published(self.store))
        object.__setattr__(self, "_log", AccessLog(self.store, self.key))

    def answer(self, asked: SignedRequest, now: datetime) -> GrantedFiles:
        """Returns the addresses that a request asks for.

        Args:
            asked: The grant and the request.
            now: The time.

        Raises:
            RefusedError: If it is not allowed.
            RunError: If the log or the output is damaged.
        """
        grant, request = self._opened(asked)  # 1
        if request.grant != grant.grant or kept_grant(self.store, grant.grant) != (
            asked.grant.encode()
        ):
            raise _refused("unknown grant", grant.grant)
        self._check_grant(grant, now)  # 2
        if not abs(_instant(request.asked_at) - now) <= _GOOD_FOR:
            raise _refused("expired", f"the request is of {request.asked_at}, not of now")
        readable = self._published.readable(grant.deal_id)
        _check_terms(grant, request.deal_id, request.purpose, readable.manifest)  # 3
        files = _chosen(readable, request.paths)  # 4
        self._record(grant, request, readable.manifest, files, now)  # 5
        until_s = int(now.timestamp()) + self.life_s
        return GrantedFiles(
            files=[
                self._granted(grant, request.purpose, until_s, path, file)
                for path, file in files.items()
            ],
            life_s=self.life_s,
        )

    def admit(self, tickets: Tickets, query: Mapping[str, str], now: datetime) -> str:
        """Returns the key of the object that an address of this server is for.

        Args:
            tickets: What signed the address.
            query: The names and values of its query.
            now: The time.

        Raises:
            RefusedError: If the address has ended or was not given here, or if its grant, deal or
                file is no longer what it was given for.
            RunError: If the output is damaged.
        """
        try:
            ticket = tickets.read(query, now)
        except BadTicketError as error:
            raise _refused("address", str(error)) from error
        data = kept_grant(self.store, ticket.grant)
        if data is None:
            raise _refused("unknown grant", ticket.grant)
        try:
            grant = open_signed(data, Grant, GRANT_KIND, self._trusted())
        except (SignedRecordError, InputError) as error:
            raise _refused("signature", error.what) from error
        self._check_grant(grant, now)  # 2
        readable = self._published.readable(grant.deal_id)
        _check_terms(grant, grant.deal_id, ticket.purpose, readable.manifest)  # 3
        deal_id, _, path = ticket.key.partition("/")
        if deal_id != grant.deal_id:
            raise _refused("other deal", f"the grant is for {grant.deal_id}")
        _chosen(readable, [path])  # 4
        return ticket.key

    def _trusted(self) -> tuple[str, ...]:
        return (self.key.signer.vkey, *(key.vkey for key in self.key.earlier))

    def _opened(self, asked: SignedRequest) -> tuple[Grant, FileRequest]:
        try:
            grant = open_signed(asked.grant.encode(), Grant, GRANT_KIND, self._trusted())
            request = open_signed(
                asked.request.encode(), FileRequest, REQUEST_KIND, (grant.holder,)
            )
        except (SignedRecordError, InputError) as error:
            raise _refused("signature", error.what) from error
        return grant, request

    def _check_grant(self, grant: Grant, now: datetime) -> None:
        if is_revoked(self.store, grant.grant):
            raise _refused("revoked", grant.grant)
        if datetime.fromisoformat(grant.expires_at) <= now:
            raise _refused("expired", f"the grant ended at {grant.expires_at}")
        if datetime.fromisoformat(grant.issued_at) - now > _GOOD_FOR:  # a clock that was set back
            raise _refused("expired", f"the grant begins at {grant.issued_at}")

    def _record(
        self,
        grant: Grant,
        request: FileRequest,
        manifest: Manifest,
        files: dict[str, FileRecord | None],
        now: datetime,
    ) -> None:
        """Records who got which digests, unless the same request is in the log already."""
        content = canonical_json(request.model_dump(mode="json", exclude={"signature"}))
        asked = hashlib.sha256(content).hexdigest()
        private: dict[str, object] = {
            "grant": grant.grant,
            "party": grant.party,
            "purpose": request.purpose,
            "holder": grant.holder,
            "delivery": manifest.delivery,
            "files": {path: file.sha256 if file else None for path, file in files.items()},
        }
        at = now.astimezone(UTC).isoformat()
        if not self._log.write((grant.grant, asked), private, at):
            raise _refused("replayed", f"the request of {request.asked_at} was used before")

    def _granted(
        self, grant: Grant, purpose: str, until_s: int, path: str, file: FileRecord | None
    ) -> GrantedFile:
        key = check_key(f"{grant.deal_id}/{path}")
        return GrantedFile(
            path=path,
            url=self.address(Ticket(key, grant.grant, purpose, until_s)),
            sha256=file.sha256 if file else None,
            bytes=file.bytes if file else None,
        )


def _chosen(readable: Readable, paths: list[str]) -> dict[str, FileRecord | None]:
    if unknown := sorted(set(paths) - readable.files.keys()):
        raise _refused("path", f"not of {readable.manifest.delivery}: {unknown[0]!a}"[:300])
    return {path: readable.files[path] for path in paths}


def _check_terms(grant: Grant, deal_id: str, purpose: str, manifest: Manifest) -> None:
    deal = manifest.deal
    if deal_id != grant.deal_id or deal.deal_id != grant.deal_id:
        raise _refused("other deal", f"the grant is for {grant.deal_id}")
    if grant.party != deal.buyer:
        raise _refused("party", "the deal has another buyer now")
    if purpose not in grant.purposes or purpose not in deal.purposes:
        raise _refused("purpose", f"the grant is for {', '.join(grant.purposes)}"[:300])


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused("malformed", "asked_at is not an instant") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refused(reason: str, detail: str) -> RefusedError:
    return RefusedError(Refused.model_validate({"refused": reason, "detail": detail}))
