"""Ids of canisters in the environment of stages: seen by all who build, before a release."""

from __future__ import annotations

import pytest

from dcanary.candid import principal
from dcanary.pipeline import PipelineFileError, parse_pipeline, to_candid
from dcanary.pipeline.references import Installation, stand_in

FILE = """\
version: 1
name: shop
on: {manual: true}
environment:
  NETWORK: "${network}"
stages:
  build:
    runtime: shell
    environment:
      CANISTER_ID_LEDGER: "${canister:ledger}"
      HOME_OF: "${HOME}/x"
      BOTH: "at ${network}: ${canister:ledger}"
    commands: [make]
"""
LEDGER = "bkyz2-fmaaa-aaaaa-qaaaq-cai"


def variables(installation: Installation) -> dict[str, str]:
    """The environment of the stage and of the pipeline, as the record for the chain has them."""
    record = to_candid(parse_pipeline(FILE.encode(), installation=installation), "shop")
    found = [*record["environment"], *record["stages"][0]["environment"]]
    return {one["name"]: one["value"] for one in found}


def installed(**canisters: str | None) -> Installation:
    """An installation with these targets."""
    return Installation(lambda: "mainnet", canisters.__contains__, canisters.__getitem__)


def test_ids_and_the_network_are_put_in_and_other_braces_stay() -> None:
    assert variables(installed(ledger=LEDGER)) == {
        "NETWORK": "mainnet",
        "CANISTER_ID_LEDGER": LEDGER,
        "HOME_OF": "${HOME}/x",
        "BOTH": f"at mainnet: {LEDGER}",
    }


def test_without_an_installation_an_id_stands_in_that_is_the_same_everywhere() -> None:
    found = variables(Installation())
    assert found["CANISTER_ID_LEDGER"] == stand_in("ledger") != stand_in("shop")
    assert len(principal.from_text(stand_in("ledger"))) == 10


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (
            {"ledger": None},
            "dcanary.yml:10:7: stages.build.environment.CANISTER_ID_LEDGER: ${canister:ledger}: "
            "the target ledger has no canister yet, and its id is needed before anything is built: "
            "dcanary target create ledger",
        ),
        (
            {},
            "dcanary.yml:10:7: stages.build.environment.CANISTER_ID_LEDGER: ${canister:ledger}: "
            "there is no target ledger: add it",
        ),
    ],
)
def test_an_id_that_is_not_known_is_said_with_its_line(
    targets: dict[str, str | None], told: str
) -> None:
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(FILE.encode(), installation=installed(**targets))
    assert str(caught.value).startswith(told)


def test_a_name_that_no_target_can_have_is_refused() -> None:
    with pytest.raises(PipelineFileError, match="the target's name"):
        parse_pipeline(FILE.replace("canister:ledger", "canister:Le dger").encode())
