"""The public table of error kinds: every failure has one, with its exit code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcanary.client import errors
from dcanary.client.errors import KINDS, ClientError
from dcanary.replica.wire.errors import bad_request
from tests.docs import commands


def kinds_of_failure(kind: type[ClientError] = ClientError) -> Iterator[type[ClientError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__.startswith("dcanary."):
            yield from kinds_of_failure(each)


def test_every_failure_has_a_kind_of_the_table_and_no_exit_code_of_its_own() -> None:
    for _ in commands.walk():
        pass  # Loads every noun, and with it what it can raise.
    import dcanary.cli.operations.executor
    import dcanary.cli.operations.watch  # noqa: F401 # loaded by commands that use them only

    for failure in kinds_of_failure():
        assert failure.error in KINDS, failure
        assert "exit_code" not in vars(failure) or failure is ClientError, failure


def test_the_exit_codes_are_those_that_scripts_depend_on() -> None:
    assert {name: kind.exit_code for name, kind in KINDS.items()} == {
        "usage": 2,
        "file": 2,
        "config": 2,
        "network": 3,
        "local_network": 3,
        "certificate": 3,
        "clock": 3,
        "rejected": 1,
        "refused": 1,
        "sandbox": 1,
        "build": 1,
        "ended": 1,
        "failed": 1,
        "interrupted": 130,
    }


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (errors.RefusedError("Denied", "no", "x.y"), {"kind": "Denied"}),
        (errors.RejectedError(4, "no", "IC0406", "x"), {"reject_code": 4, "error_code": "IC0406"}),
        (errors.ClockError(-200.4), {"ahead_seconds": -200}),
        (errors.ConfigError("no"), {}),
    ],
)
def test_programs_get_what_they_branch_on(error: ClientError, details: dict[str, object]) -> None:
    assert error.details() == details


def test_the_refusal_of_our_network_is_read_as_a_wrong_clock() -> None:
    refusal = bad_request("Minimum allowed expiry: 1714564600000000000, Maximum …")
    from dcanary.client.clock import clock_error

    assert clock_error(str(refusal), 1_714_564_800.0) is not None
