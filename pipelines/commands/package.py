"""`fairshard package`: builds a delivery and a ledger from a catalogue and a deal.

Only what its options need is imported with this module: the process that workers are forked from
imports what they need while this one imports what it needs, so it must be started before that.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from pipelines.commands.common import (
    add_deal_options,
    add_evaluation_options,
    add_general_options,
    add_run_options,
    consoles,
    default_workers,
)
from pipelines.commands.logging_options import add_log_options
from pipelines.process.no_garbage import collecting_no_garbage
from pipelines.steps.engine_options import ENGINES, engine_options
from pipelines.steps.worker_origin import workers_to_come
from pipelines.storage.without_pandas import start_arrow
from schemas.errors import InputError

_BEAM = "apache_beam"

EXAMPLES = """\
examples:
  fairshard package --catalogue library/ --deal acme.toml
  fairshard package --catalogue s3://agency/catalogue --deal acme.toml \\
      --out s3://agency/out --key keys/agency.key --as-of 2026-06-30
  fairshard package --catalogue library/ --deal acme.toml --mapping ours.toml \\
      --allow-root /archive/pictures --allow-host media.example.com
  fairshard package --catalogue library/ --deal acme.toml \\
      --new-pool renewal-2027
  fairshard package --catalogue s3://agency/catalogue --deal acme.toml \\
      --out s3://agency/out --engine dask --scheduler tcp://scheduler:8786
  fairshard package --catalogue library/ --deal acme.toml --log-json run.jsonl
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options.

    Raises:
        ModuleNotFoundError: Beam, which is imported later, is not installed.
    """
    if find_spec(_BEAM) is None:
        raise ModuleNotFoundError(f"No module named {_BEAM!r}", name=_BEAM)
    add_deal_options(parser)
    add_evaluation_options(parser)
    parser.add_argument(
        "--out", default="", metavar="URI", help="where to write (default: the deal's output.uri)"
    )
    parser.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="what the pipeline runs on: processes of this machine (embedded, the default) or a "
        "Dask cluster (dask); for others, see --beam",
    )
    parser.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="with --engine dask: tcp://HOST:PORT or tls://HOST:PORT of its scheduler, all of "
        "whose workers are used",
    )
    parser.add_argument(
        "--beam",
        action="append",
        default=[],
        metavar="OPTION",
        help="an Apache Beam option, such as --beam=--runner=FlinkRunner",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="continue a version that is still leased by a dead process on another machine",
    )
    parser.add_argument(
        "--new-pool",
        default=None,
        metavar="NAME",
        help="the buyer pays the price again: divide a pool of this name in full "
        "(default: replace the latest version and owe only the differences)",
    )
    add_run_options(parser)
    parser.set_defaults(workers=None)
    add_log_options(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    beam_options = engine_options(options.engine, options.scheduler, options.beam)
    options.as_many_workers_as_help = options.workers is None
    if options.workers is None:
        options.workers = default_workers()
    elif options.scheduler:
        raise InputError(
            "--workers is for processes of this machine",
            f"--workers {options.workers} with --engine dask",
            "Leave it out: all workers of the Dask cluster are used.",
        )
    _, progress = consoles(options)
    # Before what follows is imported, which takes seconds.
    progress.print(f"Checking the deal {options.deal} and the catalogue…", soft_wrap=True)
    with collecting_no_garbage():
        start_arrow()
    # Another engine has workers of its own.
    workers = 1 if beam_options else options.workers
    with workers_to_come(workers, options.debug, options.out) as origin:
        with collecting_no_garbage():
            from pipelines.commands.packaging import run_package

        return run_package(options, beam_options, origin)
