"""What would keep runs of a pipeline from their end is said when it is registered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcanary.cli.main import run
from dcanary.cli.operations.pipeline_checks import problems, problems_of_run
from dcanary.client.errors import RefusedError
from dcanary.client.system import SystemConfig
from dcanary.client.transport import NetworkAddress

CANISTER = "rwlgt-iiaaa-aaaaa-aaaaa-cai"


@dataclass
class Installed:
    """The targets of an installation: name -> repository; all alike in the rest."""

    targets: dict[str, str] = field(default_factory=dict)
    refusal: str = "NotFound"

    offered: bool = True
    repositories: tuple[str, ...] = ("counter",)
    place: str = "local"
    canister: str | None = None
    controllers: tuple[str, ...] = (CANISTER,)

    @property
    def config(self) -> SystemConfig:
        return SystemConfig(NetworkAddress("http://x", b""), {"deployment": CANISTER})

    @property
    def connection(self) -> Any:
        return SimpleNamespace(
            controllers=lambda raw: list(self.controllers), exists=lambda raw: True
        )

    @property
    def pipeline_config(self) -> Installed:
        return self

    def get_pipeline_version(self, repository: str, version: int) -> Any:
        if version != 1:
            raise RefusedError("NotFound", "there is no such version", "get_pipeline_version")
        return {"definition": definition("counter")}

    def network(self) -> str:
        return "local"

    @property
    def build_executor(self) -> Installed:
        return self

    def check_stages(self, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        problem = None if self.offered else "no executor offers motoko"
        return [{"stage": stage["name"], "problem": problem} for stage in stages]

    @property
    def deployment(self) -> Installed:
        return self

    @property
    def webhook(self) -> Installed:
        return self

    def get_repository(self, name: str) -> dict[str, Any]:
        if name not in self.repositories:
            raise RefusedError("NotFound", f"there is no repository {name}", "get_repository")
        return {"repository": name}

    def get_target(self, name: str) -> dict[str, Any]:
        if name not in self.targets:
            raise RefusedError(self.refusal, f"there is no target {name}", "get_target")
        return {
            "target": name,
            "repository": self.targets[name],
            "network": self.place,
            "canister": self.canister,
        }


def definition(target: str | None) -> Any:
    deploy = None if target is None else {"target": target}
    return {
        "repository": "counter",
        "deploy": deploy,
        "deploys": None,
        "stages": [{"name": "build"}],
    }


def found(installed: Installed, target: str | None) -> list[str]:
    return problems(installed, definition(target))  # type: ignore[arg-type]


def test_a_target_that_is_there_is_no_problem() -> None:
    assert found(Installed({"counter": "counter"}), "counter") == []
    assert found(Installed(), None) == []


def test_a_repository_that_is_not_registered_is_named_with_the_command_that_adds_it() -> None:
    (told,) = found(Installed(repositories=()), None)
    assert told == (
        "the repository counter is not registered, so no push of it is built: "
        "dcanary repository add counter --clone-url URL"
    )


def test_a_target_that_is_not_registered_is_named_with_the_command_that_adds_it() -> None:
    (told,) = found(Installed(), "counter")
    assert "dcanary target add counter --repository counter" in told


def test_a_target_of_another_repository_is_named() -> None:
    (told,) = found(Installed({"shop": "shop"}), "shop")
    assert "belongs to the repository shop" in told


def test_a_target_on_another_network_is_named() -> None:
    (told,) = found(Installed({"shop": "counter"}, place="mainnet"), "shop")
    assert "is on the network mainnet, this installation on local" in told


def test_a_canister_that_deployment_does_not_control_is_named_with_what_to_do() -> None:
    controlled = Installed({"shop": "counter"}, canister="aaaaa-aa")
    assert found(controlled, "shop") == []
    controlled.controllers = ("2vxsx-fae",)
    (told,) = found(controlled, "shop")
    assert f"--add-controller {CANISTER}" in told


def test_other_refusals_are_failures() -> None:
    with pytest.raises(RefusedError):
        found(Installed(refusal="Denied"), "counter")


def run_in(state: str, version: int = 1) -> Any:
    source = {"repository": "counter"}
    return {
        "state": {state: None},
        "source": source,
        "pipeline_version": version,
        "pull_request": None,
    }


def test_a_run_is_told_of_a_missing_target_from_its_beginning() -> None:
    installed: Any = Installed()
    for state in ("Queued", "Running"):
        (told,) = problems_of_run(installed, run_in(state))
        assert "dcanary target add counter --repository counter" in told
    there: Any = Installed({"counter": "counter"})
    assert problems_of_run(there, run_in("Running")) == []


def test_a_run_that_ended_or_whose_pipeline_is_gone_is_told_nothing() -> None:
    installed: Any = Installed()
    assert problems_of_run(installed, run_in("Failed")) == []
    assert problems_of_run(installed, run_in("Running", version=2)) == []


def test_a_stage_that_no_executor_can_build_is_named_with_the_reason() -> None:
    told = found(Installed(offered=False), "counter")
    assert told[0] == "stage build: no executor offers motoko"
    assert len(told) == 2


DEPLOYING = """\
version: 1
name: a
stages: {b: {runtime: shell, commands: ["true"], artifacts: [x.wasm]}}
approval: {approvers: [], threshold: 2}
deploy: {target: a, stage: b, artifact: x.wasm}
"""


def validated(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What `pipeline validate` says of a file, on both streams."""
    file = folder / "dcanary.yml"
    file.write_text(text)
    assert run(["pipeline", "validate", str(file)]) == 0
    return tuple(capsys.readouterr())


def test_a_folder_without_a_pipeline_says_what_makes_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pipeline", "validate", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: there is no file {tmp_path}/dcanary.yml",
        "  give the place of a dcanary.yml, or of the folder that has it; to have one made: "
        f"dcanary init {tmp_path}",
    ]
    assert run(["pipeline", "validate", str(tmp_path / "ci" / "dcanary.yml")]) == 2
    assert "init" not in capsys.readouterr().err


def test_a_pipeline_that_deploys_without_its_approvers_is_valid_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = validated(tmp_path, DEPLOYING, capsys)
    assert "valid" in out
    assert "needs 2 more approvers than it names" in err
    one = DEPLOYING.replace("threshold: 2", "threshold: 1")
    assert "needs 1 more approver than it names" in validated(tmp_path, one, capsys)[1]
    enough = one.replace("approvers: []", f"approvers: [{CANISTER}]")
    assert validated(tmp_path, enough, capsys)[1] == ""
    built = DEPLOYING.partition("approval:")[0]
    assert validated(tmp_path, built, capsys)[1] == ""
