"""The command line: thin dispatch, and errors without tracebacks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from pipelines.commands import check as check_command
from pipelines.commands import demo as demo_command
from pipelines.commands import package as package_command
from pipelines.commands import verify as verify_command
from schemas.errors import FairshardError

COMMANDS: dict[str, ModuleType] = {
    "demo": demo_command,
    "check": check_command,
    "package": package_command,
    "verify": verify_command,
}


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog="fairshard",
        description="Licensed training data, sharded, with everyone paid.",
        epilog="exit codes: 0 done, 1 the run or check failed, 2 bad usage or input",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP.capitalize() + ".",
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_options(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return int(COMMANDS[options.command].run(options))
    except FairshardError as error:
        if options.debug:
            raise
        print(f"fairshard {options.command}: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)  # noqa: T201
        return 130


if __name__ == "__main__":
    sys.exit(main())
