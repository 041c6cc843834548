"""`fairshard serve`: gives buyers with a grant short-lived addresses of their deal's files."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands.common import add_general_options, positive_int
from pipelines.pull.addresses import is_loopback
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.storage.open import open_store
from schemas.errors import InputError

EXAMPLES = """\
examples:
  behind a proxy with TLS on the same machine:
    fairshard serve --out s3://agency/out --key keys/agency.key --port 8443
"""

_LIFE_S = 300
_MAX_LIFE_S = 3_600


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="URI", help="the output, in S3")
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
    from pipelines.storage.s3_presign import s3_signer
    from pipelines.storage.s3_store import S3Store

    store = open_store(options.out)
    if not isinstance(store, S3Store):
        raise InputError(
            "Addresses can be given for an output in S3 alone",
            options.out,
            "Copy the output to a bucket, or give the buyer the folder.",
        )
    if options.life > _MAX_LIFE_S:
        raise InputError(
            "An address would live too long", f"--life {options.life}", f"At most {_MAX_LIFE_S}."
        )
    if not options.certificate and not is_loopback(options.host):
        raise InputError(
            "Others may listen to what is sent without TLS",
            f"--host {options.host}",
            "Give --certificate and --certificate-key, or put a proxy with TLS before it.",
        )
    path = Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")
    address = s3_signer(store, options.life)
    gate = Gate(store, log_key(load_key(path), path), options.life, address)
    uvicorn.run(
        make_app(gate),
        host=options.host,
        port=options.port,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.certificate_key,
        log_level="warning",
        server_header=False,
    )
    return 0
