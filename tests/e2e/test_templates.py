"""Templates of an installation: shipped, changed by people, and what is made of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.operations.templates import install_shipped
from dcanary.project import template as shipped
from tests.e2e.world import World

OURS = """\
category: static
description: Ours.
parameters:
  name: {pattern: "[a-z]+", about: Name of the pipeline.}
  greeting: {default: hello, about: What is said.}
---
version: 1
name: {{name}}
stages:
  site:
    runtime: shell
    commands:
      - echo {{greeting|shell}} > index.html
    artifacts: [index.html]
"""


def json_of(world: World, *arguments: str) -> Any:
    done = world.run("--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ours(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template of people, in the installation and in a file."""
    file = tmp_path_factory.mktemp("templates") / "ours.yml"
    file.write_text(OURS)
    assert json_of(world, "template", "create", str(file))["version"] == 1
    return file


def test_a_deployment_brings_templates_and_keeps_what_people_do(world: World, ours: Path) -> None:
    usable = [name for name in shipped.names() if not shipped.load(name).not_yet]
    listed = {row["name"]: row for row in json_of(world, "template", "list")}
    assert set(usable) | {"ours"} == set(listed)
    actor = world.system.pipeline_config
    assert set(install_shipped(actor).values()) == {"unchanged"}
    changed = ours.with_name("static.yml")
    changed.write_text(OURS)
    assert json_of(world, "template", "update", str(changed))["version"] == 2
    assert world.run("template", "delete", "library", "--yes").returncode == 0
    done = install_shipped(actor)
    assert done["static"] == "kept as people changed it"
    assert done["library"] == "kept deleted"
    assert json_of(world, "template", "show", "static")["description"] == "Ours."
    assert json_of(world, "template", "show", "static@1")["description"] != "Ours."
    assert json_of(world, "template", "show", "static", "--local")["version"] is None
    rows = json_of(world, "template", "versions", "static")
    assert [(row["version"], row["shipped"] is None) for row in rows] == [(2, True), (1, False)]


def test_a_file_made_of_a_template_names_its_version(
    world: World, ours: Path, tmp_path: Path
) -> None:
    parameters = ["--param", "name=shop", "--param", 'greeting=a: "b" # {c} $(touch x)']
    made = world.run("init", str(tmp_path), "--template", "ours", *parameters)
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "dcanary.yml").read_text()
    assert "template: ours@1" in text
    assert world.run("pipeline", "validate", str(tmp_path)).returncode == 0
    old = world.run("init", str(tmp_path), "--template", "ours@7", *parameters, "--force")
    assert old.returncode == 2
    assert "no version 7" in old.stderr


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (["--param", "nmae=x"], "has no parameter nmae: use one of name, greeting"),
        ([], "needs the parameter name"),
        (["--param", "name=A: b"], "the parameter name: 'A: b' is not [a-z]+"),
        (["--param", "name"], "write NAME=VALUE"),
        (["--param", "name=a", "--param", "name=b"], "is given twice"),
    ],
)
def test_a_wrong_parameter_is_named(
    world: World, ours: Path, parameters: list[str], said: str
) -> None:
    options = ["--repository", "r", "--template", "ours", *parameters]
    done = world.run("pipeline", "create", *options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_a_pipeline_made_of_a_template_runs_and_keeps_its_values(world: World, ours: Path) -> None:
    value = {
        "repository": "greeting",
        "provider": {"GitHub": None},
        "clone_url": "http://localhost:7000/greeting.git",
        "secret": bytes(32),
    }
    world.system.webhook.ask("register_repository", value)
    hostile = 'x\'; touch /tmp/y; echo "$(id)" `id` \\'
    options = ["--template", "ours", "--param", "name=greeting", "--param", f"greeting={hostile}"]
    made = json_of(world, "pipeline", "create", "--repository", "greeting", *options)
    use = made["definition"]["template"]
    assert (use["name"], use["version"]) == ("ours", 1)
    assert {each["name"]: each["values"] for each in use["values"]} == {
        "name": ["greeting"],
        "greeting": [hostile],
    }
    (command,) = made["definition"]["stages"][0]["commands"]
    assert shlex.split(command)[:2] == ["echo", hostile]
    shown = world.run("pipeline", "show", "greeting")
    assert "ours@1" in shown.stdout
