"""`fairshard pull`: gets a delivery, or what changed of it, checked, into a folder."""

from __future__ import annotations

import argparse
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from pipelines.commands.common import (
    OptionsParent,
    add_general_options,
    consoles,
    positive_int,
    print_json,
)
from pipelines.format.signed_record import open_signed
from pipelines.ledger.signed_note import Signer
from pipelines.pull.addresses import Addresses
from pipelines.pull.download import DownloadSettings
from pipelines.pull.open import open_origin
from pipelines.pull.pull import Pulled, PullRequest, pull
from pipelines.pull.selection import SampleChoice, Selection
from pipelines.report.progress import show_progress
from pipelines.storage.progress import report_progress
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError, counted

EXAMPLES = """\
examples:
  the latest version of a deal; the same again later, for what changed:
    fairshard pull s3://agency/out/acme-2026-01 acme/ --vkey agency.vkey
  one version from a web server, pictures alone:
    fairshard pull https://data.example.com/acme-2026-01/v0001/delivery acme/ \\
        --vkey agency.vkey --families image
  addresses that a command signs, one call for each file:
    fairshard pull https://data.example.com/acme-2026-01 acme/ \\
        --vkey agency.vkey --sign-command 'portal sign --deal acme-2026-01'
"""

_MIB = 1 << 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "uri",
        metavar="URI",
        help="folder of a deal, or delivery/ of a version: a path, s3:// or https://",
    )
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="where to; the delivery is DIR/delivery"
    )
    parser.add_argument(
        "--vkey",
        "--key",
        action="append",
        default=[],
        metavar="KEY|FILE",
        help="pin the agency's verifier key: a key, or a file with one key per line, old and new; "
        "may be repeated. DIR remembers it",
    )
    parser.add_argument(
        "--allow-unpinned",
        action="store_true",
        help="trust the key that comes with the first pull, and only that one later",
    )
    _add_part_options(parser.add_argument_group("a part of the delivery (default: all of it)"))
    _add_transfer_options(parser.add_argument_group("how"))
    granted = parser.add_argument_group("by a grant (URI is then the agency's server)")
    granted.add_argument("--grant", type=Path, metavar="FILE", help="the grant")
    granted.add_argument(
        "--buyer-key", type=Path, metavar="FILE", help="the buyer's signing key, which it names"
    )
    granted.add_argument(
        "--purpose", default="", metavar="NAME", help="what for (default: the grant's first)"
    )
    add_general_options(parser)


def _add_part_options(group: OptionsParent) -> None:
    """Adds the options that say which samples, and which of their members, are pulled."""
    for name, text in (
        ("shards", "names of shards"),
        ("families", "families of shards, such as image"),
    ):
        group.add_argument(
            f"--{name}", nargs="+", action="extend", default=[], metavar="NAME", help=text
        )
    group.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="keys of samples, one on each line; they come to DIR/samples, without the other tars",
    )
    group.add_argument(
        "--columns",
        nargs="+",
        action="extend",
        default=[],
        metavar="ENDING",
        help="members with these endings, such as txt json; likewise",
    )


