"""An order is what was approved, for the target that was approved, or nothing is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import NEW, OLD, OWNER, Installation
from tests.canisters.deployment.management import Canister

if TYPE_CHECKING:
    pass


@pytest.fixture
def canary() -> Installation:
    return Installation()


@pytest.fixture(scope="module")
def refusing() -> Installation:
    """One for all messages that are refused: they change nothing."""
    made = Installation()
    made.existing()
    made.existing(name="other")
    return made


def forged(canary: Installation, **changes: Any) -> dict[str, Any]:
    """A message whose digest is the approved one, that says something else beside it."""
    return {**canary.order(), **changes}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("upgrade_arg", b"other argument"),
        ("upgrade_arg", b""),
        ("mode", {"Reinstall": None}),
        ("memory", {"Replace": None}),
        ("memory", {"Keep": None}),
        ("run", "run-9"),
        ("stage", "test"),
        ("artifact", "other.wasm"),
        ("sha256", "0" * 64),
        ("size", len(NEW) + 1),
        ("target", "other"),
    ],
)
def test_a_message_that_differs_from_the_approved_order_is_refused(
    refusing: Installation, field: str, value: Any
) -> None:
    refused = refusing.start(forged(refusing, **{field: value}))["Err"]["Conflict"]
    assert "differs from the approved order" in refused
    assert {"upgrade_arg": "argument"}.get(field, field) in refused
    refusing.run_until_idle()
    assert refusing.management.calls == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("argument", b"other argument"),
        ("mode", {"Reinstall": None}),
        ("memory", {"Replace": None}),
        ("canister", user_principal(66)),
        ("canister", None),
        ("network", "mainnet"),
        ("replaces", None),
        ("pipeline_version", 2),
        ("gates", [{"gate": {"ModuleKind": None}, "passed": True, "detail": "so it says"}]),
    ],
)
def test_an_order_that_has_another_digest_than_the_approved_one_is_refused(
    refusing: Installation, field: str, value: Any
) -> None:
    message = refusing.order()
    message["order"] = {**message["order"], field: value}
    refused = refusing.start(message)["Err"]["Conflict"]
    assert "approved is" in refused
    assert message["digest"] in refused
    assert refusing.management.calls == []


def test_forging_message_and_order_alike_does_not_help_without_the_digest(
    refusing: Installation,
) -> None:
    message = refusing.order()
    message["upgrade_arg"] = b"other argument"
    message["order"] = {**message["order"], "argument": b"other argument"}
    assert "approved is" in refusing.start(message)["Err"]["Conflict"]


@pytest.mark.parametrize("missing", ["order", "digest"])
def test_a_message_without_order_or_digest_is_refused(refusing: Installation, missing: str) -> None:
    assert (
        "no approved order" in refusing.start(forged(refusing, **{missing: None}))["Err"]["Invalid"]
    )


@pytest.mark.parametrize(
    "changes",
    [{"canister": user_principal(66)}, {"canister": None}, {"network": "mainnet"}],
)
def test_an_approved_order_for_another_place_is_refused(
    refusing: Installation, changes: dict[str, Any]
) -> None:
    message = refusing.bound(refusing.order(), **changes)
    refused = refusing.start(message)["Err"]["Conflict"]
    assert "the order is for" in refused
    assert refusing.management.calls == []


def test_an_order_whose_gate_failed_is_refused(refusing: Installation) -> None:
    gate = {"gate": {"ModuleKind": None}, "passed": False, "detail": "it is a web page"}
    message = refusing.bound(refusing.order(), gates=[gate])
    assert "it is a web page" in refusing.start(message)["Err"]["Conflict"]


def five(canary: Installation) -> list[str]:
    """Releases to five targets; four are at work, the fifth waits."""
    for number in range(5):
        canary.existing(name=f"target-{number}")
    names = [
        canary.start(canary.order(b"module %d" % number, target=f"target-{number}"))["Ok"]
        for number in range(5)
    ]
    assert [canary.state(name) for name in names] == [{"Fetching": None}] * 4 + [{"Queued": None}]
    return names


def given(canary: Installation, **changes: Any) -> dict[str, Any]:
    target = canary.shown("target-4")
    kept = {field: target[field] for field in ("target", "repository", "network", "cycles")}
    return {**kept, "canister": target["canister"], "controllers": [], **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"canister": user_principal(66)},
        {"canister": None},
        {"repository": "other"},
        {"cycles": 7},
    ],
)
def test_a_target_whose_release_waits_cannot_be_changed(
    canary: Installation, changes: dict[str, Any]
) -> None:
    names = five(canary)
    before = canary.shown("target-4")
    refused = canary.admin("update_target", given(canary, **changes))["Err"]["Conflict"]
    assert "release-5" in refused
    assert "cancel_release" in refused
    assert "Conflict" in canary.admin("delete_target", "target-4")["Err"]
    assert "Conflict" in canary.admin("set_network", "mainnet")["Err"]
    assert canary.shown("target-4") == before
    canary.run_until_idle()
    assert all(canary.state(name) == {"Succeeded": None} for name in names)
    assert "Ok" in canary.admin("update_target", given(canary, **changes))


@pytest.mark.parametrize("how", ["repository", "canister", "network"])
def test_repository_canister_and_network_are_checked_again_when_a_release_begins(
    canary: Installation, how: str
) -> None:
    names = five(canary)
    moved = Canister(b"moved\0\0\0\x01\x01", [canary.deployment.id.bytes], 10**12, OLD, "its own")
    canary.management.add(moved)
    # The first line of defence is taken away: what changed nevertheless gets nothing.
    targets = canary.deployment.module("canisters.deployment.targets.rules")
    targets.refuse_open = targets.refuse_network = lambda *_: None
    elsewhere = type(OWNER)(moved.id)
    changes = {"repository": "other", "canister": elsewhere, "network": "mainnet"}
    assert "Ok" in canary.admin("update_target", given(canary, **{how: changes[how]}))
    canary.run_until_idle()
    assert [canary.state(name) for name in names[:4]] == [{"Succeeded": None}] * 4
    failure = canary.failure(names[4])
    assert failure.startswith("Queued: ")
    assert "Nothing was touched" in failure
    assert all(one.module != b"module 4" for one in canary.management.canisters.values())
    assert canary.shown("target-4")["busy"] is None
    assert canary.told()[-1]["state"] == {"Failed": failure}


def test_a_release_that_waits_can_be_cancelled_by_an_operator_only(canary: Installation) -> None:
    names = five(canary)
    operator, viewer = user_principal(5), user_principal(6)
    for who, role in ((operator, "Operator"), (viewer, "Viewer")):
        assert canary.admin("grant_role", who, role) == {"Ok": None}
    cancel = canary.deployment.update
    assert "Denied" in cancel("cancel_release", names[4], caller=viewer)["Err"]
    shown = cancel("cancel_release", names[4], caller=operator)["Ok"]
    assert shown["state"] == {"Cancelled": f"by {operator.to_str()}, before it began"}
    again = cancel("cancel_release", names[4], caller=operator)["Err"]["Conflict"]
    assert "Cancelled" in again
    at_work = cancel("cancel_release", names[0], caller=operator)["Err"]["Conflict"]
    assert "Fetching" in at_work
    assert "NotFound" in cancel("cancel_release", "release-99", caller=operator)["Err"]
    canary.run_until_idle()
    canister = canary.management.canisters[canary.shown("target-4")["canister"].bytes]
    assert (canister.module, canister.status) == (OLD, "running")
    reports = [one["state"] for one in canary.told() if one["release"] == names[4]]
    assert reports == [{"Failed": f"Cancelled: by {operator.to_str()}, before it began"}]
    assert "Ok" in canary.admin("update_target", given(canary, cycles=7))
    assert canary.state(canary.release(target="target-4")) == {"Succeeded": None}
