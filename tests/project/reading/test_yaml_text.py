"""YAML of icp-cli, with lines and within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.project.reading.values import ReadingError
from dcanary.project.reading.yaml_text import read_yaml


def test_keys_have_lines_and_anchors_and_merges_are_followed() -> None:
    root = read_yaml("base: &b {type: script, x: 1}\nstep:\n  <<: *b\n  x: 2\n")
    step = root.get("step")
    assert step is not None
    assert step.text("type") == "script"
    assert step.text("x") == "2"
    assert step.line == 2


def test_a_file_that_holds_itself_or_a_billion_values_is_refused() -> None:
    with pytest.raises(ReadingError, match="aliases"):
        read_yaml("&a [*a]\n")
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 20)
    )
    with pytest.raises(ReadingError, match="aliases"):
        read_yaml(bomb)


@pytest.mark.parametrize(
    ("text", "line"), [("a: [1\nb: 2", 2), ("x: y: z", 1), ("[" * 100, 1), ("a: \x01", 1)]
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ReadingError) as caught:
        read_yaml(text)
    assert caught.value.line == line


@given(st.text(alphabet="ab:-[]{}&*<!|>'\"#%@ \n\t\u2028", max_size=60))
def test_garbage_is_an_error_or_a_value_and_nothing_else(text: str) -> None:
    try:
        read_yaml(text)
    except ReadingError as error:
        assert error.line >= 1