def _add_transfer_options(group: OptionsParent) -> None:
    """Adds the options that say how files are transferred."""
    group.add_argument(
        "--quick",
        action="store_true",
        help="do not read again files in DIR that were not touched since they were checked",
    )
    group.add_argument(
        "--connections",
        type=positive_int,
        default=DownloadSettings.lanes,
        metavar="N",
        help=f"requests at a time (default: {DownloadSettings.lanes})",
    )
    group.add_argument(
        "--stall",
        type=positive_int,
        default=int(DownloadSettings.stall_s),
        metavar="SECONDS",
        help="break off and repeat a transfer that brings nothing for so long "
        f"(default: {DownloadSettings.stall_s:.0f})",
    )
    group.add_argument(
        "--sign-command",
        default="",
        metavar="COMMAND",
        help="prints the address of the file whose path is its last argument; called again when "
        "the server refuses an address",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    pinned = read_pinned_keys(options.vkey)
    granted = _granted(options, pinned)
    origin = open_origin(options.uri, float(options.stall), options.sign_command, granted)
    request = PullRequest(
        options.folder,
        pinned,
        options.allow_unpinned,
        Selection(frozenset(options.shards), frozenset(options.families), _samples(options)),
        options.quick,
        DownloadSettings(options.connections, float(options.stall)),
    )
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        path = Path(folder) / "progress"
        with show_progress(path, progress, options.quiet):
            done = pull(origin, request, datetime.now(UTC), _Reporter(path))
    if options.json:
        print_json(_json(done))
    else:
        _show(results, done, options)
    return 0


def _granted(options: argparse.Namespace, pinned: tuple[str, ...] | None) -> Addresses | None:
    """Returns the addresses that a grant gives, if one was given."""
    if options.grant is None:
        if options.buyer_key or options.purpose:
            raise InputError(
                "These options have no effect without --grant", "--buyer-key, --purpose", ""
            )
        return None
    if options.buyer_key is None or options.sign_command:
        raise InputError(
            "A grant is used with the buyer's key, and with no other signer of addresses",
            f"--grant {options.grant}",
            "Give --buyer-key, and leave out --sign-command.",
        )
    # Few pulls need what follows, and each would wait for it.
    from pipelines.pull.grant_addresses import GrantAddresses, read_grant

    try:
        data = options.grant.read_bytes()
    except OSError as error:
        raise InputError("The grant cannot be read", str(options.grant), str(error)) from error
    holder = _holder(options.buyer_key, data)
    read_grant(data, holder, pinned)
    return GrantAddresses(options.uri, data, holder, options.purpose)


def _holder(path: Path, grant: bytes) -> Signer:
    """Returns the buyer's key; a PEM has no name, so it takes the one in the grant."""
    from pipelines.pull.grant_addresses import GRANT_KIND
    from pipelines.reader.buyer_key import load_buyer_key
    from pipelines.run.signing_key import load_key
    from schemas.grant import Grant

    if not path.is_file() or not path.read_bytes().startswith(b"-----BEGIN"):
        return load_key(path)
    return load_buyer_key(path, open_signed(grant, Grant, GRANT_KIND).holder.partition("+")[0])


def _samples(options: argparse.Namespace) -> SampleChoice | None:
    """Returns which samples are chosen; None for whole shards."""
    keys: frozenset[str] = frozenset()
    if options.keys is not None:
        try:
            lines = options.keys.read_text("utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("The keys cannot be read", str(options.keys), str(error)) from error
        keys = frozenset(line.strip() for line in lines if line.strip())
        if not keys:
            raise InputError("The file has no key", str(options.keys), "Write one on each line.")
    if not keys and not options.columns:
        return None
    return SampleChoice(keys, frozenset(one.removeprefix(".") for one in options.columns))


class _Reporter:
    """Reports bytes as whole MiB, so that the line of a progress file stays for many bytes."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._done = self._told = self._total = self._total_told = 0
        self._lock = threading.Lock()

    def __call__(self, done: int, total: int) -> None:
        """Adds bytes that are done, and bytes that are to be done; any thread may do so."""
        with self._lock:
            self._done += done
            self._total += total
            now, of = self._done // _MIB, -(-self._total // _MIB)
            if self._total and self._done >= self._total:
                now = of
            if (now, of) != (self._told, self._total_told):
                report_progress(self._path, "pull", now - self._told, of - self._total_told)
                self._told, self._total_told = now, of


def _json(done: Pulled) -> dict[str, object]:
    latest = done.head.latest
    return {
        "delivery": done.head.manifest.delivery,
        "signed_by": done.head.signer.vkey,
        "pinned": done.head.signer.pinned,
        "files": done.files,
        "bytes": done.size,
        "placed": done.placed,
        "removed": done.removed,
        "received_bytes": done.totals.received_bytes,
        "repeated_bytes": done.totals.repeated_bytes,
        "faults": done.totals.faults,
        "notices": done.notices,
        "sequence": latest.sequence if latest else None,
        "expires_at": latest.expires_at if latest else None,
    }


def _show(console: Console, done: Pulled, options: argparse.Namespace) -> None:
    head = done.head
    lines = [
        f"{head.manifest.delivery} is in {options.folder / 'delivery'}",
        f"  {counted(done.files, 'file')}, {done.size / 1e6:,.1f} MB, every sha256 checked",
        f"  new or changed: {len(done.placed):,}, removed: {len(done.removed):,}, "
        f"received: {done.totals.received_bytes / 1e6:,.1f} MB",
    ]
    if done.totals.faults:
        lines.append(f"  faults that were repeated: {done.totals.faults:,}")
    how = "a pinned key" if head.signer.pinned else "a key that is not pinned"
    lines.append(f"  signed with {how}, {head.signer.name}+{head.signer.key_id}")
    if head.latest is not None:
        lines.append(
            f"  latest.json: number {head.latest.sequence}, until {head.latest.expires_at[:10]}"
        )
    for notice in done.notices:
        path = options.folder / "notices" / f"{notice}.json"
        copy = options.folder / "delivery"
        lines += [
            f"  new notice of removal: {path}",
            "  once you have nothing left of what it names, certify that to the agency:",
            f"    fairshard apply-removals {copy} --notice {path} --from {copy} "
            "--vkey … --key … --name … --signer …",
        ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
