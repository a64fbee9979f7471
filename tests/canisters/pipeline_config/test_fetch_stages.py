"""What a stage that fetches packages must be."""

from typing import Any

import pytest

from canisters.pipeline_config.pipelines.stages import stages_problem
from shared.rules.limits import MAX_HOSTS, MAX_LOCKS
from tests.canisters.pipeline_config.pipelines import stage


def fetch_stage(fetch: Any = None, **changed: Any) -> Any:
    return {
        **stage("packages"),
        "runtime": {"Shell": None},
        "commands": [],
        "artifacts": ["packages.manifest"],
        "fetch": fetch or {"locks": ["package-lock.json"], "hosts": []},
        "keep": {"Executors": None},
        **changed,
    }


def problem(fetch: Any = None, **changed: Any) -> str:
    found = stages_problem([fetch_stage(fetch, **changed)])
    assert found is not None and found.startswith("stage packages: "), found
    return found


def test_a_stage_that_fetches_and_one_that_uses_it_are_taken() -> None:
    hosts = {"locks": ["web/yarn.lock", "Cargo.lock"], "hosts": ["registry.example.org:8443"]}
    needs = {"cpus": None, "image": None, "region": "eu", "image_lock": None, "labels": []}
    for made in (fetch_stage(), fetch_stage(hosts), fetch_stage(needs=needs, keep=None)):
        assert stages_problem([made, stage("build", depends_on=["packages"])]) is None


@pytest.mark.parametrize(
    ("fetch", "named"),
    [
        ({"locks": [], "hosts": []}, "at least one lock file"),
        ({"locks": ["a.lock", "a.lock"], "hosts": []}, "fetch.locks: one is named twice"),
        ({"locks": ["../yarn.lock"], "hosts": []}, "fetch.locks: `../yarn.lock`"),
        ({"locks": [f"{n}.lock" for n in range(MAX_LOCKS + 1)], "hosts": []}, "MAX_LOCKS"),
        ({"locks": ["yarn.lock"], "hosts": ["https://a.org"]}, "fetch.hosts: `https://a.org`"),
        ({"locks": ["yarn.lock"], "hosts": ["a.org", "a.org"]}, "fetch.hosts: one is named twice"),
        ({"locks": ["yarn.lock"], "hosts": [f"{n}.org" for n in range(MAX_HOSTS + 1)]}, "MAX_HOST"),
    ],
)
def test_locks_and_hosts_have_bounds(fetch: Any, named: str) -> None:
    assert named in problem(fetch)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("commands", ["npm ci"], "commands: a stage that fetches runs none"),
        ("runtime", {"Node": None}, "runtime"),
        ("artifacts", [], "artifacts: that of a stage that fetches is `packages.manifest`"),
        ("artifacts", ["node_modules/"], "`packages.manifest`"),
        ("keep", {"Chain": None}, "keep: packages stay with executors"),
        ("cache", {"inputs": ["yarn.lock"]}, "cache"),
        ("reports", {"tests": "junit.xml", "flaky": None}, "reports"),
        ("secrets", ["TOKEN"], "secrets"),
    ],
)
def test_what_makes_no_sense_without_commands_is_refused(
    field: str, value: Any, named: str
) -> None:
    assert named in problem(**{field: value})


def test_a_stage_that_fetches_asks_for_no_network_and_no_image() -> None:
    resources = {**fetch_stage()["resources"], "network": True}
    assert "resources.network" in problem(resources=resources)
    needs = {"cpus": None, "image": "ab" * 32, "region": None, "image_lock": None, "labels": []}
    assert "no image" in problem(needs=needs)


def test_another_stage_cannot_bring_a_file_of_the_manifests_name() -> None:
    other = {**stage("other"), "artifacts": ["packages.manifest"]}
    both = stage("build", depends_on=["packages", "other"])
    found = stages_problem([fetch_stage(), other, both])
    assert found is not None and "both bring the file packages.manifest" in found
