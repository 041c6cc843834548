"""An agency with a published deal, a buyer with a grant, and a running server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.accounts.key import LogKey
from pipelines.ledger.commitments import agency_salt
from pipelines.ledger.signed_note import FileKey
from pipelines.serve.access import Gate
from pipelines.serve.grants import issue_grant
from pipelines.serve.tickets import Tickets
from pipelines.storage.local_store import LocalStore
from pipelines.storage.store import Store
from tests.pull.deals import SIGNER

BUYER = FileKey("a-buyer", bytes(range(2, 34)))
STRANGER = FileKey("a-buyer", bytes(range(3, 35)))
KEY = LogKey(SIGNER, agency_salt(SIGNER.secret))
PURPOSE = "train_gen"


@dataclass
class Served:
    """A running server.

    Attributes:
        uri: Its address.
        gate: What it asks.
    """

    uri: str
    gate: Gate


def granted(
    store: Store,
    deal_id: str = "acme",
    days: int = 2,
    signer: FileKey = SIGNER,
    ago: int = 0,
    holder: FileKey = BUYER,
) -> bytes:
    """Returns the file of a grant that was issued some days ago."""
    at = datetime.now(UTC) - timedelta(days=ago)
    return issue_grant(store, signer, deal_id, holder.vkey, [], at, days)[1]


@contextmanager
def serving(
    store: Store, address: Callable[[str], str] | None = None, life_s: int = 60
) -> Iterator[Served]:
    """Runs the server on a free port of this machine; without addresses, it sends the files."""
    import uvicorn

    from pipelines.serve.app import make_app
    from pipelines.serve.objects import Objects

    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
        objects = None
        if address is None:
            assert isinstance(store, LocalStore)
            objects = Objects(store, Tickets(uri, bytes(32)))
            gate = Gate(store, KEY, life_s, objects.tickets.address)
        else:
            given = address
            gate = Gate(store, KEY, life_s, lambda ticket: given(ticket.key))
        config = uvicorn.Config(make_app(gate, objects), log_level="error")
        server: Any = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield Served(uri, gate)
        finally:
            server.should_exit = True
            thread.join()
