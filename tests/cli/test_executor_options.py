"""What `executor start` takes reaches an executor in the background unchanged."""

import click
import pytest

from dcanary.cli.executor import start
from dcanary.cli.operations.executor import Offering

GIVEN = [
    Offering(),
    Offering(3, 5 * 1024**3 + 1, True, "eu-west", ("gpu", "a b")),
    Offering(labels=("--background",)),
]


@pytest.mark.parametrize("offering", GIVEN)
def test_the_options_in_the_background_are_those_that_were_given(offering: Offering) -> None:
    parsed = start.make_context("start", ["alice-1", *offering.arguments()]).params
    assert (
        Offering(
            parsed["slots"],
            parsed["memory"],
            parsed["allow_network"],
            parsed["region"],
            parsed["labels"],
        )
        == offering
    )
    assert parsed["name"] == "alice-1"
    assert not parsed["background"]


@pytest.mark.parametrize(
    "arguments", [["--slots", "0"], ["--slots", "17"], ["--memory", "much"], ["--memory", "-1B"]]
)
def test_what_cannot_be_offered_is_refused(arguments: list[str]) -> None:
    with pytest.raises(click.BadParameter):
        start.make_context("start", ["alice-1", *arguments])
