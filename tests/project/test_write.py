"""The written file: comments on what was found, above a pipeline that is valid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.pipeline import parse_pipeline
from dcanary.project.facts import Place
from dcanary.project.plan.fit import Fit, Open
from dcanary.project.template import TemplateError, load
from dcanary.project.write import MAX_OPEN, pipeline_text


def test_facts_and_open_points_are_comments() -> None:
    fit = Fit("motoko", {"name": "shop"}, (Open("not done", Place("dfx.json", 3)),))
    text = pipeline_text(load("motoko"), fit, ["dfx.json:2: motoko canister shop"])
    head = text[: text.index("\n\n")].splitlines()
    assert head[4:] == [
        "# Found:",
        "#   dfx.json:2: motoko canister shop",
        "#",
        "# Open, for you to decide:",
        "# - dfx.json:3: not done (docs/how-to/bring-your-project.md)",
    ]
    assert parse_pipeline(text.encode()).name == "shop"


@given(st.text(max_size=300))
def test_a_fact_cannot_end_its_comment(fact: str) -> None:
    fit = Fit("node", {}, (Open(fact),))
    text = pipeline_text(load("node"), fit, [fact])
    assert parse_pipeline(text.encode()).name == "app"
    assert all(len(line) <= 120 for line in text.splitlines())


def test_hundreds_of_open_points_are_cut() -> None:
    fit = Fit("node", {}, tuple(Open(f"point {n}") for n in range(300)))
    text = pipeline_text(load("node"), fit, [])
    assert text.count("point") == MAX_OPEN
    assert f"{300 - MAX_OPEN} more" in text


def test_values_that_make_no_pipeline_are_told_with_the_field() -> None:
    with pytest.raises(TemplateError, match="name: must be lower-case letters"):
        pipeline_text(load("node"), Fit("node", {"name": "Not A Name"}), [])
