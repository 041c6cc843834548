"""How a run presents itself to web servers, and how fast it asks them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from threading import Lock

from schemas.errors import InputError

# A server that asks for longer waits than these is not waited for: the asset fails.
MAX_WAIT_S = 120.0  # at once
MAX_WAITS_S = 600.0  # for one file, in all
MAX_REQUESTS_PER_MINUTE = 1_000_000
_MAX_AGENT_CHARS = 200
_AGENT = re.compile(r"[!-~]([ -~]*[!-~])?")
_SECONDS = re.compile(r"[0-9]{1,9}")


@lru_cache(maxsize=1)
def default_user_agent() -> str:
    """Returns the User-Agent of a run that sets none: the program and its version."""
    try:
        return f"fairshard/{version('fairshard')}"
    except PackageNotFoundError:  # the source tree, not installed
        return "fairshard"


@dataclass(frozen=True)
class HttpClient:
    """How a run asks web servers.

    Attributes:
        user_agent: The User-Agent header; "" for the program's own.
        requests_per_minute: Highest rate for each host, of one process; 0 for none.
    """

    user_agent: str = ""
    requests_per_minute: float = 0.0

    @property
    def agent(self) -> str:
        """The User-Agent header that is sent."""
        return self.user_agent or default_user_agent()


DEFAULT_CLIENT = HttpClient()


def http_client(user_agent: str, requests_per_minute: int, processes: int) -> HttpClient:
    """Returns the client of one of several processes, which share the rate.

    Args:
        user_agent: The User-Agent header, or "" for the program's own.
        requests_per_minute: Highest rate for each host, of all processes; 0 for none.
        processes: How many processes there are.

    Raises:
        InputError: If a value is not valid.
    """
    if user_agent and (len(user_agent) > _MAX_AGENT_CHARS or _AGENT.fullmatch(user_agent) is None):
        raise InputError(
            "The user agent is not valid",
            f"--user-agent {user_agent[:_MAX_AGENT_CHARS]!r}",
            f"Use at most {_MAX_AGENT_CHARS} printable ASCII characters, such as "
            '"example-stock/1.0 (+https://example.com/bot)".',
        )
    if not 0 <= requests_per_minute <= MAX_REQUESTS_PER_MINUTE:
        raise InputError(
            "The rate is not valid",
            f"--requests-per-minute {requests_per_minute}",
            f"Use a whole number from 1 to {MAX_REQUESTS_PER_MINUTE:,}.",
        )
    return HttpClient(user_agent, requests_per_minute / max(1, processes))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Returns how long a response asks to wait, in seconds; None if it does not say.

    RFC 9110, 10.2.3: a number of seconds, or a date, which is compared with the response's own
    date, since the server's clock may differ from ours.

    Args:
        headers: The response's headers.
        now: The time, if the response has no date; the default is the clock's.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _http_date(text)
    if moment is None:
        return None
    start = _http_date(headers.get("Date", "")) or now or datetime.now(UTC)
    return max(0.0, (moment - start).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


@dataclass
class _Turn:
    """When a host may be asked next, by the monotonic clock."""

    lock: Lock = field(default_factory=Lock)
    next_s: float = 0.0


class Pacer:
    """Spaces this process's requests to each host, and waits where a server asks for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turns: dict[tuple[str, int], _Turn] = {}

    def await_turn(self, host: str, port: int, requests_per_minute: float) -> None:
        """Sleeps until the host may be asked, and takes the turn.

        Args:
            host: Name or address.
            port: TCP port.
            requests_per_minute: Highest rate; 0 for none.
        """
        turn = self._turn(host, port)
        while True:
            with turn.lock:
                now = time.monotonic()
                if now >= turn.next_s:
                    if requests_per_minute:
                        turn.next_s = now + 60.0 / requests_per_minute
                    return
                wait_s = turn.next_s - now
            time.sleep(wait_s)

    def postpone(self, host: str, port: int, seconds: float) -> None:
        """Keeps all threads of this process from asking a host for a number of seconds."""
        turn = self._turn(host, port)
        with turn.lock:
            turn.next_s = max(turn.next_s, time.monotonic() + seconds)

    def _turn(self, host: str, port: int) -> _Turn:
        with self._lock:
            return self._turns.setdefault((host, port), _Turn())
