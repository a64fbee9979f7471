"""Installs that were done though nobody said so in time, of a target that has files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.canisters.deployment.asset_target import SITE, AssetTarget
from tests.canisters.deployment.deployment_installation import NEW, OLD, Installation


def lose_the_looks_after_the_install(site: AssetTarget) -> None:
    """Whether it was done is not known before the canister has been started again."""
    management = site.canary.management
    management.faults["install_chunked_code"] = ["silent"]

    handler = site.canary.network.management["install_chunked_code"]

    def without_looks(call: Any) -> bytes:
        management.faults["canister_info"] = ["reject"] * 4
        return handler(call)

    site.canary.network.management["install_chunked_code"] = without_looks


def install_later(site: AssetTarget) -> None:
    """What was under way is done between the look that follows it and the next one."""
    site.canary.management.faults["install_chunked_code"] = ["ignored"]

    def late() -> None:
        if (
            "install_chunked_code" in site.canary.management.calls
            and len(site.canister.changes) == 0
        ):
            site.canister.module, site.canister.state = NEW, "old upgraded"
            at = site.canary.network.time_ns
            site.canister.changes.append((at, site.canary.deployment.id.bytes, True))

    site.canary.after("start_canister", late, 5)


@pytest.mark.parametrize("module", [OLD, None])
def test_a_lost_answer_of_the_install_does_not_leave_the_files_out(module: bytes | None) -> None:
    site = AssetTarget(module=module)
    lose_the_looks_after_the_install(site)
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE
    assert site.canary.management.calls.count("install_chunked_code") == 1
    assert site.canary.shown()["last_release"] == release


def test_an_install_that_is_done_late_does_not_leave_the_files_out() -> None:
    site = AssetTarget()
    install_later(site)
    release = site.release(SITE)
    assert site.canary.state(release) == {"Succeeded": None}
    assert site.content() == SITE
    assert site.canister.state == "old upgraded"


def test_a_late_install_whose_files_are_refused_is_put_back() -> None:
    site = AssetTarget()
    site.put("/of-before.html", b"before")
    install_later(site)
    site.mood("batch", "not today")
    release = site.release(SITE)
    assert "Failed" in site.canary.state(release)
    assert site.canister.module == OLD
    assert site.canister.status == "running"
    assert site.content() == {"/of-before.html": b"before"}
    assert site.canary.shown()["last_release"] is None


def test_an_install_that_an_upgrade_lost_the_answer_of_has_its_time_before_it_is_sent_again() -> (
    None
):
    """Sent at once it was done twice: deployment may be upgraded without being stopped."""
    canary = Installation()
    canister = canary.existing()
    canary.management.faults["install_chunked_code"] = ["never"]
    release = str(canary.start(canary.order())["Ok"])
    canary.run_until_idle(300)
    assert canary.management.calls.count("install_chunked_code") == 1
    assert canary.state(release) == {"Installing": None}
    # What was under way is done now.
    canister.module, canister.state = NEW, "old upgraded"
    canister.changes.append((canary.network.time_ns, canary.deployment.id.bytes, True))
    canary.run_until_idle(300)
    assert canary.state(release) == {"Succeeded": None}
    assert canary.management.calls.count("install_chunked_code") == 1
