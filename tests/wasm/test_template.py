"""The cache of the runtime template."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from dcanary.wasm import BuildError, Template, ToolError, _glue, _template, _tools, ensure_template
from tests.wasm.conftest import ROOT

TWO_AT_ONCE = """
import hashlib, json, sys, time
from pathlib import Path
from dcanary.wasm import _template
cache = Path(sys.argv[1])

def build(root, folder, progress, node_modules):
    with (cache / "log").open("a") as log:
        log.write("built\\n")
    time.sleep(0.5)
    folder.mkdir()
    names = ("a.wasm", "b.wasm", "stdlib.zip")
    for name in names:
        (folder / name).write_bytes(b"")
    empty = hashlib.sha256(b"").hexdigest()
    (folder / "sha256.json").write_text(json.dumps(dict.fromkeys(names, empty)))

_template._build = build
print(_template.ensure_template(cache, print).built)
"""


def test_two_processes_that_ask_at_once_build_it_once(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path)],
            env={"PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = sorted(process.communicate(timeout=60)[0].splitlines()[-1] for process in running)
    assert answers == ["False", "True"]
    assert (tmp_path / "log").read_text() == "built\n"


def test_who_waits_for_another_process_says_for_which(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    lock = tmp_path / "templates" / f"{_template.template_key()[:32]}.lock"
    with filelock.FileLock(lock):
        second = subprocess.Popen(
            [sys.executable, "-uc", TWO_AT_ONCE, str(tmp_path)],
            env={"PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert second.stdout is not None
        said = second.stdout.readline()
    assert said == f"waiting: process {os.getpid()} is making the canister template\n"
    assert second.communicate(timeout=60)[0].splitlines()[-1] == "True"


def test_what_will_take_minutes_says_about_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ToolError("enough of it")

    monkeypatch.setattr("dcanary.wasm._link.link_templates", fail)
    lines: list[str] = []
    with pytest.raises(ToolError, match="enough of it"):
        ensure_template(tmp_path, lines.append)
    assert re.fullmatch(
        r"making the canister template, once per version: about \d+ (min|s) on this machine",
        lines[0],
    )
    # Who waits for an executor looks at its last line only: this one must stand for seconds.
    assert lines[1:] == []


def test_the_key_follows_the_glue_and_the_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    key = _template.template_key()
    assert key == _template.template_key()
    sources = _glue.glue_sources()
    monkeypatch.setattr(_glue, "glue_sources", lambda: {**sources, "ic0.h": b"other"})
    changed = _template.template_key()
    monkeypatch.setattr(_tools, "ZIG", "0.0.1")
    assert len({key, changed, _template.template_key()}) == 3


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match=r"cannot be kept in .* \(Not a directory\); make the"):
        ensure_template(tmp_path / "file")


def test_a_missing_tool_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="binaryen was not found"):
        ensure_template(tmp_path / "cache", node_modules=tmp_path)
    left = [path.name for path in (tmp_path / "cache" / "templates").iterdir()]
    assert all(name.endswith(".lock") for name in left)


@pytest.mark.replica
def test_a_template_is_taken_from_the_cache(template: Template) -> None:
    lines: list[str] = []
    again = ensure_template(template.folder.parent.parent, lines.append)
    assert (again.key, again.folder, again.built) == (template.key, template.folder, False)
    assert lines == []


@pytest.mark.replica
def test_a_damaged_template_is_noticed(template: Template, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(template.folder, folder)
    assert _template.is_complete(folder)
    content = bytearray((folder / "b.wasm").read_bytes())
    content[-1] ^= 1
    (folder / "b.wasm").write_bytes(content)
    assert not _template.is_complete(folder)
    (folder / "sha256.json").write_text(json.dumps({"a.wasm": hashlib.sha256(b"").hexdigest()}))
    assert not _template.is_complete(folder)


@pytest.mark.replica
def test_a_compiled_form_of_another_machine_is_replaced(template: Template, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(template.folder, folder)
    compiled = folder / _template.compiled_name()
    compiled.write_bytes(b"made for something else")
    assert Template(template.key, folder, built=False).module_a.exports
    assert compiled.read_bytes() != b"made for something else"
