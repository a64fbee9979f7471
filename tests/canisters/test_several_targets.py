"""Three targets that refer to each other, from the push to their releases in the real canisters."""

from __future__ import annotations

from typing import Any

import pytest
from kybra import Principal

from dcanary.candid.text import encode_untyped
from dcanary.pipeline import parse_pipeline, to_candid
from shared.rules.orders import order_digest
from tests.canisters.deployment.management import Canister
from tests.canisters.installation import STRANGER, error, ok
from tests.canisters.test_run_to_release import Deploying
from tests.security.system import APPROVER, FILE

PIPELINE = f"""\
version: 1
name: shop
on: {{push: {{branches: ["*"]}}}}
stages:
  build: {{runtime: shell, commands: ["true"], artifacts: [{FILE["path"]}]}}
deploy:
  - target: site
    stage: build
    artifact: {FILE["path"]}
    install_arg: '(principal "${{canister:shop}}", "https://${{canister:bank}}.${{network}}")'
    upgrade_arg: '("now ${{canister:bank}}")'
  - target: shop
    stage: build
    artifact: {FILE["path"]}
    install_arg: '(record {{bank = principal "${{canister:bank}}"; fee = 3 : nat}})'
  - target: bank
    stage: build
    artifact: {FILE["path"]}
"""
ORDER = ("bank", "shop", "site")


class Shop(Deploying):
    """A system whose pipeline deploys three targets."""

    def prepare(self) -> None:
        super().prepare()
        self.change(PIPELINE)
        for name in ORDER:
            self.target(name)

    def change(self, text: str) -> None:
        definition = to_candid(parse_pipeline(text.encode()), "demo", [APPROVER.to_str()])
        definition["approval"]["approvers"] = [APPROVER]
        ok(self.own("pipeline_config", "update_pipeline", definition))
        self.run_until_idle()

    def target(self, name: str, repository: str = "demo", canister: Any = None) -> None:
        target = {
            **{"target": name, "repository": repository, "network": "local"},
            **{"canister": canister, "controllers": [], "cycles": 0},
        }
        ok(self.own("deployment", "register_target", target))

    def pushed(self, delivery: str) -> str:
        """A run of the same files, which are stored already."""
        run = self.push(delivery)
        self.vote()
        self.run_until_idle()
        return run

    def asked(self, run: str) -> dict[str, str]:
        """The requests that wait for people, by target."""
        return {
            each["target"]: each["approval"]
            for each in self.run(run)["targets"]
            if "Approving" in each["state"]
        }

    def states(self, run: str) -> list[str]:
        found = {each["target"]: next(iter(each["state"])) for each in self.run(run)["targets"]}
        return [str(found[name]) for name in ORDER]

    def approve(self, approval: str, approve: bool = True) -> None:
        ok(self.decide(int(approval.rpartition("-")[2]), approve))
        self.network.advance(1_200)

    def of(self, name: str) -> Canister:
        """The canister of a target."""
        found = ok(self.canisters["deployment"].query("get_target", name))
        return self.management.canisters[found["canister"].bytes]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def text_of(canister: Canister) -> str:
    return Principal(canister.id).to_str()


def test_each_target_gets_the_ids_of_those_that_were_released_before(shop: Shop) -> None:
    run = shop.built()
    for number, name in enumerate(ORDER):
        # One at a time, since each needs the one before.
        assert list(shop.asked(run)) == [name]
        approval = ok(shop.canisters["verification"].query("get_approval", shop.asked(run)[name]))
        # What people see and bind is what will be sent: no placeholder is left in it.
        assert approval["digest"] == order_digest(approval["order"])
        assert b"${canister" not in approval["order"]["argument"]
        assert approval["request"]["install_arg"] == approval["order"]["argument"]
        assert shop.state(run) == "Approving"
        shop.approve(approval["approval"])
        assert (
            shop.states(run)
            == ["Released"] * (number + 1) + (["Approving", "Waiting", "Waiting"][: 2 - number])
        )
    assert shop.state(run) == "Succeeded"
    bank, middle, site = (shop.of(name) for name in ORDER)
    assert middle.args == [
        encode_untyped(f'(record {{bank = principal "{text_of(bank)}"; fee = 3 : nat}})')
    ]
    assert site.args == [
        encode_untyped(f'(principal "{text_of(middle)}", "https://{text_of(bank)}.local")')
    ]
    found = shop.run(run)["targets"]
    assert [each["target"] for each in found] == ["site", "shop", "bank"]
    assert len({each["release"] for each in found}) == 3

    # The second push upgrades them, with the arguments for that.
    second = shop.pushed("d-2")
    for name in ORDER:
        shop.approve(shop.asked(second)[name])
    assert shop.state(second) == "Succeeded"
    assert site.args[1:] == [encode_untyped(f'("now {text_of(bank)}")')]
    assert shop.management.calls.count("create_canister") == 3


