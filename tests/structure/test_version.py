"""The version has one number, wherever it is said."""

from __future__ import annotations

import re
from pathlib import Path

import dcanary
from shared.rules import limits

ROOT = Path(__file__).resolve().parents[2]


def test_package_canisters_and_command_line_say_the_same_version() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert declared is not None
    assert declared[1] == dcanary.__version__ == limits.VERSION
