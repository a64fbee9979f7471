"""`azle test` of the image azle: which canisters are built, and how it ends.

What builds them is the project's Azle, in tests/e2e/test_source_document.py; here it only ends.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import dcanary

COMMAND = Path(dcanary.__file__).parent / "image/standard_images/azle"
NPX = '#!/bin/sh\necho "$CANISTER_CANDID_PATH $*"\n[ "$4" != broken ]\n'


def azle_test(folder: Path, **types: str) -> subprocess.CompletedProcess[str]:
    canisters = {name: {"type": kind} for name, kind in types.items()}
    (folder / "dfx.json").write_text(json.dumps({"canisters": canisters}))
    programs = folder / "bin"
    programs.mkdir()
    for name, text in (("npx", NPX), ("azle", COMMAND.read_text())):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    return subprocess.run(
        ["azle", "test"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_canister_of_azle_is_built_and_no_other(tmp_path: Path) -> None:
    done = azle_test(tmp_path, one="azle", site="assets", two="azle")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{tmp_path}/.azle/{name}/{name}.did --offline azle build {name}" for name in ("one", "two")
    ]


def test_the_first_that_does_not_build_ends_it(tmp_path: Path) -> None:
    done = azle_test(tmp_path, broken="azle", two="azle")
    assert done.returncode == 1
    assert "two" not in done.stdout


@pytest.mark.parametrize("types", [{}, {"site": "assets"}])
def test_a_project_without_one_is_told(tmp_path: Path, types: dict[str, str]) -> None:
    done = azle_test(tmp_path, **types)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "azle test: no canister of dfx.json has the type azle\n"
