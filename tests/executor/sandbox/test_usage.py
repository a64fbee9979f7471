"""What a job uses, also when it gives its processes and mappings names to mislead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dcanary.executor.sandbox.usage import tree_usage

MAPPED_BYTES = 4 << 20
NAMED = """
import ctypes, mmap, os, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
memory = os.memfd_create(sys.argv[2])
os.ftruncate(memory, int(sys.argv[3]))
kept = mmap.mmap(memory, int(sys.argv[3]))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def named(process: str, memory: str) -> Iterator[int]:
    """A process of that name that maps shared memory of that name, without touching its pages."""
    command = [sys.executable, "-c", NAMED, process, memory, str(MAPPED_BYTES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield started.pid
        assert started.stdin is not None
        started.stdin.close()


@pytest.mark.parametrize("end", ["\r", "\f", "\x1c", "\u0085", "\u2028"], ids=ascii)
def test_names_of_a_job_cannot_write_lines_of_its_own(end: str) -> None:
    with named("plain", "plain") as pid:
        plain = tree_usage(pid)
    with named(f"{end}RssAnon:", f"a{end}b c d e f g") as pid:
        misled = tree_usage(pid)
    with named("plain", f"a{end}0-ffffffffff rw-s 0 0:1 9 /memfd:b") as pid:
        claimed = tree_usage(pid)
    assert plain.memory_bytes >= MAPPED_BYTES
    for found in (misled, claimed):
        assert abs(found.memory_bytes - plain.memory_bytes) < MAPPED_BYTES // 2