@pytest.mark.parametrize("name", ["build_executor", "verification", "deployment"])
def test_a_canister_that_is_upgraded_between_targets_loses_and_doubles_nothing(
    shop: Shop, name: str
) -> None:
    run = shop.built()
    for target in ORDER:
        approval = shop.asked(run)[target]
        ok(shop.decide(int(approval.rpartition("-")[2])))
        shop.canisters[name].upgrade()
        # In the middle of the release, and between its end and the next request.
        for _ in range(12):
            shop.network.advance(1)
            shop.canisters[name].upgrade()
        shop.network.advance(1_200)
    assert shop.state(run) == "Succeeded"
    assert shop.management.calls.count("create_canister") == 3
    page = {"cursor": None, "limit": 100}
    requests = ok(shop.canisters["verification"].query("list_approvals", page))["items"]
    assert sorted(one["request"]["target"] for one in requests) == sorted(ORDER)
    releases = ok(shop.canisters["deployment"].query("list_releases", None, page))["items"]
    assert [next(iter(one["state"])) for one in releases] == ["Succeeded"] * 3


def test_what_depends_on_a_rejected_target_is_not_asked_about(shop: Shop) -> None:
    run = shop.built()
    shop.approve(shop.asked(run)["bank"])
    shop.approve(shop.asked(run)["shop"], approve=False)
    why = shop.run(run)["state"]["Rejected"]
    assert why.startswith("target shop: approval-2 was rejected by ")
    assert why.endswith("; released before, and left so: bank; not released: site")
    assert shop.asked(run) == {}
    # What was released stays, and a retry asks only about the rest.
    created = shop.of("bank")
    ok(shop.retry_run(run))
    assert list(shop.asked(run)) == ["shop"]
    shop.approve(shop.asked(run)["shop"])
    shop.approve(shop.asked(run)["site"])
    assert shop.state(run) == "Succeeded"
    assert shop.of("bank") is created
    assert created.args == [b"DIDL\0\0"]


def test_a_release_that_fails_and_is_tried_again_takes_the_run_on(shop: Shop) -> None:
    run = shop.built()
    shop.approve(shop.asked(run)["bank"])
    shop.management.faults["install_chunked_code"] = ["reject"]
    shop.approve(shop.asked(run)["shop"])
    why = shop.run(run)["state"]["Failed"]
    assert why.startswith("target shop: release-2: ")
    assert "released before, and left so: bank; not released: site" in why
    assert shop.states(run) == ["Released", "Failed", "Waiting"]
    ok(shop.own("verification", "retry_release", "approval-2"))
    shop.network.advance(1_200)
    shop.approve(shop.asked(run)["site"])
    assert shop.state(run) == "Succeeded"


def test_a_run_that_is_cancelled_between_targets_withdraws_what_is_asked(shop: Shop) -> None:
    run = shop.built()
    shop.approve(shop.asked(run)["bank"])
    approval = shop.asked(run)["shop"]
    ok(shop.own("build_executor", "cancel_run", run))
    shop.run_until_idle()
    assert "released before, and left so: bank" in shop.run(run)["state"]["Cancelled"]
    assert "withdrawn" in shop.approval(2)["state"]["Blocked"]
    assert approval == "approval-2"
    sentence = error(shop.decide(2), "Conflict")
    assert "withdrawn" in sentence


