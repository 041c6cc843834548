"""Addresses that an agency's server gives to the holder of a grant."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from urllib.parse import urlsplit

from pydantic import ValidationError

from pipelines.format.signed_record import open_signed, signed_bytes
from pipelines.ledger.signed_note import Signer
from pipelines.pull.addresses import SignedAddresses, check_web_address, is_loopback
from pipelines.pull.http_origin import read_in_time, web_connection
from pipelines.pull.origin import PassingFaultError
from schemas.errors import InputError, RunError
from schemas.grant import (
    GRANT_FORMAT,
    MAX_PATHS,
    FileRequest,
    Grant,
    GrantedFiles,
    Refused,
    SignedRequest,
)

GRANT_KIND = "grant"
REQUEST_KIND = "request"
FILES = "/v1/files"
_MAX_ANSWER_BYTES = 16 << 20
_TIMEOUT_S = 60.0
_MAX_LIFE_S = 7 * 86_400  # of an address; S3 signs for no longer


@dataclass
class GrantAddresses(SignedAddresses):
    """Addresses of a deal's files from an agency's server.

    Attributes:
        server: The server's address.
        grant: The grant's file.
        holder: The buyer's key, which the grant names.
        purpose: What the files are for; one of the grant's purposes.
    """

    server: str
    grant: bytes
    holder: Signer
    purpose: str

    def sign(self, path: str) -> tuple[str, float]:
        """See `SignedAddresses.sign`."""
        found = self._ask([path])
        if path not in found:
            raise PassingFaultError("the server of grants left out the file that was asked for")
        return found[path]

    def prepare(self, paths: Sequence[str]) -> None:
        """Gets the addresses of many files with few requests."""
        for start in range(0, len(paths), MAX_PATHS):
            self.learn(self._ask(paths[start : start + MAX_PATHS]))

    def _ask(self, paths: Sequence[str]) -> dict[str, tuple[str, float]]:
        grant = open_signed(self.grant, Grant, GRANT_KIND)
        request = FileRequest(
            fairshard_request=GRANT_FORMAT,
            grant=grant.grant,
            deal_id=grant.deal_id,
            purpose=self.purpose or grant.purposes[0],
            paths=list(paths),
            asked_at=_instant(datetime.now(UTC)),
            vkey=self.holder.vkey,
        )
        text = signed_bytes(request, REQUEST_KIND, self.holder).decode()
        asked = SignedRequest(grant=self.grant.decode(), request=text)
        status, data = self._send(asked.model_dump_json().encode())
        try:
            if status == 200:
                answer = GrantedFiles.model_validate_json(data)
                life_s = min(max(answer.life_s, 0), _MAX_LIFE_S) / 2
                return {one.path: (self._checked(one.url), life_s) for one in answer.files}
            refused = Refused.model_validate_json(data)
        except ValidationError as error:
            raise PassingFaultError(f"the server of grants answers HTTP {status}") from error
        raise InputError(
            "The agency's server refuses the grant",
            f"{self.server}: {refused.refused} ({refused.detail})"[:400],
            "What was downloaded is kept. Ask the agency.",
        )

    def _checked(self, url: str) -> str:
        """Returns an address, unless a server elsewhere sends the buyer to the buyer's machine."""
        host = urlsplit(check_web_address(url)).hostname or ""
        if is_loopback(host) and not is_loopback(urlsplit(self.server).hostname or ""):
            raise RunError(
                "The agency's server gave an address of this machine",
                f"{self.server}: {host}",
                "No request was sent to it. Tell the agency.",
            )
        return url

    def _send(self, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(check_web_address(self.server))
        connection = web_connection(parts, _TIMEOUT_S)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"{parts.path.rstrip('/')}{FILES}", body, headers)
            answer = connection.getresponse()
            return answer.status, read_in_time(answer, _MAX_ANSWER_BYTES, _TIMEOUT_S)
        except (OSError, HTTPException) as error:
            raise PassingFaultError(f"the server of grants: {type(error).__name__}") from error
        finally:
            connection.close()


def _instant(now: datetime) -> str:
    """Returns an instant that no other request has, since each request is answered once.

    Pulls at the same microsecond would make the same request. Digits beyond it tell them apart.
    """
    return f"{now:%Y-%m-%dT%H:%M:%S.%f}{secrets.randbelow(10**9):09d}+00:00"


def read_grant(data: bytes, holder: Signer, pinned: tuple[str, ...] | None) -> Grant:
    """Reads a grant that a buyer was given, and checks that it can be used.

    Args:
        data: Its bytes.
        holder: The buyer's key.
        pinned: The agency's keys that the buyer trusts, if any were given.

    Raises:
        SignedRecordError: If it was altered, or is not signed by a pinned key.
        InputError: If it is for another key.
    """
    grant = open_signed(data, Grant, GRANT_KIND, pinned)
    if grant.holder != holder.vkey:
        raise InputError(
            "The grant is for another key", f"{grant.holder}, not {holder.vkey}", "Give its key."
        )
    return grant
