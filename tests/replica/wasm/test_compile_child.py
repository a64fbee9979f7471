"""The compiling child ends with the process that wants the module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from dcanary.replica.vm.runtime import Runtime

_PARENT = """
import sys
from pathlib import Path
from dcanary.replica.vm.runtime import Runtime
Runtime(Path(sys.argv[1])).compiler.module(Path(sys.argv[2]).read_bytes())
"""


def slow_module(wat: Callable[[str], bytes]) -> bytes:
    """A small module that takes half a minute and more to compile."""
    size = 600
    body = "".join(
        f"(loop (local.set {n} (i64.add (local.get {n}) (local.get {(n + 1) % size})))"
        for n in range(size)
    )
    sums = "".join(f"(local.set 0 (i64.xor (local.get 0) (local.get {n})))" for n in range(size))
    back = "(br_if 0 (i64.eqz (local.get 0))))" * size
    return wat(f"(module (func (local {'i64 ' * size}) {body} {sums} {back}))")


def test_a_compiling_child_ends_when_its_parent_is_killed(
    tmp_path: Path, wat: Callable[[str], bytes]
) -> None:
    source = tmp_path / "slow.wasm"
    source.write_bytes(slow_module(wat))
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path), str(source)]) as parent:
        try:
            children: list[psutil.Process] = []
            while not children:
                assert parent.poll() is None
                children = psutil.Process(parent.pid).children()
        finally:
            parent.kill()
    gone, alive = psutil.wait_procs(children, timeout=20)
    for child in alive:
        child.kill()
    assert gone and not alive


def test_a_module_is_compiled_in_a_child_that_waits_for_nothing(
    tmp_path: Path, wat: Callable[[str], bytes]
) -> None:
    runtime = Runtime(tmp_path)
    assert runtime.compiler.module(wat("(module (func))")).instructions == 1
    runtime.close()
