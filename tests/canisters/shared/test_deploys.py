"""Several targets of one pipeline: their order, and ids of one in the arguments of another."""

from __future__ import annotations

from typing import Any

import pytest
from kybra import Principal

from shared.rules import deploys, references
from shared.rules.limits import MAX_TARGETS_PER_PIPELINE

CANISTER = Principal.from_str("rrkah-fqaaa-aaaaa-aaaaq-cai")
OTHER = Principal.from_str("ryjl3-tyaaa-aaaaa-aaaba-cai")


def deploy(target: str, *refers: str, depends_on: Any = None, textual: bool = False) -> Any:
    """A target whose install argument holds a placeholder for each target that it refers to."""
    placeholder = references.PLACEHOLDER_TEXT if textual else references.PLACEHOLDER
    width = len(placeholder)
    return {
        "target": target,
        "depends_on": depends_on,
        "install_arg": b"DIDL" + placeholder * len(refers),
        "upgrade_arg": b"",
        "install_references": [
            {"canister": name, "offset": 4 + index * width, "textual": textual}
            for index, name in enumerate(refers)
        ]
        or None,
        "upgrade_references": None,
        "assets": None,
    }


def several(*found: Any) -> Any:
    return {"deploy": None, "deploys": list(found)}


def test_a_pipeline_deploys_one_target_several_or_none() -> None:
    one = deploy("a")
    assert deploys.deploys_of({"deploy": one, "deploys": None}) == [one]  # type: ignore[typeddict-item]  # only what is read
    assert deploys.deploys_of(several(one, one)) == [one, one]
    assert deploys.deploys_of({"deploy": None, "deploys": None}) == []  # type: ignore[typeddict-item]  # only what is read


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([deploy("a"), deploy("b"), deploy("c")], ["a", "b", "c"]),
        ([deploy("a", "b"), deploy("b", "c"), deploy("c")], ["c", "b", "a"]),
        ([deploy("a", depends_on=["c"]), deploy("b"), deploy("c")], ["b", "c", "a"]),
        # One of another pipeline is no reason to wait.
        ([deploy("a", "elsewhere"), deploy("b")], ["a", "b"]),
    ],
)
def test_a_target_goes_after_those_that_it_needs(given: Any, expected: Any) -> None:
    assert deploys.order(given) == expected
    assert deploys.problem(several(*given)) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "deploys: is empty: leave it out when nothing is deployed"),
        ([deploy("a"), deploy("a")], "deploys[1].target: a is there twice"),
        (
            [deploy("a", depends_on=["a"])],
            "deploys[0].depends_on: a target cannot depend on itself",
        ),
        ([deploy("a", "a")], "deploys[0]: an argument of a refers to itself"),
        (
            [deploy("a", depends_on=["b"])],
            "deploys[0].depends_on: b is no target of this pipeline",
        ),
        (
            [deploy("a", "b"), deploy("b", depends_on=["c"]), deploy("c", "a", textual=True)],
            "deploys: targets depend on each other in a circle: a -> b -> c -> a",
        ),
        (
            [deploy(f"t{number}") for number in range(MAX_TARGETS_PER_PIPELINE + 1)],
            f"deploys: {MAX_TARGETS_PER_PIPELINE + 1} of them, over {MAX_TARGETS_PER_PIPELINE} "
            "(MAX_TARGETS_PER_PIPELINE)",
        ),
    ],
)
def test_targets_that_cannot_go_one_after_the_other_are_refused(given: Any, expected: str) -> None:
    assert deploys.problem(several(*given)) == expected


def test_a_circle_is_found_beside_targets_that_wait_for_it() -> None:
    found = deploys.order([deploy("z", "a"), deploy("a", "b"), deploy("b", "a")])
    assert found == "targets depend on each other in a circle: a -> b -> a"


def test_one_or_several_but_not_both() -> None:
    both: Any = {"deploy": deploy("a"), "deploys": [deploy("b")]}
    assert "not both" in str(deploys.problem(both))


def test_ids_go_where_their_placeholders_are_and_nowhere_else() -> None:
    for textual in (False, True):
        given = deploy("c", "a", "b", "a", textual=textual)
        found = references.filled(
            given["install_arg"], given["install_references"], {"a": CANISTER, "b": OTHER}
        )
        one, two = CANISTER.bytes, OTHER.bytes
        if textual:
            one, two = CANISTER.to_str().encode(), OTHER.to_str().encode()
        assert found == b"DIDL" + one + two + one


@pytest.mark.parametrize(
    ("offset", "textual", "expected"),
    [
        (3, False, "no placeholder for the canister of a stands at byte 3"),
        (4, True, "no placeholder for the canister of a stands at byte 4"),
        (14, False, "no placeholder for the canister of a stands at byte 14"),
        (2**32 - 1, False, f"no placeholder for the canister of a stands at byte {2**32 - 1}"),
    ],
)
def test_a_reference_without_its_placeholder_is_refused(
    offset: int, textual: bool, expected: str
) -> None:
    given = deploy("b", "a")
    given["install_references"] = [{"canister": "a", "offset": offset, "textual": textual}]
    assert deploys.problem(several(given, deploy("a"))) == f"deploys[0].install_arg: {expected}"
    filled = references.filled(given["install_arg"], given["install_references"], {"a": CANISTER})
    assert filled == expected


def test_one_placeholder_is_for_one_reference() -> None:
    given = deploy("b", "a")
    given["install_references"] *= 2
    expected = "deploys[0].install_arg: the reference to a overlaps another one at byte 4"
    assert deploys.problem(several(given, deploy("a"))) == expected


def test_an_id_that_is_not_known_or_of_another_width_is_not_put_in() -> None:
    given = deploy("b", "a")
    arguments = (given["install_arg"], given["install_references"])
    assert references.filled(*arguments, {}) == "the canister of target a is not known"
    person = Principal(b"\1" * 29)
    assert "whose id has 29 bytes" in str(references.filled(*arguments, {"a": person}))
