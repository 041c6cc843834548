"""Keeps libraries from giving this process real-time priority.

SVT-AV1 puts its threads, and the thread that opens it, under SCHED_FIFO at priority 99 when it runs
as root, as in most containers. Nothing else then gets a core until the encoder waits: two such
processes on two cores stopped everything else on the machine. What starts later inherits it.
"""

from __future__ import annotations

import ctypes
import sys

# From linux/capability.h.
_VERSION_3 = 0x20080522
_CAP_SYS_NICE = 23


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def keep_ordinary_priority() -> None:
    """Gives up the capability to raise a priority, for this thread and what it starts.

    Only root has it. A call that would raise a priority is then refused, which encoders accept.
    Does nothing where the system is not Linux or does not let a process change its capabilities.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    head, sets = _Head(_VERSION_3, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(head), sets) == 0:
        sets[0].effective &= ~(1 << _CAP_SYS_NICE)
        libc.capset(ctypes.byref(head), sets)
