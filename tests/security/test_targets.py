"""One canister is one target's: releases are locked, snapshotted and taken back by target."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.installation import error, ok
from tests.security.system import System

CANISTER = user_principal(77)


@pytest.fixture
def system() -> System:
    return System()


def target(name: str, canister: Any = CANISTER, repository: str = "demo") -> dict[str, Any]:
    return {
        "target": name,
        "repository": repository,
        "network": "local",
        "canister": canister,
        "controllers": [],
        "cycles": 0,
    }


def test_a_canister_cannot_be_two_targets(system: System) -> None:
    ok(system.own("deployment", "register_target", target("one")))
    for repository in ("demo", "other"):
        again = target("two", repository=repository)
        refused = system.own("deployment", "register_target", again)
        assert "is target one" in error(refused, "Conflict")
    ok(system.own("deployment", "register_target", target("two", None)))
    error(system.own("deployment", "update_target", target("two")), "Conflict")
    ok(system.own("deployment", "update_target", target("one")))


def test_a_canister_that_its_target_let_go_can_be_another_target(system: System) -> None:
    ok(system.own("deployment", "register_target", target("one")))
    ok(system.own("deployment", "update_target", target("one", user_principal(78))))
    ok(system.own("deployment", "register_target", target("two")))
    error(system.own("deployment", "update_target", target("one")), "Conflict")
    ok(system.own("deployment", "delete_target", "two"))
    ok(system.own("deployment", "update_target", target("one")))