OTHER = PIPELINE[: PIPELINE.index("  - target: site")] + (
    f"""\
  - target: site
    stage: build
    artifact: {FILE["path"]}
    install_arg: '(principal "${{canister:ledger}}")'
"""
)


def test_a_target_of_another_pipeline_is_referred_to_as_it_is_registered(shop: Shop) -> None:
    """It need not be there before people are asked; then it must be, and have a canister."""
    shop.change(OTHER)
    run = shop.built()
    why = shop.run(run)["state"]["Failed"]
    assert "an argument of target site refers to target ledger, which is not registered" in why
    shop.target("ledger", "ledgers")
    ok(shop.retry_run(run))
    assert "ledger, which has no canister yet" in shop.run(run)["state"]["Failed"]
    ledger = Canister((500).to_bytes(8, "big") + b"\1\1", [shop.canisters["deployment"].id.bytes])
    shop.management.add(ledger)
    target = {
        **{"target": "ledger", "repository": "ledgers", "network": "local"},
        **{"canister": Principal(ledger.id), "controllers": [], "cycles": 0},
    }
    ok(shop.own("deployment", "update_target", target))
    ok(shop.retry_run(run))
    shop.approve(shop.asked(run)["site"])
    assert shop.state(run) == "Succeeded"
    assert shop.of("site").args == [encode_untyped(f'(principal "{text_of(ledger)}")')]


def test_an_approval_does_not_hold_when_what_it_refers_to_has_another_canister(shop: Shop) -> None:
    shop.change(OTHER)
    shop.target("ledger", "ledgers", Principal((500).to_bytes(8, "big") + b"\1\1"))
    run = shop.built()
    shop.management.faults["install_chunked_code"] = ["reject"]
    shop.approve(shop.asked(run)["site"])
    assert "install_chunked_code" in shop.run(run)["state"]["Failed"]
    target = {
        **{"target": "ledger", "repository": "ledgers", "network": "local"},
        **{"canister": Principal((501).to_bytes(8, "big") + b"\1\1"), "controllers": []},
        "cycles": 0,
    }
    ok(shop.own("deployment", "update_target", target))
    sentence = error(shop.own("verification", "retry_release", "approval-1"), "Conflict")
    assert "a target that the argument refers to has another canister by now" in sentence


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("target", "bank", "deploys[2].target: bank is there twice"),
        ("depends_on", ["shop"], "deploys[1].depends_on: a target cannot depend on itself"),
        ("depends_on", ["nobody"], "deploys[1].depends_on: nobody is no target of this pipeline"),
        ("depends_on", ["site"], "depend on each other in a circle: site -> shop -> site"),
        ("stage", "test", "deploys[1].stage: there is no stage `test`"),
        (
            "install_references",
            [{"canister": "bank", "offset": 7, "textual": False}],
            "deploys[1].install_arg: no placeholder for the canister of bank stands at byte 7",
        ),
        (
            "upgrade_references",
            [{"canister": "shop", "offset": 7, "textual": False}],
            "deploys[1]: an argument of shop refers to itself",
        ),
    ],
)
def test_a_pipeline_whose_targets_cannot_be_released_is_refused(
    shop: Shop, field: str, value: Any, told: str
) -> None:
    """Also where it was not made by the command line, which refuses it before."""
    definition = to_candid(parse_pipeline(PIPELINE.encode()), "demo", [APPROVER.to_str()])
    definition["approval"]["approvers"] = [APPROVER]
    second = definition["deploys"][1]
    if field == "target":
        definition["deploys"][1] = {**definition["deploys"][2]}
    else:
        second[field] = value
    sentence = error(shop.own("pipeline_config", "update_pipeline", definition), "Invalid")
    assert told in sentence


def test_who_is_no_sibling_cannot_ask_where_targets_are(shop: Shop) -> None:
    request = {
        **{"target": "bank", "repository": "demo", "run": "run-1", "stage": "build"},
        **{"artifact": FILE["path"], "sha256": FILE["sha256"], "size": FILE["size"]},
        **{
            "mode": {"Auto": None},
            "memory": {"Default": None},
            "references": ["shop"],
            "release": None,
        },
    }
    error(shop.canisters["deployment"].update("plan_release", request, caller=STRANGER), "Denied")
