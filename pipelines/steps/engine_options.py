"""Turns `--engine` and `--scheduler` into Beam's options."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import InputError

ENGINES = ("embedded", "dask")
DASK_RUNNER = "pipelines.steps.dask_engine.DaskEngine"
EMBEDDED_RUNNER = "FnApiRunner"
_ADDRESS = "--dask_client_address="


def engine_options(engine: str | None, scheduler: str, beam: Sequence[str]) -> tuple[str, ...]:
    """Returns Beam's options for the engine that a command names.

    Args:
        engine: One of `ENGINES`, or None if the command names none.
        scheduler: Address of a Dask scheduler, or "".
        beam: Beam's options as given, which may name an engine of their own.

    Raises:
        InputError: If the options contradict one another, or Dask is not installed.
    """
    if engine != "dask":
        if scheduler:
            raise InputError(
                "--scheduler is for Dask only", scheduler, "Add --engine dask, or leave it out."
            )
        if engine and any(re.match("--runner(=|$)", option) for option in beam):
            raise InputError(
                "Two options name an engine",
                f"--engine {engine} and --beam={next(o for o in beam if o.startswith('--runner'))}",
                "Leave one of them out.",
            )
        return tuple(beam)
    if beam:
        raise InputError(
            "--engine dask takes no Beam options", f"--beam={beam[0]}", "Leave one of them out."
        )
    if not re.fullmatch(r"(tcp|tls)://[^/\s]+:\d{1,5}", scheduler):
        raise InputError(
            "--engine dask needs the address of a Dask scheduler",
            f"--scheduler {scheduler!r}",
            "Write --scheduler tcp://HOST:PORT, or tls://HOST:PORT.",
        )
    if importlib.util.find_spec("distributed") is None:
        raise InputError(
            "Dask is not installed", "--engine dask", "Run: pip install 'fairshard[package,dask]'"
        )
    return (f"--runner={DASK_RUNNER}", f"{_ADDRESS}{scheduler}")


def engine_as_typed(runner: str) -> str:
    """Returns an engine as a command names it, by its runner's name without a module."""
    return {EMBEDDED_RUNNER: "embedded", DASK_RUNNER.rpartition(".")[2]: "dask"}.get(runner, runner)


def workers_note(runner: str, workers: int, requests_per_minute: int) -> str:
    """Returns what `--workers` does on an engine with workers of its own, on one line.

    Args:
        runner: The engine's runner, with or without a module.
        workers: What was given.
        requests_per_minute: The rate that was given; 0 for none.
    """
    does = "is used only to divide --requests-per-minute" if requests_per_minute else "sets nothing"
    name = runner.rpartition(".")[2]
    return f"--workers {workers} {does}: {name} has workers of its own."


def dask_scheduler(beam_options: Sequence[str]) -> str:
    """Returns the address of the Dask scheduler that Beam's options name; "" if they name none."""
    if f"--runner={DASK_RUNNER}" not in beam_options:
        return ""
    found = [option for option in beam_options if option.startswith(_ADDRESS)]
    return found[-1].removeprefix(_ADDRESS) if found else ""


def seen_everywhere(uri: str) -> str:
    """Returns an address that means the same on every machine: a local path becomes absolute."""
    return uri if not uri or "://" in uri else str(Path(uri).absolute())
