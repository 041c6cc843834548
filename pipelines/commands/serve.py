"""`fairshard serve`: gives buyers with a grant short-lived addresses of their deal's files."""

from __future__ import annotations

import argparse
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands.common import add_general_options, consoles, positive_int
from pipelines.pull.addresses import check_web_address, is_loopback
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.storage.open import open_store
from schemas.errors import InputError

if TYPE_CHECKING:
    from pipelines.serve.objects import Objects
    from pipelines.serve.tickets import Ticket

EXAMPLES = """\
examples:
  behind a proxy with TLS on the same machine:
    fairshard serve --out s3://agency/out --key keys/agency.key --port 8443
  an output in a folder, whose files the server sends itself:
    fairshard serve --out out/ --key keys/agency.key \\
        --public-url https://grants.example.com
"""

_LIFE_S = 300
_MAX_LIFE_S = 3_600


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="URI", help="the output")
    parser.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="HOST", help="where to listen (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=8443, metavar="N", help="default: 8443")
    parser.add_argument(
        "--life",
        type=positive_int,
        default=_LIFE_S,
        metavar="SECONDS",
        help=f"how long an address can be used (default: {_LIFE_S}, at most {_MAX_LIFE_S})",
    )
    parser.add_argument(
        "--public-url",
        metavar="URL",
        help="the server's address for buyers, for an output in a folder, whose files it sends "
        "itself (default: where it listens)",
    )
    parser.add_argument("--certificate", metavar="FILE", help="TLS certificate, in PEM")
    parser.add_argument("--certificate-key", metavar="FILE", help="its private key, in PEM")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command until it is stopped, and returns its exit code."""
    try:
        import uvicorn

        from pipelines.serve.app import make_app
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise InputError(
            "The server is not installed", str(error.name), "Run: pip install 'fairshard[serve]'"
        ) from error
    from pipelines.serve.access import Gate

    if options.life > _MAX_LIFE_S:
        raise InputError(
            "Addresses would stay valid for too long",
            f"--life {options.life}",
            f"At most {_MAX_LIFE_S}.",
        )
    if not options.certificate and not is_loopback(options.host):
        raise InputError(
            "Without TLS, others can read what is sent",
            f"--host {options.host}",
            "Give --certificate and --certificate-key, or put a proxy with TLS before it.",
        )
    address, objects = _sources(options)
    path = Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")
    store = open_store(options.out)
    gate = Gate(store, log_key(load_key(path), path), options.life, address)
    config = uvicorn.Config(
        make_app(gate, objects),
        ssl_certfile=options.certificate,
        ssl_keyfile=options.certificate_key,
        log_level="warning",
        server_header=False,
    )
    _, progress = consoles(options)

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Says where it serves, but not before Ctrl-C ends it."""
            await super().startup(sockets)
            line = f"Serving {store.uri} at {_own_address(options)}; Ctrl-C ends it."
            progress.print(line, soft_wrap=True, markup=False, highlight=False)

    with _listen(options.host, options.port) as listening, suppress(KeyboardInterrupt):
        AnnouncedServer(config).run(sockets=[listening])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Opens the port before the server does, which would end without a word if it cannot."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            "The server cannot listen at this address",
            f"{host}, port {port}: {error.strerror or error}",
            "Give another --host or --port, or end what listens there.",
        ) from error


def _own_address(options: argparse.Namespace) -> str:
    scheme = "https" if options.certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{scheme}://{host}:{options.port}"


def _sources(options: argparse.Namespace) -> tuple[Callable[[Ticket], str], Objects | None]:
    """Returns what gives addresses, and what sends the files if that is this server."""
    from pipelines.serve.objects import Objects
    from pipelines.serve.tickets import Tickets
    from pipelines.storage.local_store import LocalStore
    from pipelines.storage.s3_presign import s3_signer
    from pipelines.storage.s3_store import S3Store

    store = open_store(options.out)
    if isinstance(store, S3Store):
        if options.public_url:
            raise InputError(
                "Files in S3 are sent by the service, not from an address of this server",
                f"--public-url {options.public_url}",
                "Leave it out.",
            )
        sign = s3_signer(store, options.life)
        return lambda ticket: sign(ticket.key), None
    assert isinstance(store, LocalStore)  # noqa: S101  (for the type checker)
    if not options.public_url and not is_loopback(options.host):
        raise InputError(
            "Buyers need an address at which the server sends files",
            f"--host {options.host}",
            "Give --public-url, such as https://grants.example.com.",
        )
    base = check_web_address(options.public_url or _own_address(options))
    tickets = Tickets(base.rstrip("/"), secrets.token_bytes(32))
    return tickets.address, Objects(store, tickets)
