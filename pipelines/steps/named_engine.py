"""Checks an engine that Beam's options name, and says why one that they start did not start.

Beam finds most of this out when the run has begun, and says it as errors of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner

from schemas.errors import FairshardError, InputError, RunError

#: The option that names the job server of a runner, which Beam would otherwise fetch from Maven.
_JARS = {"FlinkRunner": "flink_job_server_jar", "SparkRunner": "spark_job_server_jar"}
_DATAFLOW = "DataflowRunner"


def check_named_engine(runner: str, given: Sequence[str], values: Mapping[str, object]) -> None:
    """Checks that Beam has the runner, and that the runner takes its options.

    Args:
        runner: The runner's name, or its module and class.
        given: Beam's options.
        values: Their values.

    Raises:
        InputError: If the runner cannot be loaded, a package or a job server is missing, or an
            option's value is not valid.
    """
    name = runner.rpartition(".")[2]
    try:
        engine = create_runner(runner)
    except (AttributeError, ImportError, ValueError) as error:
        raise InputError(
            "Beam cannot load this runner",
            f"--runner={runner}: {error}",
            "Correct its name, or install what it needs.",
        ) from error
    faults: list[str] = PipelineOptionsValidator(  # type: ignore[no-untyped-call]
        PipelineOptions([*given]), engine
    ).validate()
    if faults:
        raise InputError(
            "Beam does not take these options", " ".join(faults), "Correct them, or leave them out."
        )
    if name == _DATAFLOW:
        _check_dataflow()
    if name in _JARS and not values.get(_JARS[name]):
        raise InputError(
            "This runner fetches and executes its job server from the network",
            f"--runner={runner} without --{_JARS[name]}",
            f"Give the official jar: --beam=--{_JARS[name]}=FILE.",
        )


def _check_dataflow() -> None:
    try:
        import apache_beam.runners.dataflow.internal.apiclient  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Dataflow needs Google's packages",
            f"--runner={_DATAFLOW}: {error}",
            "Run: pip install 'apache-beam[gcp]'",
        ) from error


def start_fault(error: Exception, given: Sequence[str]) -> FairshardError | None:
    """Returns the error for a job server that Beam could not start; None for any other error."""
    if isinstance(error, FileNotFoundError) and error.filename == "java":
        return InputError(
            "The engine's job server needs Java", " ".join(given), "Put java on the PATH."
        )
    if type(error) is RuntimeError and str(error).startswith("Service failed to start up"):
        return RunError(
            "The engine's job server did not start",
            f"{' '.join(given)}: {error}",
            "Check the jar with java -jar, or see what it printed with --debug; then run the same "
            "command again.",
        )
    return None
