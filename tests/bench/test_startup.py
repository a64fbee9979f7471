"""The command line starts fast: what it costs is measured beside a start of Python itself."""

from __future__ import annotations

import pytest

from bench.startup import BARE, COMMANDS, main, measure


def test_help_takes_at_most_four_times_the_start_of_python() -> None:
    least = measure(starts=5)
    assert least["dcanary --help"] <= 4 * least[BARE]


def test_each_ratio_is_printed_with_its_peer(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)
