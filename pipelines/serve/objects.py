"""Sends files of an output in a folder to anyone who has their addresses, whole or by range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pipelines.serve.access import Gate
from pipelines.serve.tickets import Tickets
from pipelines.storage.local_store import LocalStore


class _File(FileResponse):
    """A file that is read in large pieces, since each goes through a thread."""

    chunk_size = 1 << 20


@dataclass(frozen=True)
class Objects:
    """The files of an output.

    Attributes:
        store: The output.
        tickets: What signs their addresses.
    """

    store: LocalStore
    tickets: Tickets

    def endpoint(self, gate: Gate) -> Callable[[Request], Response]:
        """Returns what answers requests for files, in the calling thread.

        Args:
            gate: What checks that a request is allowed; it raises `RefusedError`.
        """

        def answer(request: Request) -> Response:
            query = dict(request.query_params)
            path = self.store.path(gate.admit(self.tickets, query, datetime.now(UTC)))
            if not path.is_file():
                return Response(status_code=404)
            headers = {"Cache-Control": "private, no-store"}
            return _File(path, media_type="application/octet-stream", headers=headers)

        return answer
