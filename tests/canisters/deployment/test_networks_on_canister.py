"""An installation releases to the network that it is on, and says so before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.canisters.deployment.deployment_installation import Installation

if TYPE_CHECKING:
    pass


@pytest.fixture
def canary() -> Installation:
    return Installation()


@pytest.mark.parametrize("network", ["mainnet", "ic", "Local", "local ", "testnet"])
def test_a_target_of_another_network_is_refused_with_what_is_possible(
    canary: Installation, network: str
) -> None:
    refused = canary.target(network=network)["Err"]["Conflict"]
    assert f"is on network {network}, this installation on local" in refused
    assert "Register it on local" in refused
    assert "NotFound" in canary.deployment.query("get_target", "counter")["Err"]


def test_a_target_cannot_be_moved_to_another_network(canary: Installation) -> None:
    canary.target()
    target = canary.shown()
    for field in ("module_hash", "last_release", "busy", "last_change"):
        del target[field]
    moved = canary.admin("update_target", {**target, "network": "mainnet"})
    assert "not supported" in moved["Err"]["Conflict"]
    assert canary.shown()["network"] == "local"


def test_an_installation_that_is_on_mainnet_takes_targets_there_only(
    canary: Installation,
) -> None:
    assert canary.admin("set_network", "mainnet") == {"Ok": None}
    assert canary.deployment.query("network") == "mainnet"
    assert "Ok" in canary.target(network="mainnet")
    assert "Conflict" in canary.target("other")["Err"]


def test_a_target_from_before_is_neither_planned_nor_released_to(canary: Installation) -> None:
    canary.existing()
    order = canary.order()
    canary.admin("set_network", "mainnet")
    request = {
        field: order[field]
        for field in ("target", "repository", "run", "stage", "artifact", "sha256", "size")
    }
    request |= {
        "mode": {"Auto": None},
        "memory": {"Default": None},
        "references": None,
        "release": None,
    }
    planned = canary.deployment.update("plan_release", request, caller=canary.verification)
    assert "not supported" in planned["Err"]["Conflict"]
    assert "network" in canary.start(order)["Err"]["Conflict"]
    assert canary.management.calls == []


def test_a_name_of_a_network_has_a_length(canary: Installation) -> None:
    for name in ("", "x" * 65):
        assert "Invalid" in canary.admin("set_network", name)["Err"]
