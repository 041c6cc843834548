"""Checks a buyer's request, gives addresses, and has the agency's log say who got what.

Each request is checked anew: 1. both records are what was signed, by the agency and by the grant's
holder; 2. the grant was issued here, is not revoked and has not expired, and the request is recent;
3. deal, party and purpose are the deal's; 4. every file is of the deal's latest version, or a
record for its buyer. It is logged before the answer is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import open_log
from pipelines.format.signed_record import SignedRecordError, open_signed
from pipelines.ledger.record import AllSets, Kind
from pipelines.pull.grant_addresses import GRANT_KIND, REQUEST_KIND
from pipelines.run.announce import read_latest
from pipelines.serve.grants import is_revoked, kept_grant, latest_manifest
from pipelines.storage.store import Store, check_key
from schemas import layout
from schemas.errors import InputError
from schemas.grant import FileRequest, Grant, GrantedFile, GrantedFiles, Refused, SignedRequest
from schemas.latest import Latest
from schemas.manifest import FileRecord, Manifest

_GOOD_FOR = timedelta(minutes=5)


class RefusedError(Exception):
    """A request that is refused, with the reason for the buyer."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.refused}: {refused.detail}")
        self.refused = refused


@dataclass(frozen=True)
class Gate:
    """Gives addresses of an output's files.

    Attributes:
        store: The output.
        key: The agency's key.
        life_s: For how many seconds an address can be used.
        address: Returns an address of an object of the output, given its key.
    """

    store: Store
    key: LogKey
    life_s: int
    address: Callable[[str], str]

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
        self._check_grant(asked, grant, request, now)  # 2
        manifest = latest_manifest(self.store, grant.deal_id)
        _check_terms(grant, request, manifest)  # 3
        files = self._files(grant, request, manifest)  # 4
        self._log(grant, request, manifest, files, now)
        return GrantedFiles(
            files=[self._granted(grant.deal_id, path, file) for path, file in files.items()],
            life_s=self.life_s,
        )

    def _opened(self, asked: SignedRequest) -> tuple[Grant, FileRequest]:
        trusted = (self.key.signer.vkey, *(key.vkey for key in self.key.earlier))
        try:
            grant = open_signed(asked.grant.encode(), Grant, GRANT_KIND, trusted)
            request = open_signed(
                asked.request.encode(), FileRequest, REQUEST_KIND, (grant.holder,)
            )
        except (SignedRecordError, InputError) as error:
            raise _refused("signature", error.what) from error
        return grant, request

    def _check_grant(
        self, asked: SignedRequest, grant: Grant, request: FileRequest, now: datetime
    ) -> None:
        if request.grant != grant.grant or kept_grant(self.store, grant.grant) != (
            asked.grant.encode()
        ):
            raise _refused("unknown grant", grant.grant)
        if is_revoked(self.store, grant.grant):
            raise _refused("revoked", grant.grant)
        if datetime.fromisoformat(grant.expires_at) <= now:
            raise _refused("expired", f"the grant ended at {grant.expires_at}")
        if not abs(_instant(request.asked_at) - now) <= _GOOD_FOR:
            raise _refused("expired", f"the request is of {request.asked_at}, not of now")

    def _files(
        self, grant: Grant, request: FileRequest, manifest: Manifest
    ) -> dict[str, FileRecord | None]:
        latest = read_latest(self.store, grant.deal_id)
        version = manifest.delivery.rpartition("/")[2]
        prefix = f"{version}/{layout.DELIVERY}/"
        allowed: dict[str, FileRecord | None] = {
            f"{prefix}{record.path}": record for record in manifest.files
        }
        allowed |= dict.fromkeys(_records(latest, version, prefix))
        if unknown := sorted(set(request.paths) - allowed.keys()):
            raise _refused("path", f"not of {manifest.delivery}: {unknown[0]!a}"[:300])
        return {path: allowed[path] for path in request.paths}

    def _log(
        self,
        grant: Grant,
        request: FileRequest,
        manifest: Manifest,
        files: dict[str, FileRecord | None],
        now: datetime,
    ) -> None:
        """Records who got which digests. The public part says only that there was an access."""
        asked = hashlib.sha256(request.signature.encode()).hexdigest()
        private: dict[str, object] = {
            "grant": grant.grant,
            "party": grant.party,
            "purpose": request.purpose,
            "holder": grant.holder,
            "delivery": manifest.delivery,
            "files": {path: file.sha256 if file else None for path, file in files.items()},
        }

        def make(index: int, sets: AllSets) -> NewRecord:
            return NewRecord({}, private, sets)

        at = now.astimezone(UTC).isoformat()
        event = (str(Kind.ACCESS), grant.grant, asked)
        append_record(open_log(self.store, self.key), Kind.ACCESS, event, at, make)

    def _granted(self, deal_id: str, path: str, file: FileRecord | None) -> GrantedFile:
        return GrantedFile(
            path=path,
            url=self.address(check_key(f"{deal_id}/{path}")),
            sha256=file.sha256 if file else None,
            bytes=file.bytes if file else None,
        )


def _records(latest: Latest | None, version: str, prefix: str) -> list[str]:
    """Returns the paths of what a deal's buyer may read besides the delivery's files."""
    notices = [] if latest is None else [f"notices/{one.notice}.json" for one in latest.notices]
    if notices:
        notices.append(layout.removal_list_path("").lstrip("/"))
    changes = f"{version}/{layout.CHANGES}"
    return [layout.LATEST, f"{prefix}{layout.MANIFEST}", changes, *notices]


def _check_terms(grant: Grant, request: FileRequest, manifest: Manifest) -> None:
    deal = manifest.deal
    if request.deal_id != grant.deal_id or deal.deal_id != grant.deal_id:
        raise _refused("other deal", f"the grant is for {grant.deal_id}")
    if grant.party != deal.buyer:
        raise _refused("party", "the deal has another buyer now")
    if request.purpose not in grant.purposes or request.purpose not in deal.purposes:
        raise _refused("purpose", f"the grant is for {', '.join(grant.purposes)}"[:300])


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused("malformed", "asked_at is not an instant") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _refused(reason: str, detail: str) -> RefusedError:
    return RefusedError(Refused.model_validate({"refused": reason, "detail": detail}))
