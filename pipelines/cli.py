"""The `fairshard` command line: dispatches to a command and prints errors without tracebacks."""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import json
import logging
import os
import select
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

from pipelines.process.leave import leave
from pipelines.process.no_garbage import collect_seldom
from schemas.errors import FairshardError
from schemas.faults import FaultsError

# What each command is for. A command's module is imported only when the command is called, since
# some modules import models or engines, which takes seconds.
COMMANDS: dict[str, str] = {
    "demo": "create a small sample library with deals and run the whole pipeline offline",
    "scan": "make a catalogue of a folder of media, from what is embedded in them",
    "check": "dry run: say what package would deliver and refuse, and write nothing",
    "quote": "say what deals would deliver and pay, before any run",
    "package": "build a delivery and its ledger from a catalogue and a deal",
    "status": "show the state of a run: its step, counts and rate, and who holds it",
    "report": "write pages about a run, for the agency, and about a delivery, for the buyer",
    "explain": "explain why an asset is or is not delivered, with all the evidence about it",
    "odrl": "export a run's deal and decisions as rights policies (ODRL 2.2)",
    "grant": "let a buyer pull a deal, or end that",
    "serve": "give buyers with a grant short-lived addresses of their deal's files",
    "pull": "get a delivery, or what changed of it, checked file by file",
    "verify": "check a delivery from its published bytes alone",
    "prove": "prove that an asset or contributor is, or is not, in the agency's deliveries",
    "check-proof": "check a proof offline and say what it shows",
    "witness": "have witnesses cosign the agency's log, so that it cannot be forked unseen",
    "anchor": "have an outside authority timestamp the agency's log",
    "share": "show how much of a delivery came from whom, with a proof of the total",
    "statement": "write statements of earnings, and pages that check themselves",
    "pay": "share later revenue of a delivery among its contributors",
    "fund": "share revenue of many deals together, by their deliveries",
    "payout": "settle all balances that are due on a day, and write the payment run",
    "export": "write a delivery's samples as Lance, Parquet or MDS, every digest checked",
    "disclose": "write what laws and standards ask of a delivery: data card, SPDX and others",
    "clips": "cut the films of a delivery at their shots",
    "revoke": "remove assets from all deliveries, with signed notices for their buyers",
    "removals": "list notices of removal and what became of them; take buyers' replies",
    "apply-removals": "take removed samples out of a buyer's copy, and certify it",
    "latest": "state again which version of each deal is the latest, and for how long",
    "sweep": "find delivered assets whose rights have ended, and draft their notices",
    "journal": "write the agency's books as a double-entry journal",
    "replay": "compute the agency's books again, and name the first record that differs",
    "features": "show, check and tidy what was computed from media and is kept for later runs",
    "clean": "remove what interrupted runs left behind",
    "completion": "print a script with which a shell completes commands and options",
}

# Import names of what `fairshard[package]` adds to the base install. google and grpc are Beam's.
PACKAGE_MODULES = frozenset(
    "PIL apache_beam av c2pa duckdb google great_expectations grpc http_sf huggingface_hub "
    "license_expression open_clip openpyxl pandas rdflib safetensors simplejpeg torch".split()
)

# What a shell gives for a program that a closed pipe ended.
_CLOSED_OUTPUT = 141
_INTERRUPTED = 130
_PATIENCE_S = 0.4  # after which a person is told that the command is being loaded


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str = "") -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"fairshard {version('fairshard')}")  # noqa: T201
        parser.exit()


