"""Keeping the executor's own process closed to other programs of the same user."""

import ctypes
import os

# <linux/prctl.h>; Python has no call for it.
_PR_SET_DUMPABLE = 4


def close_process() -> None:
    """Let no other process of this user read this one's memory, environment or descriptors.

    The kernel then refuses ptrace and the private parts of /proc to all but root, and writes no
    core file, in which the key would be. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
