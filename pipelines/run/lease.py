"""Holding a version: one process at a time, from its claim to its end.

The order, marked below: 1. look at the last claim; 2. refuse if it is held; 3. make the next
number; 4. withdraw if meanwhile it was replaced, or the claims were removed or begun anew; 5. where
the claim was taken over by force, give its holder time to notice; 6. beat while the block runs;
7. remove the claims, or, where it was taken over from, say that it ended.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.run.lease_record import (
    Claim,
    Standing,
    confirm_claim,
    judge_claim,
    last_claim,
    lost_error,
    now_text,
    read_claim,
    remove_claims,
    why_lost,
)
from pipelines.run.process import this_process
from pipelines.storage.store import Store
from schemas.errors import FairshardError, RunError

_ROUNDS = 5
_POLL_S = 0.5


@dataclass(frozen=True)
class Timing:
    """How long what takes, in seconds.

    Attributes:
        beat_s: Between two beats.
        give_up_s: A holder that could not reach the store for so long stops itself.
        stale_s: Without a beat for so long, a holder that cannot be looked at counts as dead. Twice
            `give_up_s`, so that it has stopped before.
    """

    beat_s: float = 20.0
    give_up_s: float = 300.0
    stale_s: float = 600.0


USUAL_TIMING = Timing()


class Lease:
    """A version that this process holds. A thread beats; it stops the run if the hold is lost."""

    def __init__(self, store: Store, claim: Claim, timing: Timing) -> None:
        self.claim = claim
        self._store = store
        self._timing = timing
        self._seen = _elapsed()
        self._lost = ""
        self._closing = threading.Event()
        # Held while a signal is sent, so that none is sent once the block has ended.
        self._ending = threading.Lock()
        self._interrupts = threading.current_thread() is threading.main_thread()
        self._thread = threading.Thread(target=self._beat_on, name="beat", daemon=True)

    @property
    def lost(self) -> str:
        """Why the version is no longer held; empty while it is."""
        return self._lost

    def confirm(self) -> None:
        """To be called before anything is made final.

        Raises:
            RunError: If another process may hold the version by now.
        """
        if self._lost:
            raise lost_error(self.claim, self._lost)
        confirm_claim(self._store, self.claim)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def close(self) -> None:
        """Beats no more."""
        with self._ending:
            self._closing.set()
        self._thread.join()

    def _beat_on(self) -> None:
        count = 0
        while not self._lost and not self._closing.wait(self._timing.beat_s):
            count += 1
            self._lost = self._beat(count)
        with self._ending:
            if self._lost and self._interrupts and not self._closing.is_set():
                # A real signal wakes the main thread out of whatever it waits for.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _beat(self, count: int) -> str:
        """Beats once; says why the version is lost, if it is."""
        asked = _elapsed()
        trouble = ""
        try:
            why = why_lost(self._store, self.claim)
            if why:
                return why
            told = json.dumps({"beat": count, "token": self.claim.token}).encode() + b"\n"
            self._store.write_bytes(self.claim.key("beat"), told)
            self._seen = asked
        except (FairshardError, OSError) as error:
            trouble = str(error)
        silent = _elapsed() - self._seen
        if silent > self._timing.give_up_s:
            return f"the output could not be reached for {silent:,.0f} s ({trouble})"
        return ""


@contextmanager
def hold_version(
    store: Store,
    deal_id: str,
    version: str,
    run_id: str,
    *,
    take_over: bool = False,
    timing: Timing = USUAL_TIMING,
) -> Iterator[Lease]:
    """Holds a version while the block runs; nothing is written if another process holds it.

    Args:
        store: The output.
        deal_id: The deal.
        version: Name of the version.
        run_id: Whose it is to be.
        take_over: Whether a holder elsewhere counts as dead, whatever its beat says. One that
            lives on this machine is never taken over from.
        timing: How long what takes.

    Raises:
        RunError: If another process holds it, naming that; or, at the block's end, if it was lost.
    """
    claim = claim_number(store, deal_id, version, run_id, take_over=take_over, timing=timing)
    lease = Lease(store, claim, timing)
    lease.start()  # 6
    try:
        yield lease
    except (KeyboardInterrupt, Exception) as error:
        if lease.lost:
            raise lost_error(claim, lease.lost) from error
        raise
    finally:
        _close(lease)
        _end(store, lease)  # 7


def _close(lease: Lease) -> None:
    try:
        lease.close()
    except KeyboardInterrupt:
        # The signal that the hold was lost came as the block ended; what is final was confirmed.
        lease.close()
        if not lease.lost:
            raise


def claim_number(
    store: Store,
    deal_id: str,
    version: str,
    run_id: str,
    *,
    take_over: bool = False,
    timing: Timing = USUAL_TIMING,
) -> Claim:
    """Makes the next claim to a version.

    Raises:
        RunError: If another process holds it.
    """
    token = secrets.token_hex(8)
    for _ in range(_ROUNDS):
        last = last_claim(store, deal_id, version)  # 1
        standing = None if last is None else judge_claim(store, last, timing.stale_s)
        held = standing is not None and standing.held
        if last is not None and standing is not None and held:  # 2
            forced = take_over and not standing.sure
            if not forced:
                raise _held(last, standing, timing)
        number = 1 if last is None else last.number + 1
        claim = Claim(deal_id, version, number, run_id, this_process(), now_text(), token)
        data = claim.to_json()
        # The answer to a first attempt may be lost, and the second told that there is one.
        if not store.write_new(claim.key(), data) and read_claim(store, claim.key()) != claim:  # 3
            continue
        time.sleep(store.settle_s)
        if last_claim(store, deal_id, version) != claim or _changed(store, last):  # 4
            if read_claim(store, claim.key()) != claim:
                continue  # another's has taken its place: that one is not ours to remove
            store.delete(claim.key())
            continue
        if last is not None and held:
            _await_end(store, last, timing)  # 5
        return claim
    raise RunError(
        "The version cannot be claimed",
        f"{deal_id}/{version}: other runs were quicker {_ROUNDS} times",
        "Run again when they have ended.",
    )


def _held(claim: Claim, standing: Standing, timing: Timing) -> RunError:
    if standing.sure:
        remedy = "Let it end, or end that process, then run again."
    else:
        left = max(0.0, timing.stale_s - standing.age_s)
        remedy = (
            f"Let it end. If that process is dead, run again in {left:,.0f} s, or at once with "
            "--take-over."
        )
    which = f"{claim.tell()}, heard of {standing.age_s:,.0f} s ago"
    return RunError("Another run is making this version", which, remedy)


def _await_end(store: Store, claim: Claim, timing: Timing) -> None:
    """Waits until a holder that was taken over from has ended, or would have noticed by now."""
    until = _elapsed() + 2 * timing.beat_s
    while _elapsed() < until and not store.exists(claim.key("done")):
        time.sleep(min(_POLL_S, timing.beat_s))


def _changed(store: Store, last: Claim | None) -> bool:
    return last is not None and read_claim(store, last.key()) != last


def _end(store: Store, lease: Lease) -> None:
    """Leaves nothing of the claims; one that was taken over from says that it has ended.

    Where the store fails here there is an error to be shown already, or none worth failing for:
    `clean` removes such claims, and the next run sees that this process is dead.
    """
    with contextlib.suppress(FairshardError, OSError):
        if lease.lost:
            store.write_new(lease.claim.key("done"), b"{}\n")
        else:
            remove_claims(store, lease.claim)


def _elapsed() -> float:
    """Seconds that pass while a machine sleeps as well, where it can tell them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
