"""TOML with lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.project.reading.toml_text import read_toml
from dcanary.project.reading.values import ReadingError

TEXT = """\
[package]
name = "map"

[dependencies]
base = "0.7.4"
"odd.name" = "1"

[lib]
crate-type = ["cdylib"]

[dependencies.ic-cdk]
version = "0.13"
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("package", "name"), 2),
        (("dependencies", "base"), 5),
        (("dependencies", "odd.name"), 6),
        (("lib", "crate-type"), 9),
        (("dependencies", "ic-cdk"), 11),
        (("dependencies", "ic-cdk", "version"), 12),
    ],
)
def test_every_key_has_the_line_that_names_it(keys: tuple[str, ...], line: int) -> None:
    found = read_toml(TEXT).get(*keys)
    assert found is not None
    assert found.line == line


def test_what_is_wrong_is_said_with_its_line() -> None:
    with pytest.raises(ReadingError, match="not valid TOML") as caught:
        read_toml('a = 1\n{{name}} = "x"\n')
    assert caught.value.line == 2


def test_deep_nesting_is_an_error() -> None:
    for depth in (100, 100_000):
        with pytest.raises(ReadingError):
            read_toml("a = " + "[" * depth + "]" * depth)


@given(st.text(alphabet="ab=[].\"'{}# \n1,", max_size=60))
def test_garbage_is_an_error_or_a_value_and_nothing_else(text: str) -> None:
    try:
        read_toml(text)
    except ReadingError as error:
        assert error.line >= 1
