"""What `dcanary pipeline show` says of a pipeline, as text."""

from __future__ import annotations

from typing import Any

from dcanary.cli.pipeline import details


def pipeline(template: dict[str, Any] | None) -> Any:
    def stage(name: str, fetch: object, commands: list[str]) -> dict[str, Any]:
        found = {"name": name, "fetch": fetch, "commands": commands, "runtime": {"Shell": None}}
        return {**found, "quorum": 1, "replicas": 1}

    definition = {
        "repository": "shop",
        "name": "shop",
        "triggers": [{"Manual": None}],
        "stages": [
            stage("packages", {"inputs": []}, []),
            stage("build", None, ["mkdir out", "moc shop.mo"]),
        ],
        "gates": [],
        "approval": {"approvers": [], "threshold": 1},
        "deploy": None,
        "deploys": None,
        "template": template,
    }
    return {"version": 1, "created_ns": 0, "definition": definition}


def test_the_values_of_the_template_and_the_commands_are_shown() -> None:
    values = [
        {"name": "name", "values": ["shop"]},
        {"name": "branches", "values": ["main", "next"]},
    ]
    found: Any = details(pipeline({"name": "motoko", "version": 1, "values": values}))
    assert found["template"] == "motoko@1"
    assert list(found["values"]) == ["name: shop", "branches: main, next"]
    assert list(found["commands"]) == ["build: mkdir out", "build: moc shop.mo"]


def test_a_pipeline_of_a_file_has_no_values() -> None:
    assert "values" not in details(pipeline(None))


def test_a_fetch_stage_is_called_fetch_and_not_by_a_runtime() -> None:
    stages = details(pipeline(None))["stages"]
    assert stages == ["packages (fetch 1 of 1)", "build (shell 1 of 1)"]
