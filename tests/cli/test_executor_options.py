"""What `executor start` takes reaches an executor in the background unchanged."""

import click
import pytest

from dcanary.cli.app import cli
from dcanary.cli.executor import start
from dcanary.cli.operations.executor import Offering

GIVEN = [
    Offering(),
    Offering(3, 5 * 1024**3 + 1, True, "eu-west", ("gpu", "a b")),
    Offering(labels=("--background",)),
    Offering(build_images=False),
    Offering(cache_bytes=0),
    Offering(cache_bytes=3 * 1024**3),
]


def _parsed(arguments: list[str]) -> dict[str, object]:
    """The options as the command below `dcanary` reads them."""
    # A command keeps the help option of its first context: without the parent's settings, every
    # later help text of this process would lack `-h`.
    parent = click.Context(cli, **cli.context_settings)
    return start.make_context("start", ["alice-1", *arguments], parent).params


@pytest.mark.parametrize("offering", GIVEN)
def test_the_options_in_the_background_are_those_that_were_given(offering: Offering) -> None:
    parsed = _parsed(offering.arguments())
    names = ("slots", "memory", "allow_network", "region", "labels", "build_images", "cache")
    assert [parsed[name] for name in names] == list(vars(offering).values())
    assert parsed["name"] == "alice-1"
    assert not parsed["background"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--slots", "0"],
        ["--slots", "17"],
        ["--memory", "much"],
        ["--memory", "-1B"],
        ["--cache", "big"],
    ],
)
def test_what_cannot_be_offered_is_refused(arguments: list[str]) -> None:
    with pytest.raises(click.BadParameter):
        _parsed(arguments)
