"""Sends a run's figures to the OpenTelemetry collector that an option names."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit

from rich.console import Console

from pipelines.steps.observe import Tell
from schemas.errors import InputError
from schemas.run_record import RunRecord


def telemetry(options: argparse.Namespace, console: Console) -> Tell | None:
    """Returns what sends a run's record to the collector that the option names; None without it.

    A collector that does not take it changes nothing about the run: it is said in a line.

    Args:
        options: The command's options.
        console: For that line.

    Raises:
        InputError: If the address is none, or the package is not installed.
    """
    if not options.otlp:
        return None
    endpoint = _checked(options.otlp)
    try:
        from pipelines.report.otlp import send_run
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise InputError(
            "OpenTelemetry is not installed", str(error.name), "Run: pip install 'fairshard[otel]'"
        ) from error

    def tell(record: RunRecord) -> None:
        if refused := send_run(endpoint, record):
            console.print(
                f"{endpoint} did not take the run's {' and '.join(refused)}. The run's record has "
                "the same figures.",
                style="yellow",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    return tell


def _checked(given: str) -> str:
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if "@" in given:
        raise InputError(
            "The collector's address must not hold a password",
            "--otlp",
            "Put an authorization header into the variable OTEL_EXPORTER_OTLP_HEADERS.",
        )
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or parts.query
        or parts.fragment
    ):
        raise InputError(
            "This is not the address of a collector",
            f"--otlp {given}",
            "Give http://HOST:PORT or https://HOST:PORT of its OTLP receiver for HTTP.",
        )
    return given.rstrip("/")
