"""Who may import whom: the contracts in `.importlinter` and `.importlinter-rules`, followed through
every import, also those that only a type checker sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), str(folder / "src"), str(ROOT / "src")])
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache", str(config)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize("config", [".importlinter", ".importlinter-rules"])
def test_the_import_contracts_are_kept(config: str) -> None:
    done = lint(ROOT, ROOT / config)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_reaches_kybra_through_another_module_breaks_its_contract(
    tmp_path: Path,
) -> None:
    """The check itself: an import of an import counts."""
    for package in ("canisters", "canisters/one", "canisters/one/runs", "shared", "shared/rules"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "canisters/one/store.py").write_text("from kybra import text\n")
    (tmp_path / "canisters/one/words.py").write_text("from canisters.one import store\n")
    (tmp_path / "canisters/one/runs/rules.py").write_text("from canisters.one import words\n")
    done = lint(tmp_path, ROOT / ".importlinter-rules")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "canisters.one.runs.rules -> canisters.one.words" in done.stdout
