"""Which files an entry of `artifacts` takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.pipeline.patterns import fixed_folder, is_pattern, matches
from shared.rules import patterns as of_refs


@pytest.mark.parametrize(
    ("artifact", "path", "taken"),
    [
        ("a.wasm", "a.wasm", True),
        ("dist/", "dist/a/b", True),
        ("dist/", "dist", False),
        ("dist/", "distant/a", False),
        ("build/*.wasm", "build/a.wasm", True),
        ("build/*.wasm", "build/x/a.wasm", False),
        ("**.did", "a/b/c.did", True),
        ("src/**/a", "src/x/y/a", True),
        ("?.txt", "a.txt", True),
        ("?.txt", ".txt", False),
        ("*", ".hidden", True),
    ],
)
def test_an_entry_takes_what_it_says(artifact: str, path: str, taken: bool) -> None:
    assert matches(artifact, path) is taken


@given(st.text("ab/*?", max_size=10), st.text("ab/", max_size=10))
def test_patterns_mean_what_those_of_branches_mean(artifact: str, path: str) -> None:
    asked = f"{artifact}**" if artifact.endswith("/") else artifact
    assert matches(artifact, path) == of_refs.matches(asked, path)


@given(st.text("ab/*?", max_size=10), st.text("ab/", max_size=10))
def test_all_that_an_entry_takes_lies_below_its_fixed_folder(artifact: str, path: str) -> None:
    folder = fixed_folder(artifact)
    if matches(artifact, path) and folder:
        assert path.startswith(f"{folder}/")
    if not is_pattern(artifact):
        assert matches(artifact, artifact)
