"""Shared parts of the commands about witnesses and timestamps: options, keys, files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from pipelines.commands.common import OptionsParent, positive_int
from pipelines.ledger.cosignature import Cosignature, parse_witness_key
from pipelines.ledger.ed25519 import COSIGNATURE_KEY, Verifier
from pipelines.ledger.timestamp import read_certificates
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError


def add_witness_options(parser: OptionsParent, *, required: bool = False) -> None:
    """Adds the witnesses that must have cosigned."""
    parser.add_argument(
        "--witness",
        action="append",
        default=[],
        required=required,
        metavar="VKEY|FILE",
        help="a witness's verifier key, or a file with one key per line; may be repeated",
    )
    parser.add_argument(
        "--quorum",
        type=positive_int,
        metavar="N",
        help="how many of these witnesses must have cosigned (default: all)",
    )


def add_ca_option(parser: OptionsParent, *, required: bool = False) -> None:
    """Adds the certificates that are trusted for timestamps."""
    parser.add_argument(
        "--ca",
        type=Path,
        required=required,
        metavar="FILE",
        help="the root certificates that vouch for the timestamping authority, as PEM",
    )


def add_timeout_option(parser: OptionsParent) -> None:
    """Adds how long a request to a server may take."""
    parser.add_argument(
        "--timeout",
        type=positive_int,
        default=30,
        metavar="SECONDS",
        help="how long each request may take (default: %(default)s)",
    )


def witness_keys(options: argparse.Namespace) -> list[Verifier]:
    """Returns the given keys of witnesses.

    Raises:
        InputError: If a key or file cannot be read.
    """
    return [
        parse_witness_key(key) for key in read_pinned_keys(options.witness, COSIGNATURE_KEY) or ()
    ]


def trusted_certificates(options: argparse.Namespace) -> list[x509.Certificate]:
    """Returns the certificates of `--ca`.

    Raises:
        InputError: If the file cannot be read or has none.
    """
    return read_certificates(read_input(options.ca, "The certificates"), str(options.ca))


def read_input(path: Path, what: str) -> bytes:
    """Returns the bytes of a file that the user named.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{what} cannot be read", f"{path} ({error.strerror or error})", "Give a file's path."
        ) from error


def cosignatures_json(found: Sequence[Cosignature]) -> list[dict[str, str]]:
    """Returns cosignatures for machines."""
    return [
        {"name": one.witness.name, "key": one.witness.vkey, "time": one.cosigned_at}
        for one in found
    ]