def build_parser(chosen: Sequence[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Returns the argument parser of the chosen commands; if none is, of all, without options.

    A command that runs needs none of the others, which take longer than its own.
    """
    parser = argparse.ArgumentParser(
        prog="fairshard",
        description="Licensed training data, sharded, with everyone paid.",
        epilog="exit codes: 0 done, 1 the run or check failed, 2 bad usage or input. pull, "
        "verify, export, disclose, prove, check-proof, witness, anchor, apply-removals, status, "
        "report, odrl and clean run on the base install; the others and verify --repair need pip "
        "install 'fairshard[package]'.",
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in chosen or COMMANDS:
        purpose = COMMANDS[name]
        command = commands.add_parser(
            name,
            help=purpose,
            description=purpose[0].upper() + purpose[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in chosen:
            module = importlib.import_module(f"pipelines.commands.{name.replace('-', '_')}")
            command.epilog = module.EXAMPLES
            module.add_options(command)
            command.set_defaults(run=module.run, parser_of=build_parser, refuse=command.error)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    atexit.register(gc.freeze)  # at its end Python looks for garbage, which takes 0.1 s
    if "--debug" not in argv:
        # Libraries log details that do not concern the user, some of them during import.
        logging.disable(logging.CRITICAL)
    command = next((word for word in argv[:1] if word in COMMANDS), "")
    as_json = "--json" in argv
    printed = _PrintedJson()
    try:
        with _saying_that_it_starts(command, argv):
            parser = build_parser([command] if command else [])
        options, unknown = parser.parse_known_args(argv)
        if unknown:  # said with the command's own usage, which parse_args does not show
            options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        code = int(options.run(options))
        sys.stdout.flush()  # here, where a closed output is caught
        return code
    except FairshardError as error:
        if "--debug" in argv:
            raise
        _fail(command, str(error))
        told = told_of(error)
        return printed.error(as_json, told, error.exit_code)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _output_is_closed():
            return _CLOSED_OUTPUT
        if "--debug" in argv:
            raise
        if missing := missing_module(error):
            what = "--repair needs" if command == "verify" else "needs"
            message = f"{what} {missing}, which is not installed"
            remedy, code = "Run: pip install 'fairshard[package]'", 2
        else:
            summary = f"{type(error).__name__}: {error}".splitlines()[0][:400]
            message, code = f"unexpected error: {summary}", 1
            remedy = "Run again with --debug to see the traceback, and report it."
        _fail(command, f"{message}. {remedy}")
        return printed.error(as_json, {"what": message, "which": "", "remedy": remedy}, code)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)  # noqa: T201
        told = {"what": "interrupted", "which": "", "remedy": "Run the same command again."}
        return printed.error(as_json, told, _INTERRUPTED)


def run() -> NoReturn:
    """Runs the command of this process, and exits with its code."""
    collect_seldom()
    leave(main())


def told_of(error: FairshardError) -> dict[str, object]:
    """Returns the parts of an error, with those of each fault if it is of several."""
    told: dict[str, object] = {"what": error.what, "which": error.which, "remedy": error.remedy}
    if isinstance(error, FaultsError):
        told["faults"] = [told_of(fault) for fault in error.faults]
    return told


class _PrintedJson:
    """Whether a command has printed its JSON, which is one document, errors included."""

    def __init__(self) -> None:
        self._before = self._count()

    @staticmethod
    def _count() -> int:
        common = sys.modules.get("pipelines.commands.common")
        return 0 if common is None else int(common.documents_printed)

    def error(self, as_json: bool, told: Mapping[str, object], exit_code: int) -> int:
        """Prints an error as JSON if that is asked for and nothing was printed; returns the code.

        Args:
            as_json: Whether the command was told to print JSON.
            told: What the error says: what, which and remedy.
            exit_code: The exit code, which is returned.
        """
        if as_json and self._count() == self._before:
            document = {"error": told, "exit_code": exit_code}
            print(json.dumps(document, indent=1, sort_keys=True), flush=True)  # noqa: T201
        return exit_code


@contextmanager
def _saying_that_it_starts(command: str, argv: Sequence[str]) -> Iterator[None]:
    """Says on a terminal that a command is being loaded, if that takes long; then takes it back."""
    if not command or not sys.stderr.isatty() or {"--quiet", "--help", "-h"} & set(argv):
        yield
        return
    shown = threading.Event()

    def show() -> None:
        shown.set()
        print(f"fairshard {command}: starting…", end="", file=sys.stderr, flush=True)  # noqa: T201

    timer = threading.Timer(_PATIENCE_S, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if shown.is_set():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201


def _output_is_closed() -> bool:
    """Whether nobody reads the output any more, as after `| head`; then nothing more is written."""
    output = select.poll()
    try:
        output.register(sys.stdout.fileno(), 0)
    except (AttributeError, OSError):  # no file
        return False
    if not any(state & select.POLLERR for _, state in output.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def missing_module(error: Exception) -> str:
    """Returns the `fairshard[package]` module that an error reports as missing, or ""."""
    name = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    return name if name.partition(".")[0] in PACKAGE_MODULES else ""


def _fail(command: str, message: str) -> None:
    text = f"fairshard {command}: {message}"
    if sys.stderr.isatty():  # files and other programs get each fault on a line
        from pipelines.process.wrapping import wrap_lines

        text = wrap_lines(text)
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    run()
