"""What must not be in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".sh", ".c", ".h", ".mo", ".lock", ".wit"}
BINARY = {".wasm", ".gz", ".so", ".o", ".a", ".exe", ".whl", ".zip", ".tar"}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def test_no_prebuilt_binary_is_committed() -> None:
    assert [p for p in tracked() if p.suffix in BINARY] == []


def test_locks_name_no_registry_host() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
    assert "index-url" not in (ROOT / "requirements.lock").read_text()


def test_no_file_holds_a_private_key() -> None:
    marker = "-----BEGIN " + "PRIVATE KEY-----"
    held = [p for p in tracked() if p.suffix in TEXT and p.exists() and marker in p.read_text()]
    assert held == []


@pytest.mark.parametrize(
    "folder", ["src", "canisters", "shared", "docs", "examples", "bench", "scripts"]
)
def test_no_machine_path_is_written_down(folder: str) -> None:
    pattern = re.compile(r"(?<![\w/])/(home|root|Users|work)/[a-z]")
    for path in tracked():
        if path.is_relative_to(ROOT / folder) and path.suffix in TEXT and path.exists():
            assert not pattern.search(path.read_text()), path


def test_nothing_waits_in_a_way_that_may_drop_a_cancellation() -> None:
    """In Python 3.11 `asyncio.wait_for` returns normally when what it waits for and a cancellation
    come in the same turn of the loop; `asyncio.timeout` does not."""
    folder = ROOT / "src"
    used = [
        path
        for path in tracked()
        if path.is_relative_to(folder)
        and path.suffix == ".py"
        and path.exists()
        and re.search(r"asyncio\.wait_for\(|from asyncio import .*\bwait_for\b", path.read_text())
    ]
    assert used == []
