"""Turns the options of a command that evaluates a catalogue into the request of a job."""

from __future__ import annotations

import argparse
from datetime import datetime

from pipelines.commands.mapping_options import mapping_choice
from pipelines.run.request import JobRequest


def job_request(options: argparse.Namespace, as_of: datetime) -> JobRequest:
    """Returns what `add_deal_options` and `add_evaluation_options` were given.

    Args:
        options: The command's options.
        as_of: The time at which rights are evaluated.
    """
    return JobRequest(
        catalogue=options.catalogue,
        deal=options.deal,
        as_of=as_of,
        mapping=mapping_choice(options),
        roots=tuple(options.allow_root),
        hosts=tuple(options.allow_host),
        user_agent=options.user_agent,
        requests_per_minute=options.requests_per_minute,
    )
