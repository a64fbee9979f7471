"""Values as JSON: the mapping that `canister call` documents."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given

from dcanary.candid import CandidError, parse_interface
from dcanary.candid.json import parse_arguments, to_json
from tests.candid.test_text import DID, PERSONS

METHODS = parse_interface(DID).methods


@given(PERSONS)
def test_what_is_printed_can_be_given_back(person: dict[str, Any]) -> None:
    (node,) = METHODS["all"].results.types
    written = json.dumps([to_json(person, node)])
    assert parse_arguments(written, [node]) == [person]


@pytest.mark.parametrize(
    ("method", "given_text", "values"),
    [
        ("count", "[7]", [7, None]),
        ("count", '["123456789012345678901234567890", "a"]', [123456789012345678901234567890, "a"]),
        ("blobs", '["00ff"]', [b"\x00\xff"]),
        ("blobs", "[[0, 255]]", [b"\x00\xff"]),
        ("nothing", "[]", []),
    ],
)
def test_the_documented_forms_are_taken(method: str, given_text: str, values: list[Any]) -> None:
    assert parse_arguments(given_text, METHODS[method].arguments.types) == values


@pytest.mark.parametrize(
    ("method", "given_text", "told"),
    [
        ("count", "[true]", "[0]: expected nat, found true"),
        ("count", "[1.0]", "[0]: expected nat"),
        ("count", "[-1]", "[0]: -1 is out of the range of nat"),
        ("count", "[1e400]", "1e400 is out of the range of float64"),
        ("count", "[NaN]", "NaN is no JSON"),
        ("count", "[1, 2]", "[1]: expected text"),
        ("count", "[1, null, 2]", "2 arguments are expected and 3 given"),
        ("count", '{"a": 1}', "not a JSON array"),
        ("count", "[", "not JSON"),
        ("blobs", '["xyz"]', "hexadecimal"),
        ("blobs", "[[256]]", "[0][0]: 256 is out of the range of nat8"),
        ("all", '[{"name": 3}]', "the field at is missing"),
        ("all", '[{"nmae": 3}]', "there is no field nmae"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(method: str, given_text: str, told: str) -> None:
    with pytest.raises(CandidError) as refused:
        parse_arguments(given_text, METHODS[method].arguments.types)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN"), (0.5, 0.5)],
)
def test_floats_that_json_lacks_are_texts(value: float, shown: object) -> None:
    node = METHODS["all"].arguments.types[4]
    assert to_json(value, node) == shown
    (back,) = parse_arguments(json.dumps([shown]), [node])
    assert back == value or (math.isnan(back) and math.isnan(value))
