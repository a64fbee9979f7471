"""Runs a piece of a test as another user, in a process of its own."""

import ctypes
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

ROOT, ORDINARY = "root", "ordinary user"
# Tests of root's way need root; an ordinary user has the other way only.
USERS = [ROOT, ORDINARY] if os.geteuid() == 0 else [ORDINARY]
_ORDINARY_ID = 65_534


def run_as(user: str, work: Callable[[], Any]) -> Any:
    """What `work` returns (as JSON), computed by `user`. Raises AssertionError with its trace.

    A fork and no new program: an interpreter in root's home could not be started by others.
    """
    if user == ROOT or os.geteuid() != 0:
        return json.loads(json.dumps(work()))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            os.setgroups([])
            os.setresgid(_ORDINARY_ID, _ORDINARY_ID, _ORDINARY_ID)
            os.setresuid(_ORDINARY_ID, _ORDINARY_ID, _ORDINARY_ID)
            # Changing the user closes a process (see close_process); one begun by it is open.
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
            answer = json.dumps({"result": work()})
        except BaseException:
            answer = json.dumps({"error": traceback.format_exc()})
        with os.fdopen(write, "w") as stream:
            stream.write(answer)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        said = json.loads(stream.read() or '{"error": "it ended without an answer"}')
    os.waitpid(child, 0)
    assert "error" not in said, said["error"]
    return said["result"]
