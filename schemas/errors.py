"""The errors that the project raises on purpose.

There are two separate families: `InputError` and `RunError` end a command with a clear message and
an exit code; `BadRecord` concerns one asset or row, is caught by the step that handles it and
becomes a failed asset. `counted` puts numbers into messages.
"""

from __future__ import annotations


class FairshardError(Exception):
    """Base of the errors that are shown to people without a traceback.

    Args:
        what: What is wrong, as a sentence without a full stop.
        which: The thing that is wrong and the value seen.
        remedy: What to do about it.
    """

    exit_code = 1

    def __init__(self, what: str, which: str = "", remedy: str = "") -> None:
        self.what = what
        self.which = which
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = self.what if not self.which else f"{self.what}: {self.which}"
        if not self.remedy:
            return text
        return f"{text}{'' if text.endswith('.') else '.'} {self.remedy}"

    def __reduce__(self) -> tuple[type[FairshardError], tuple[str, str, str]]:
        """Supports pickling with all attributes, since errors are passed between processes."""
        return (type(self), (self.what, self.which, self.remedy))


class InputError(FairshardError):
    """Wrong usage or input: a deal, catalogue, option or location. Exit code 2."""

    exit_code = 2


class RunError(FairshardError):
    """The run or check failed although its input was valid. Exit code 1."""

    exit_code = 1


class AccessError(InputError):
    """A store refuses, has no such bucket or does not answer.

    Before a run has begun, its address or the credentials are wrong input. Later it is a fault of
    the store, and what the run has done must stay: see `in_run`.
    """

    def in_run(self) -> RunError:
        """Returns the error for a store that could be used when the run began."""
        again = "Then run the same command again; completed work is kept."
        return RunError(self.what, self.which, f"{self.remedy} {again}")


class BadRecord(Exception):  # noqa: N818  (it becomes a result, and is not an error of the program)
    """One asset or row could not be read; it becomes a failed asset and the run continues.

    Args:
        reason: A code of `schemas.reasons.Reason`.
        detail: The value seen, on one line at most; never the media itself.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")

    def __reduce__(self) -> tuple[type[BadRecord], tuple[str, str]]:
        return (type(self), (self.reason, self.detail))


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns a number of things in words.

    Args:
        number: How many.
        noun: What one of them is called.
        plural: What several are called, if not the noun with an s.

    Example:
        >>> counted(1, "sample"), counted(1200, "sample"), counted(2, "delivery", "deliveries")
        ('1 sample', '1,200 samples', '2 deliveries')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
