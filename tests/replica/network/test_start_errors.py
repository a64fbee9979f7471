"""What is told of a network that does not start is of this start."""

from pathlib import Path

import pytest

from dcanary.replica.network import control
from dcanary.replica.network.files import LOG_FILE


def test_errors_of_earlier_starts_are_not_told(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).write_text("an error of an earlier start\n")
    with pytest.raises(control.NetworkError, match="no such host of mine") as caught:
        control.ensure(tmp_path, host="no such host of mine")
    assert "earlier start" not in str(caught.value)
    assert (tmp_path / LOG_FILE).read_text().startswith("an error of an earlier start\n")
