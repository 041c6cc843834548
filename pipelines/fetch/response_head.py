"""The status and headers of a web server's response, and whether they can be trusted."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing

# Headers beyond these limits are not trusted; http.client itself stops at 100, and 64 KiB a line.
_MAX_HEADERS = 90
_MAX_HEADER_BYTES = 1 << 16
_HEADER_FOLD = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True)
class ResponseHead:
    """The status and headers of a response.

    Attributes:
        status: HTTP status.
        headers: Names and values in order; repeated headers are kept separate.
        fault: Why the headers cannot be trusted; "" if they can.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    fault: str


def response_head(response: urllib3.BaseHTTPResponse) -> ResponseHead:
    """Returns the head of a response, without headers that cannot be trusted."""
    headers = tuple(response.headers.iteritems())
    fault = ""
    original = getattr(response, "_original_response", None)
    if isinstance(original, http.client.HTTPResponse):
        # urllib3 keeps repeated headers separate, but not in order. A header may continue on the
        # next line, which equals a space; not all versions of urllib3 handle that.
        headers = tuple((name, _HEADER_FOLD.sub(" ", text)) for name, text in original.msg.items())
        try:
            assert_header_parsing(original.msg)
        except HeaderParsingError:
            # The parser stops at a line it cannot read and treats the following lines as body.
            fault = "headers that cannot be parsed"
    if len(headers) > _MAX_HEADERS:
        fault = f"more than {_MAX_HEADERS} headers"
    elif sum(len(name) + len(value) for name, value in headers) > _MAX_HEADER_BYTES:
        fault = f"headers of more than {_MAX_HEADER_BYTES} bytes"
    return ResponseHead(response.status, () if fault else headers, fault)
