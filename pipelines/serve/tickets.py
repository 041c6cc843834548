"""Signed addresses of an output's files at the agency's own server, which end after minutes.

An address names one object, the grant and the purpose that it was given for, and when it ends. Its
signature is by a secret that a server makes when it starts: after a restart all addresses are
refused, and a pull asks for new ones.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from schemas.canonical import canonical_json

#: Where files are, below the server's address.
OBJECT = "/v1/object"
#: Names of the query of an address.
QUERY_NAMES = ("key", "grant", "purpose", "until", "signature")


class BadTicketError(Exception):
    """An address that was not given here, was altered, or has ended."""


@dataclass(frozen=True)
class Ticket:
    """One file for one grant.

    Attributes:
        key: The object of the output.
        grant: The id of the grant.
        purpose: What the file is for.
        until_s: When the address ends, in seconds since 1970.
    """

    key: str
    grant: str
    purpose: str
    until_s: int


@dataclass(frozen=True)
class Tickets:
    """Signs addresses and reads them again.

    Attributes:
        base: The server's address for buyers, without a trailing slash.
        secret: What signs; at least 32 bytes.
    """

    base: str
    secret: bytes = field(repr=False)

    def address(self, ticket: Ticket) -> str:
        """Returns the address of a file."""
        values = (ticket.key, ticket.grant, ticket.purpose, ticket.until_s, self._signature(ticket))
        return f"{self.base}{OBJECT}?{urlencode(dict(zip(QUERY_NAMES, values, strict=True)))}"

    def read(self, query: Mapping[str, str], now: datetime) -> Ticket:
        """Returns what an address was given for.

        Args:
            query: The names and values of its query.
            now: The time.

        Raises:
            BadTicketError: If it was not signed here or has ended; with the reason.
        """
        if set(query) != set(QUERY_NAMES):
            raise BadTicketError("not an address that the agency gave")
        until = query["until"]
        if not (until.isascii() and until.isdecimal() and len(until) <= 12):
            raise BadTicketError("not an address that the agency gave")
        ticket = Ticket(query["key"], query["grant"], query["purpose"], int(until))
        given = query["signature"].encode()
        if not hmac.compare_digest(self._signature(ticket).encode(), given):
            raise BadTicketError(
                "not an address that the agency gave, or one from before a restart"
            )
        if now.timestamp() >= ticket.until_s:
            raise BadTicketError("the address has ended")
        return ticket

    def _signature(self, ticket: Ticket) -> str:
        said = canonical_json([ticket.key, ticket.grant, ticket.purpose, str(ticket.until_s)])
        return hmac.new(self.secret, b"fairshard file\n" + said, hashlib.sha256).hexdigest()
