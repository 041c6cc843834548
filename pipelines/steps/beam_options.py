"""Reads Beam's options as a command was given them, and refuses those that nobody would read.

Beam discards what it does not know, with a warning that nobody sees: a run with a misspelled
`--runner` would use the embedded engine.
"""

from __future__ import annotations

import contextlib
import functools
import io
from argparse import ArgumentParser
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from schemas.errors import InputError

# What only an engine with a job service reads.
_OF_OTHERS = ("job_endpoint", "artifact_endpoint", "environment_type", "environment_config")


class _Noted(PipelineOptions):
    """Beam's options, which keep what no part of Beam knows."""

    # Beam calls its own, a static method, on the object; this one needs the object.
    def _warn_on_unknown_options(  # type: ignore[override]
        self, unknown: list[str], _: ArgumentParser
    ) -> None:
        self.__dict__["unknown"] = unknown


def read_beam_options(given: Sequence[str]) -> dict[str, object]:
    """Returns the values of Beam's options.

    Raises:
        InputError: If a value is not valid, or an option does not begin with two dashes.
    """
    return dict(_read(given)[0])


def check_read_here(given: Sequence[str]) -> None:
    """Refuses what the embedded engine would ignore.

    Other engines may have options that Beam asks their job service for.

    Raises:
        InputError: If Beam has no such option, or it is one of other engines.
    """
    found, unknown = _read(given)
    others = [f"--{name}={found[name]}" for name in _OF_OTHERS if found[name] is not None]
    if unknown:
        raise InputError(
            "Beam has no such option",
            f"--beam={unknown[0]}",
            "Correct its spelling, or leave it out. Options of an engine need its runner as well, "
            "such as --beam=--runner=PortableRunner.",
        )
    if others:
        raise InputError(
            "The embedded engine does not take this Beam option",
            f"--beam={others[0]}",
            "Name the engine that does, such as --beam=--runner=PortableRunner, or leave it out.",
        )


def _read(given: Sequence[str]) -> tuple[dict[str, object], list[str]]:
    for option in given:
        if not option.startswith("--"):
            raise InputError(
                "A Beam option begins with two dashes",
                f"--beam={option}",
                f"Write --beam=--{option.lstrip('-')}.",
            )
    return _parse(tuple(given), len(PipelineOptions.__subclasses__()))


@functools.lru_cache(maxsize=8)
def _parse(given: tuple[str, ...], _kinds: int) -> tuple[dict[str, object], list[str]]:
    """Reads the options once: Beam makes a parser of all its options each time.

    Args:
        given: The options.
        _kinds: How many parts of Beam have options now, since an import may add some.
    """
    options = _Noted([*given])
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            values: dict[str, object] = options.get_all_options(display_warnings=True)
    except SystemExit as error:  # Beam's parser prints the usage of every option it has
        reason = said.getvalue().strip().rpartition("error: ")[2] or "its value is not valid"
        raise InputError(
            "Beam does not take this option", reason, "Correct it, or leave it out."
        ) from error
    return values, options.__dict__.get("unknown", [])
