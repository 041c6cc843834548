"""The lease of a version, which makes sure that only one process at a time writes to it.

The steps, numbered in the code: 1. read the latest lease record; 2. refuse if it is held; 3. write
the record with the next number; 4. withdraw if it is not the latest, or the records were removed or
started again; 5. after a forced takeover, give the previous holder time to notice; 6. send
heartbeats while the block runs; 7. remove the records if the lease is still ours.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.process.identity import this_process
from pipelines.run.lease_record import (
    LeaseRecord,
    assess_lease,
    confirm_lease,
    latest_lease_record,
    lease_lost_error,
    loss_reason,
    read_lease_record,
    remove_lease_records,
    utc_now_text,
)
from pipelines.storage.clock import boottime_s
from pipelines.storage.store import Store
from schemas.errors import FairshardError, RunError

_MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class LeaseTiming:
    """Intervals and time limits of a lease, in seconds.

    Attributes:
        heartbeat_s: Interval between two heartbeats.
        give_up_s: A holder that cannot reach the store for this long stops its run.
        stale_s: A holder whose process cannot be checked counts as dead after this long without a
            heartbeat. Twice `give_up_s`, so that the holder has stopped by then.
    """

    heartbeat_s: float = 20.0
    give_up_s: float = 300.0
    stale_s: float = 600.0


DEFAULT_TIMING = LeaseTiming()


class Lease:
    """A lease held by this process. A thread sends heartbeats and stops the run if it is lost.

    Attributes:
        lease_record: The lease record.
        lost_reason: Why the lease was lost; empty while it is held.
    """

    def __init__(self, store: Store, record: LeaseRecord, timing: LeaseTiming) -> None:
        self.lease_record = record
        self.lost_reason = ""
        self._store = store
        self._timing = timing
        self._last_heartbeat_s = boottime_s()
        self._closing = threading.Event()
        # Held while a signal is sent, so that none is sent after the block has ended.
        self._ending = threading.Lock()
        self._can_interrupt = threading.current_thread() is threading.main_thread()
        self._thread = threading.Thread(target=self._heartbeat_loop, name="beat", daemon=True)

    def confirm(self) -> None:
        """Checks that the lease is still held; called before anything is made final.

        Raises:
            RunError: If another process may hold the version.
        """
        if self.lost_reason:
            raise lease_lost_error(self.lease_record, self.lost_reason)
        confirm_lease(self._store, self.lease_record)

    def start(self) -> None:
        """Starts the heartbeat thread."""
        self._thread.start()

    def close(self) -> None:
        """Stops the heartbeat thread."""
        with self._ending:
            self._closing.set()
        self._thread.join()

    def _heartbeat_loop(self) -> None:
        while not self.lost_reason and not self._closing.wait(self._timing.heartbeat_s):
            self.lost_reason = self._send_heartbeat()
        with self._ending:
            if self.lost_reason and self._can_interrupt and not self._closing.is_set():
                # A real signal wakes the main thread from whatever it is waiting for.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _send_heartbeat(self) -> str:
        """Sends one heartbeat; returns why the lease is lost, or ""."""
        started_s = boottime_s()
        try:
            if reason := loss_reason(self._store, self.lease_record):
                return reason
            self._store.write_bytes(self.lease_record.key("beat"), self.lease_record.token.encode())
            self._last_heartbeat_s = started_s
        except (FairshardError, OSError) as error:
            silence_s = boottime_s() - self._last_heartbeat_s
            if silence_s > self._timing.give_up_s:
                return f"the output could not be reached for {silence_s:,.0f} s ({error})"
        return ""


@contextmanager
def hold_version(
    store: Store,
    deal_id: str,
    version: str,
    run_id: str,
    *,
    take_over: bool = False,
    timing: LeaseTiming = DEFAULT_TIMING,
) -> Iterator[Lease]:
    """Holds the lease of a version while the block runs.

    Nothing is written if another process holds it.

    Args:
        store: The output.
        deal_id: The deal.
        version: Name of the version.
        run_id: The run that will hold the version.
        take_over: Whether a holder on another machine counts as dead, whatever its heartbeat says.
            A live holder on this machine is never taken over from.
        timing: Intervals and time limits.

    Raises:
        RunError: If another process holds the lease, naming that process; or, when the block ends,
            if the lease was lost.
    """
    record = acquire_lease(store, deal_id, version, run_id, take_over=take_over, timing=timing)
    lease = Lease(store, record, timing)
    lease.start()  # 6
    try:
        try:
            yield lease
        finally:
            lease.close()
    except (KeyboardInterrupt, Exception) as error:
        if lease.lost_reason:
            raise lease_lost_error(record, lease.lost_reason) from error
        raise
    finally:
        lease.close()  # again, in case a signal interrupted the first call
        # If the store fails here, either there is already an error to show, or the failure does not
        # matter: `clean` removes such records, and the next run sees that this process is dead.
        with contextlib.suppress(FairshardError, OSError):
            if not loss_reason(store, record):
                remove_lease_records(store, record)  # 7


def acquire_lease(
    store: Store,
    deal_id: str,
    version: str,
    run_id: str,
    *,
    take_over: bool = False,
    timing: LeaseTiming = DEFAULT_TIMING,
) -> LeaseRecord:
    """Writes the next lease record of a version and returns it.

    Raises:
        RunError: If another process holds it.
    """
    token = secrets.token_hex(8)
    for _ in range(_MAX_ATTEMPTS):
        latest = latest_lease_record(store, deal_id, version)  # 1
        forced = latest is not None and _refuse_if_held(store, latest, take_over, timing)  # 2
        number = 1 if latest is None else latest.number + 1
        record = LeaseRecord(
            deal_id, version, number, run_id, this_process(), utc_now_text(), token
        )
        # The response is not used: the first attempt's may be lost, and a retry would then be told
        # that the object exists. The stored content shows whose record it is.
        store.write_new(record.key(), record.to_json())  # 3
        time.sleep(store.settle_s)
        last = latest_lease_record(store, deal_id, version) == record
        if last and (latest is None or read_lease_record(store, latest.key()) == latest):
            if forced:
                time.sleep(2 * timing.heartbeat_s)  # 5
            return record
        if read_lease_record(store, record.key()) == record:  # 4
            store.delete(record.key())
    raise RunError(
        "The version cannot be claimed",
        f"{deal_id}/{version}: other runs claimed it first, {_MAX_ATTEMPTS} times",
        "Run again when they have finished.",
    )


def _refuse_if_held(
    store: Store, record: LeaseRecord, take_over: bool, timing: LeaseTiming
) -> bool:
    """Returns whether the version is held under a lease that may be taken over by force.

    Raises:
        RunError: If it is held and may not be taken over.
    """
    status = assess_lease(store, record, timing.stale_s)
    if not status.held or (take_over and not status.certain):
        return status.held
    if status.certain:
        remedy = "Wait for it to finish, or stop that process, then run again."
    else:
        wait_s = max(0.0, timing.stale_s - status.age_s)
        remedy = (
            f"Wait for it to finish. If that process is dead, run again in {wait_s:,.0f} s, or "
            "immediately with --take-over."
        )
    which = f"{record.describe()}, last heartbeat {status.age_s:,.0f} s ago"
    raise RunError("Another run is making this version", which, remedy)
